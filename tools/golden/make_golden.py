#!/usr/bin/env python3
"""Tiny random SmolVLM checkpoints in Hugging Face layout, and what the reference makes of them.

    make_golden.py OUT          the committed set (tests/data/golden), samples of large tensors
    make_golden.py OUT --seed 7 --count 10 [--full]     other checkpoints of the same kinds

The reference is transformers 5.23.0 in fp32 with eager attention and the PIL image processor, on
weights rounded to the type in the file.  tests/golden/README.md describes the files."""

import argparse
import json
import os
import shutil
import sys
import tempfile

import numpy as np
import PIL
import safetensors.torch
import tokenizers
import torch
import transformers
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoProcessor,
    Idefics3ForConditionalGeneration,
    SmolVLMForConditionalGeneration,
)
from transformers.image_utils import load_image

import check_numpy
import make_gguf
import pictures
import tiny_tokenizer

FAMILIES = {  # model, processor, image processor
    "smolvlm": (SmolVLMForConditionalGeneration, "SmolVLMProcessor", "SmolVLMImageProcessor"),
    "idefics3": (Idefics3ForConditionalGeneration, "Idefics3Processor", "Idefics3ImageProcessor"),
}
N_GENERATE = 64
SAMPLE = 2500  # values kept of a large tensor
TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
TEMPLATE = (  # byte for byte the template of the SmolVLM2 releases
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)

GRANITE_TEMPLATE = (  # of the shape of Granite-Docling's: strings or parts, roles between marks
    "{%- for message in messages -%}{{- '<|start_of_role|>' + message['role'] + '<|end_of_role|>' "
    "-}}{%- if message['content'] is string -%}{{- message['content'] -}}{%- else -%}{%- for part in "
    "message['content'] -%}{%- if part['type'] == 'text' -%}{{- part['text'] -}}{%- elif part['type'] "
    "== 'image' -%}{{- '<image>' -}}{%- endif -%}{%- endfor -%}{%- endif -%}{{- '<|end_of_text|>\n' "
    "-}}{%- endfor -%}{%- if add_generation_prompt -%}{{- '<|start_of_role|>assistant' -}}{%- if "
    "controls -%}{{- ' ' + controls | tojson() -}}{%- endif -%}{{- '<|end_of_role|>' -}}{%- endif -%}"
)

# ---- what to make --------------------------------------------------------------------------------

# A picture is (file, width, height[, mode[, orientation]]); a request is a list of messages
# (role, part...), a part is text or ("image", k) of its pictures.
ASK = "What is the total?"
TEXT = [
    ("system", "You are a helpful assistant."),
    ("user", "How many items? Answer in 1 word, please."),
]
ONE = [("user", ("image", 0), ASK)]
THREE = [("user", ("image", 0), ("image", 1), "Compare:", ("image", 2), " Is it the same?")]
TALK = [
    ("system", "You are a helpful assistant."),
    ("user", ("image", 0), "Read the label."),
    ("assistant", " The price is 12.50 EUR."),
    ("user", "And", ("image", 1), "this one?\nNaïve — 你好"),
]


def text_part(hidden, ffn, heads=None, kv=None, head=None, layers=2, **more):
    names = dict(num_attention_heads=heads, num_key_value_heads=kv, head_dim=head)
    given = {k: v for k, v in names.items() if v is not None}
    return dict(hidden_size=hidden, intermediate_size=ffn, num_hidden_layers=layers) | given | more


def vision_part(hidden, tile, patch=None, heads=None, ffn=None, layers=2, **more):
    names = dict(patch_size=patch, num_attention_heads=heads, intermediate_size=ffn)
    given = {k: v for k, v in names.items() if v is not None}
    return dict(hidden_size=hidden, image_size=tile, num_hidden_layers=layers) | given | more


COMMITTED = {
    "gqa-f32": dict(
        text=text_part(48, 80, heads=6, kv=2, head=12),
        vision=vision_part(60, tile=64, patch=8, heads=3, ffn=100),
        **dict(scale=2, longest=128, layout="new", types="F32", shards=1),
        requests={
            "split": ([("page.png", 200, 150)], ONE),
            "talk": ([("a.jpg", 97, 61, "RGB", 6), ("b.png", 40, 90, "RGBA")], TALK),
            "text": ([], TEXT),
        },
    ),
    "mha-bf16-patch14": dict(
        text=text_part(40, 72, heads=2),
        vision=vision_part(144, tile=90, patch=14, heads=2, ffn=90),
        **dict(scale=3, longest=270, layout="old", types="BF16", shards=2),
        requests={
            "split": ([("page.png", 300, 200)], ONE),
            "tall": ([("tall.png", 30, 1000)], ONE),
        },
    ),
    "defaults-f16": dict(  # what is not given here is left out of the file
        text=text_part(32, 48, head=6),
        vision=vision_part(32, tile=128, layers=1),
        **dict(scale=None, longest=256, layout="old", types="F16", shards=1, omit=True, quiet=0.01),
        requests={"split": ([("photo.jpg", 180, 180)], ONE), "text": ([], TEXT)},
    ),
    "tied-whole": dict(
        text=text_part(40, 64, heads=4, kv=1, head=20, rms_norm_eps=1e-3, rope_theta=500.0),
        vision=vision_part(48, tile=64, patch=8, heads=4, ffn=80, layer_norm_eps=1e-3),
        **dict(scale=4, longest=100, layout="old", types="F32", shards=1, split=False, tied=True),
        requests={
            "three": ([("a.png", 80, 50, "P"), ("b.jpg", 33, 77, "L"), ("c.png", 64, 64)], THREE),
            "talk": ([("a.png", 1000, 30), ("b.png", 1, 1)], TALK),
        },
    ),
    "mixed-shards": dict(
        text=text_part(36, 60, heads=3, kv=1, head=20),
        vision=vision_part(40, tile=64, patch=16, heads=2, ffn=64),
        **dict(scale=2, longest=448, layout="new", types="mixed", shards=3),
        requests={"wide": ([("wide.png", 1000, 30)], ONE), "dot": ([("dot.png", 1, 1)], ONE)},
    ),
    "v1-tokens": dict(
        text=text_part(40, 56, heads=2, kv=1),
        vision=vision_part(36, tile=64, patch=8, heads=3, ffn=60),
        **dict(scale=2, longest=150, layout="new", types="BF16", shards=1, tied=True),
        **dict(v1=True, extra_rows=3, stop_early=True),
        requests={
            "split": ([("a.jpg", 90, 120, "RGB", 8)], ONE),
            "wide": ([("wide.png", 1000, 30)], ONE),
        },
    ),
    "small-edge": dict(
        text=text_part(72, 64, heads=2, kv=1, head=72),
        vision=vision_part(40, tile=44, patch=14, heads=2, ffn=56),
        **dict(scale=3, longest=30, layout="new", types="F16", shards=1),
        requests={
            "single": ([("a.png", 70, 40)], ONE),
            "three": ([("a.png", 20, 300), ("b.png", 44, 44, "L"), ("c.jpg", 120, 25)], THREE),
        },
    ),
    "idefics3-v1": dict(  # SmolVLM v1: another class, bare tokenizer
        text=text_part(48, 64, heads=3, kv=3, head=16, rope_theta=273768.0),
        vision=vision_part(36, tile=84, patch=14, heads=2, ffn=50, layers=1),
        **dict(scale=3, longest=336, layout="old", types="BF16", shards=1),
        **dict(v1=True, family="idefics3"),
        requests={"split": ([("a.jpg", 120, 90)], ONE), "text": ([], TEXT)},
    ),
    "idefics3-docling": dict(  # Granite-Docling: tied, GPT-4's pattern, an added token too many
        text=text_part(36, 60, heads=3, kv=1, head=12),
        vision=vision_part(40, tile=64, patch=8, heads=2, ffn=60, layers=1),
        **dict(scale=4, longest=256, layout="new", types="BF16", shards=1, tied=True),
        **dict(granite=True, family="idefics3", extra_rows=-1),
        requests={"split": ([("page.png", 90, 130)], ONE), "text": ([], TEXT)},
    ),
    "f8-i8": dict(  # F8_E4M3 and I8 with scales of every form
        text=text_part(48, 64, heads=4, kv=2, head=12),
        vision=vision_part(40, tile=64, patch=8, heads=2, ffn=60, layers=1),
        **dict(scale=4, longest=128, layout="old", types="BF16", shards=1, scaled=True),
        requests={"split": ([("page.png", 100, 60)], ONE), "text": ([], TEXT)},
    ),
    "gguf-f16": dict(
        text=text_part(48, 80, heads=4, kv=2, head=12, layers=1),
        vision=vision_part(40, tile=64, patch=8, heads=2, ffn=60, layers=1),
        **dict(scale=4, longest=192, layout="old", types="F16", shards=1, gguf=("F16", "F16")),
        requests={"split": ([("page.png", 100, 60)], ONE)},
    ),
    "gguf-q8": dict(
        text=text_part(64, 96, heads=4, kv=2, head=16, layers=1),
        vision=vision_part(64, tile=64, patch=8, heads=2, ffn=96, layers=1),
        **dict(scale=4, longest=128, layout="old", types="F32", shards=1, gguf=("Q8_0", "Q8_0")),
        requests={"split": ([("page.png", 60, 100)], ONE)},
    ),
    "gguf-q4": dict(
        text=text_part(64, 96, heads=4, kv=4, head=16, layers=1),
        vision=vision_part(64, tile=64, patch=8, heads=2, ffn=96, layers=1),
        **dict(scale=4, longest=128, layout="old", types="F32", shards=1, gguf=("Q4_0", "F32")),
        **dict(tied=True),
        requests={"text": ([], TEXT), "split": ([("a.jpg", 60, 30)], ONE)},
    ),
}


def random_checkpoint(rng):
    """Another checkpoint of the same kinds."""
    pick = lambda *values: values[int(rng.integers(len(values)))]
    scale = pick(2, 3, 4)
    side = pick(*[s for s in range(scale, 13) if s % scale == 0 and s <= 18])
    patch = pick(4, 7, 8, 14, 16) if side <= 6 else pick(4, 7, 8)
    tile = side * patch + int(rng.integers(0, patch)) // pick(1, 1000)
    kv = pick(1, 2, 3)
    heads = kv * pick(1, 2, 3, 4)
    head = 2 * int(rng.integers(2, 20))
    v_heads = pick(1, 2, 3, 4)
    n_pictures = pick(0, 1, 1, 2, 3)
    requests = {}
    for k in range(2):
        shots = [random_picture(rng, pick, i) for i in range(n_pictures if k == 0 else pick(1, 2))]
        requests[f"r{k}"] = (shots, random_messages(rng, pick, len(shots)))
    hidden, v_hidden = heads * int(rng.integers(3, 16)), v_heads * int(rng.integers(5, 40))
    ffn, v_ffn = int(rng.integers(10, 120)), int(rng.integers(10, 150))
    return dict(
        text=text_part(hidden, ffn, heads, kv, head, layers=pick(1, 2, 3)),
        vision=vision_part(v_hidden, tile, patch, v_heads, v_ffn, layers=pick(1, 2, 3)),
        **dict(scale=scale, longest=int(tile * rng.uniform(0.5, 4.5)), layout=pick("old", "new")),
        **dict(types=pick("F32", "F16", "BF16", "mixed"), shards=pick(1, 1, 2, 3)),
        **dict(split=pick(True, True, False), tied=pick(True, False), v1=pick(False, False, True)),
        **dict(extra_rows=pick(0, 0, 5), stop_early=pick(True, False), quiet=pick(1.0, 0.03)),
        requests=requests,
    )


def random_picture(rng, pick, i):
    sizes = [
        (int(rng.integers(1, 400)), int(rng.integers(1, 400))),
        (1000, 30),
        (30, 1000),
        (1, 1),
        (int(rng.integers(2, 900)), 1),
        (1, int(rng.integers(2, 900))),
    ]
    width, height = sizes[pick(0, 0, 0, 0, 0, 1, 2, 3, 4, 5)]
    kind = pick("png", "jpg")
    mode = pick("RGB", "RGB", "L") if kind == "jpg" else pick("RGB", "RGB", "L", "RGBA", "P")
    return (f"{i}.{kind}", width, height, mode, int(rng.integers(1, 9)) if kind == "jpg" else 1)


def random_messages(rng, pick, n_pictures):
    odd = " 123 4,567.89 Ωmega 你好 🙂 don't   spaces\n\nlines"
    words = (tiny_tokenizer.CORPUS + odd).split(" ")
    say = lambda: " ".join(str(rng.choice(words)) for _ in range(int(rng.integers(1, 12))))
    messages = [("system", say())] if rng.random() < 0.4 else []
    left = list(range(n_pictures))
    while True:
        parts = []
        for _ in range(pick(1, 2, 3)):
            parts += [("image", left.pop(0))] if left and rng.random() < 0.6 else [say()]
        messages.append(("user", *parts))
        if not left and rng.random() < 0.7:
            return messages
        messages.append(("assistant", " " + say()))


# ---- the checkpoint ------------------------------------------------------------------------------


def config_of(c, special, vocab):
    text, vision = dict(c["text"], model_type="llama", vocab_size=vocab), dict(c["vision"])
    if not c.get("omit"):
        text = dict(rms_norm_eps=1e-5, max_position_embeddings=4096, rope_theta=100000.0) | text
    family = c.get("family", "smolvlm")
    top = dict(
        model_type=family,
        architectures=[FAMILIES[family][0].__name__],
        text_config=text,
        vision_config=vision,
        image_token_id=special["<image>"],
        pad_token_id=128002,
    )
    if c.get("scale"):
        top["scale_factor"] = c["scale"]
    if c.get("tied"):
        top["tie_word_embeddings"] = True
    elif c["layout"] == "old":  # the tie of the text part means nothing
        text["tie_word_embeddings"] = True
    return top


def draw(name, shape, quiet, rng):
    """Random weights that keep activations lively.  With quiet below 1 the first layers see values so
    small that the epsilon of their norms counts."""
    if "norm" in name and name.endswith("weight"):
        return rng.uniform(0.4, 1.6, shape) * rng.choice([1.0, 1.0, 1.0, -1.0], shape)
    loud = quiet if "embed" in name else 1.0
    if name.endswith("bias"):
        return rng.normal(0, 0.2 * loud, shape)
    if "position_embedding" in name:
        return rng.normal(0, 0.5 * loud, shape)
    if "embed_tokens" in name:
        return rng.normal(0, 0.4 * loud, shape)
    # sharp attention, and layers that outweigh the embedding: else a tied head only repeats
    sharp = any(n in name for n in ("q_proj", "k_proj", "o_proj", "down_proj"))
    return rng.normal(0, (1.6 if sharp else 1.0) * loud / np.sqrt(np.prod(shape[1:])), shape)


def fill(model, types, quiet, rng):
    """Random weights, rounded to their type in the file."""
    for name, p in model.named_parameters():
        w = draw(name, tuple(p.shape), quiet, rng)
        kind = types
        if types == "mixed":
            kind = "F32" if w.ndim == 1 else "F16" if "vision" in name else "BF16"
        p.data = torch.from_numpy(w.astype(np.float32)).to(TYPES[kind])


def write_old_layout(c, top, model, tensors, out):
    """The files as the releases have them: torch_dtype, rope_theta, keys without effect."""
    kind = (
        "float32"
        if c["types"] in ("F32", "mixed")
        else {"F16": "float16", "BF16": "bfloat16"}[c["types"]]
    )
    text = dict(
        top["text_config"],
        torch_dtype=kind,
        is_llama_config=True,
        neftune_noise_alpha=0.0,
        perceiver_config={"model_type": top["model_type"]},
        pixel_shuffle_factor=model.config.scale_factor,
        qk_layer_norms=False,
        rope_interleaved=False,
        use_resampler=False,
        _flash_attn_2_enabled=True,
    )
    vision = dict(
        top["vision_config"],
        model_type=top["model_type"] + "_vision",
        max_image_size={"longest_edge": 364},
        size={"longest_edge": 2048},
        use_base_siglip=False,
    )
    dump(
        out,
        "config.json",
        dict(
            top,
            text_config=text,
            vision_config=vision,
            torch_dtype=kind,
            transformers_version="4.47.1",
            use_cache=False,
        ),
    )
    names = sorted(tensors)
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    if c["shards"] == 1:
        safetensors.torch.save_file(tensors, f"{out}/model.safetensors", {"format": "pt"})
    else:
        weight_map, shards, used = {}, [{} for _ in range(c["shards"])], 0
        for n in names:
            at = min(c["shards"] - 1, used * c["shards"] // total)
            weight_map[n] = f"model-{at + 1:05d}-of-{c['shards']:05d}.safetensors"
            shards[at][n] = tensors[n]
            used += tensors[n].numel() * tensors[n].element_size()
        for i, shard in enumerate(shards):
            safetensors.torch.save_file(
                shard, f"{out}/model-{i + 1:05d}-of-{c['shards']:05d}.safetensors", {"format": "pt"}
            )
        dump(
            out,
            "model.safetensors.index.json",
            {"metadata": {"total_size": total}, "weight_map": weight_map},
        )


def scale_weights(folder, meant):
    """Rewrites a checkpoint's matrices as F8_E4M3 and I8 with scales of every form; the floats that
    this stands for go to meant."""
    stored, floats = {}, {}
    for i, (name, w) in enumerate(sorted(safetensors.torch.load_file(f"{folder}/model.safetensors").items())):
        if w.dim() != 2 or "position" in name:
            stored[name], floats[name] = w, w.float()
            continue
        w, form = w.float(), i % 5
        limit = 127.0 if form in (1, 4) else 448.0
        scale = (w.abs().amax(1, keepdim=True) if form < 2 else w.abs().max()) / limit
        kind, suffix = torch.float8_e4m3fn, "_scale"
        if form == 0:  # F8, a row each, BF16 [out, 1]
            scale = scale.bfloat16()
        elif form == 1:  # I8, a row each, F32 [out]
            kind, scale = torch.int8, scale[:, 0]
        elif form == 2:  # F8, one number, F32 []
            suffix = "_scale_inv"
        elif form == 4:  # I8, one number, F16 [1]
            kind, scale = torch.int8, scale.half().reshape(1)
        else:  # F8, none
            scale = None
        rows = 1.0 if scale is None else scale.float().reshape(-1, 1)
        q = w / rows
        q = q.round().clamp(-127, 127).to(kind) if kind == torch.int8 else q.clamp(-448, 448).to(kind)
        stored[name], floats[name] = q, (q.float() * rows).contiguous()
        if scale is not None:
            stored[name + suffix] = scale.contiguous()
    shutil.copytree(folder, meant)
    safetensors.torch.save_file(stored, f"{folder}/model.safetensors", {"format": "pt"})
    safetensors.torch.save_file(floats, f"{meant}/model.safetensors", {"format": "pt"})


def dump(out, name, value):
    with open(f"{out}/{name}", "w", encoding="utf-8") as f:
        json.dump(value, f, indent=2, ensure_ascii=False)
        f.write("\n")


def make_checkpoint(c, out, rng, eos):
    """Writes the model directory; eos: generation_config's (None: the end of utterance)."""
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    granite = c.get("granite", False)
    tokenizer, special = tiny_tokenizer.make(v1=c.get("v1", False), granite=granite)
    model_class, processor_class, image_class = FAMILIES[c.get("family", "smolvlm")]
    end = special["<end_of_utterance>"]
    vocab = end + 1 + c.get("extra_rows", 0)
    top = config_of(c, special, vocab)
    with open(f"{out}/tokenizer.json", "w", encoding="utf-8") as f:
        json.dump(tokenizer, f, ensure_ascii=False, separators=(",", ":"))
    named = {
        "fake_image_token": "<fake_token_around_image>",
        "image_token": "<image>",
        "end_of_utterance_token": "<end_of_utterance>",
    }
    if not c.get("v1"):  # naming a token that is not there would add it
        named["global_image_token"] = "<global-img>"
    dump(
        out,
        "tokenizer_config.json",
        named
        | {
            "bos_token": "<|start_of_role|>" if granite else "<|im_start|>",
            "eos_token": "<|end_of_text|>" if granite else "<end_of_utterance>",
            "pad_token": "<|end_of_text|>" if granite else "<|im_end|>",
            "unk_token": "<|end_of_text|>" if granite else "<|endoftext|>",
            "clean_up_tokenization_spaces": False,
            "add_prefix_space": False,
            "model_max_length": 8192,
            "tokenizer_class": "PreTrainedTokenizerFast" if granite else "GPT2Tokenizer",
            "processor_class": processor_class,
            "extra_special_tokens": named,
        },
    )
    dump(
        out,
        "generation_config.json",
        {
            "_from_model_config": True,
            "bos_token_id": 0,
            "eos_token_id": eos if eos is not None else 0 if granite else end,
            "pad_token_id": 2,
            "transformers_version": "4.47.1",
        },
    )
    tile = top["vision_config"]["image_size"]
    side = tile // top["vision_config"].get("patch_size", 32) // top.get("scale_factor", 2)
    dump(
        out,
        "preprocessor_config.json",
        {
            "do_convert_rgb": True,
            "do_image_splitting": c.get("split", True),
            "do_normalize": True,
            "do_pad": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": [0.5] * 3,
            "image_std": [0.5] * 3,
            "image_processor_type": image_class,
            "max_image_size": {"longest_edge": tile},
            "processor_class": processor_class,
            "resample": 1,
            "rescale_factor": 0.00392156862745098,
            "size": {"longest_edge": c["longest"]},
            "video_sampling": {"fps": 1, "max_frames": 64, "video_size": {"longest_edge": tile}},
        },
    )
    dump(
        out,
        "processor_config.json",
        {"image_seq_len": side * side, "processor_class": processor_class},
    )
    dump(out, "chat_template.json", {"chat_template": GRANITE_TEMPLATE if granite else TEMPLATE})

    dump(out, "config.json", top)
    model = model_class(AutoConfig.from_pretrained(out))
    fill(model, c["types"], c.get("quiet", 1.0), rng)
    tensors = {n: p.data.contiguous() for n, p in model.named_parameters()}
    if c["layout"] == "old":
        write_old_layout(c, top, model, tensors, out)
        return
    processor = AutoProcessor.from_pretrained(out)
    for f in (
        "config.json",
        "preprocessor_config.json",
        "processor_config.json",
        "chat_template.json",
        "tokenizer_config.json",
    ):
        os.remove(f"{out}/{f}")
    kept = open(f"{out}/generation_config.json").read()
    tokens = open(f"{out}/tokenizer.json").read()
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    model.save_pretrained(
        out, max_shard_size=total // c["shards"] + 5000 if c["shards"] > 1 else "5GB"
    )
    processor.save_pretrained(out)
    with open(f"{out}/generation_config.json", "w") as f:
        f.write(kept)
    with open(f"{out}/tokenizer.json", "w", encoding="utf-8") as f:
        f.write(
            tokens
        )  # as tiny_tokenizer wrote it: the library's class adds an empty post-processor


# ---- the reference -------------------------------------------------------------------------------


def messages_json(messages, folder, shots):
    part = lambda p: (
        {"type": "text", "text": p}
        if isinstance(p, str)
        else {"type": "image", "path": os.path.join(folder, shots[p[1]][0])}
    )
    return [{"role": m[0], "content": [part(p) for p in m[1:]]} for m in messages]


def reference(model, processor, conversation, n_generate=N_GENERATE):
    """Every tensor of cli.md's trace table, plus the top-two margins of the generated tokens."""
    text = processor.apply_chat_template(conversation, add_generation_prompt=True)
    paths = [p["path"] for m in conversation for p in m["content"] if p["type"] == "image"]
    kwargs = {"images": [[load_image(p) for p in paths]]} if paths else {}
    inputs = processor(text=[text], return_tensors="pt", **kwargs)
    inputs.pop("token_type_ids", None)
    got = {"prompt_ids": inputs["input_ids"][0]}
    m = model.model
    hooks = []

    def keep(module, name):
        def hook(_, __, output):
            if name not in got:
                got[name] = (output[0] if isinstance(output, tuple) else output).detach().clone()

        hooks.append(module.register_forward_hook(hook))

    if paths:
        got["pixels"] = inputs["pixel_values"][0]
        assert inputs["pixel_attention_mask"].all()
        keep(m.vision_model.embeddings, "vision.embed")
        for i, layer in enumerate(m.vision_model.encoder.layers):
            keep(layer, f"vision.{i:02d}")
        keep(m.vision_model.post_layernorm, "vision.out")
        keep(m.connector, "connector")

    def keep_input(_, args, kwargs):
        got.setdefault("text.embed", (args[0] if args else kwargs["hidden_states"]).clone())

    hooks.append(m.text_model.layers[0].register_forward_pre_hook(keep_input, with_kwargs=True))
    for i, layer in enumerate(m.text_model.layers):
        keep(layer, f"text.{i:02d}")
    keep(m.text_model.norm, "text.norm")
    with torch.no_grad():
        got["logits"] = model(**inputs).logits
        for h in hooks:
            h.remove()
        out = model.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=n_generate,
            output_logits=True,
            return_dict_in_generate=True,
        )
    got["generated_ids"] = out.sequences[0, inputs["input_ids"].shape[1] :]
    best = torch.stack(out.logits)[:, 0].topk(2).values
    got["generated_margin"] = best[:, 0] - best[:, 1]
    for name, t in got.items():
        if name == "connector":
            t = t.reshape(-1, t.shape[-1])
        elif name.startswith(("text.", "logits")) and t.dim() == 3:
            t = t[0]
        got[name] = t.numpy().astype(np.int32 if name.endswith("_ids") else np.float32)
    return text, got


def fnv(array):
    """FNV-1a over 32-bit little-endian words."""
    h = 0xCBF29CE484222325
    for w in np.ascontiguousarray(array).view("<u4").reshape(-1).tolist():
        h = ((h ^ w) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def stride_of(rows, cols, full):
    """Rows kept: the last one and every stride-th before it; a prime, so all places get a turn."""
    if full or rows * cols <= SAMPLE:
        return 1
    stride = -(-rows * cols // SAMPLE)
    while any(stride % d == 0 for d in range(2, stride)) or (stride > 2 and rows % stride == 0):
        stride += 1
    return stride


def write_request(out, messages, shots, text, got, full):
    escape = lambda s: s.replace("\\", "\\\\").replace("\n", "\\n")
    lines = []
    for m in messages:
        lines.append(f"message {m[0]}")
        lines += [
            f"text {escape(p)}" if isinstance(p, str) else f"image {shots[p[1]][0]}" for p in m[1:]
        ]
    lines.append(f"rendered {escape(text)}")
    for name, t in got.items():
        flat = t.reshape(-1, t.shape[-1]) if t.ndim > 1 else t.reshape(-1, 1)
        stride = stride_of(*flat.shape, full)
        kept = flat[(len(flat) - 1) % stride :: stride]
        np.save(f"{out}/{name}.npy", np.ascontiguousarray(t if stride == 1 else kept))
        lines.append(
            f"tensor {name} {'i4' if t.dtype == np.int32 else 'f4'} {'x'.join(map(str, t.shape))} "
            f"stride {stride} max {float(np.abs(t).max()) if t.size else 0:.9g} fnv {fnv(t):016x}"
        )
    with open(f"{out}/case.txt", "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def build(name, c, root, seed, full):
    """One checkpoint with its requests.  Weights are redrawn until they make a good test."""
    for attempt in range(20):
        problem = try_build(name, c, root, (seed, attempt), full)
        if not problem:
            return
        print(f"{name}/{problem}: drawing again")
    raise SystemExit(f"{name}: nothing good in 20 attempts")


def try_build(name, c, root, seed, full):
    """What is wrong with this draw, or None."""
    with tempfile.TemporaryDirectory() as scratch:
        return try_build_in(scratch, name, c, root, seed, full)


def try_build_in(scratch, name, c, root, seed, full):
    out, eos = f"{root}/{name}", None
    shutil.rmtree(out, ignore_errors=True)
    if c.get("stop_early"):  # a first round finds an id to stop at
        make_checkpoint(c, f"{out}/model", np.random.default_rng(seed), None)
        first = next(iter(c["requests"]))
        _, got = run_request(*load(f"{out}/model"), c, out, first, seed)
        ids = got["generated_ids"].tolist()
        late = [t for i, t in enumerate(ids) if i >= 8 and t not in ids[:i]]
        eos = [0, late[0]] if late else None
    given = f"{scratch}/given" if c.get("gguf") else f"{out}/model"
    make_checkpoint(c, given, np.random.default_rng(seed), eos)
    meant = given  # the checkpoint in floats that the files stand for
    if c.get("gguf"):
        meant = f"{scratch}/meant"
        make_gguf.convert(given, out, *c["gguf"], also=meant)
    if c.get("scaled"):
        meant = f"{scratch}/meant"
        scale_weights(given, meant)
    model, processor = load(meant)
    results = {}
    for request, (shots, messages) in c["requests"].items():
        folder = f"{out}/{request}"
        text, got = run_request(model, processor, c, out, request, seed)
        ids, margin = (
            got["generated_ids"],
            got["generated_margin"].min() / np.abs(got["logits"]).max(),
        )
        kinds = len(set(ids.tolist()))
        if margin < 2e-4:
            return f"{request}: margin {margin:.1e} of the largest logit"
        if not c.get("stop_early") and (len(ids) < N_GENERATE or kinds < 8):
            return f"{request}: {len(ids)} ids of {kinds} kinds"
        write_request(folder, messages, shots, text, got, full)
        error, where = check_numpy.check(check_numpy.Model(meant), folder)
        if error > 2e-5:  # too delicate to compare anything with
            return f"{request}: the reference itself is off by {error:.1e} in {where}"
        results[request] = {
            "prompt_tokens": len(got["prompt_ids"]),
            "generated": len(ids),
            "of_kinds": kinds,
            "tiles": len(got["pixels"]) if "pixels" in got else 0,
            "smallest_margin_of_largest_logit": float(f"{margin:.2g}"),
            "reference_against_float64": float(f"{error:.1g}"),
        }
    dump(out, "meta.json", meta(c, seed, processor, results))
    print(f"{name}: {json.dumps(results)}")
    return None


def load(path):
    with open(f"{path}/config.json", encoding="utf-8") as f:
        model_class, _, image_class = FAMILIES[json.load(f)["model_type"]]
    model = model_class.from_pretrained(
        path, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    processor = AutoProcessor.from_pretrained(path)
    processor.image_processor = AutoImageProcessor.from_pretrained(path, backend="pil")
    assert type(processor.image_processor).__name__ == image_class + "Pil"
    return model, processor


def run_request(model, processor, c, out, request, seed):
    """Draws the request's pictures and asks the reference."""
    shots, messages = c["requests"][request]
    folder = f"{out}/{request}"
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng((*seed, 1000 + list(c["requests"]).index(request)))
    for file, *rest in shots:
        pictures.save(rng, f"{folder}/{file}", *rest)
    return reference(model, processor, messages_json(messages, folder, shots))


def meta(c, seed, processor, results):
    return {
        "generator": "tools/golden/make_golden.py",
        "seed": list(seed),
        "requests": results,
        "reference": {
            "transformers": transformers.__version__,
            "torch": torch.__version__,
            "tokenizers": tokenizers.__version__,
            "Pillow": PIL.__version__,
            "numpy": np.__version__,
            "python": sys.version.split()[0],
            "dtype": "float32",
            "attn_implementation": "eager",
            "image_processor": type(processor.image_processor).__name__,
            "backend": "pil",
            "pictures_given_as": "paths (load_image)",
        },
        "checkpoint": {k: v for k, v in c.items() if k != "requests"},
    }


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("out")
    p.add_argument("--seed", type=int)
    p.add_argument("--count", type=int, default=1)
    p.add_argument("--full", action="store_true", help="keep every value of every tensor")
    p.add_argument("--only", help="one checkpoint of the committed set")
    a = p.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if a.seed is None:
        for i, (name, c) in enumerate(COMMITTED.items()):
            if a.only in (None, name):
                build(name, c, a.out, 3000 + i, a.full)
    for i in range(a.count if a.seed is not None else 0):
        rng = np.random.default_rng((a.seed, i))
        build(f"seed{a.seed}-{i}", random_checkpoint(rng), a.out, a.seed * 1000 + i, a.full)


if __name__ == "__main__":
    main()
