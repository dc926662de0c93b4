#!/usr/bin/env python3
"""Full-size SmolVLM2 checkpoints of random weights: names, shapes, shards and configs as released.

    make_checkpoint.py 256M|500M|2.2B OUT [--type F32|BF16] [--seed N] [--tokenizer DIR] [--dry-run]

For measuring memory and speed and for comparing real shapes with the reference; the answers are
nonsense.  Weights are normal with deviation 0.02 (norms around 1), cut from one block at an offset
that depends on the seed and the tensor's name: written at disk speed with little memory, and the
same seed gives the same bytes.  Needs numpy only."""

import argparse
import json
import os
import shutil
import sys
import zlib

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
BLOCK = 4194301  # values; prime, so that no two rows of a matrix are equal
SHARD = 5_000_000_000

SIZES = {
    "2.2B": dict(
        params=2_246_784_880,
        tile=384,
        longest=1536,
        n_image=81,
        scale=3,
        theta=130000.0,
        text=dict(
            hidden_size=2048, intermediate_size=8192, num_hidden_layers=24, num_key_value_heads=32
        ),
        vision=dict(
            hidden_size=1152,
            image_size=384,
            intermediate_size=4304,
            num_hidden_layers=27,
            patch_size=14,
        ),
    ),
    "500M": dict(
        params=507_482_304,
        tile=512,
        longest=2048,
        n_image=64,
        scale=4,
        theta=100000.0,
        text=dict(
            hidden_size=960,
            intermediate_size=2560,
            num_attention_heads=15,
            num_hidden_layers=32,
            num_key_value_heads=5,
        ),
        vision=dict(hidden_size=768, image_size=512, num_attention_heads=12, patch_size=16),
    ),
    "256M": dict(
        params=256_484_928,
        tile=512,
        longest=2048,
        n_image=64,
        scale=4,
        theta=100000.0,
        text=dict(
            hidden_size=576,
            intermediate_size=1536,
            num_attention_heads=9,
            num_hidden_layers=30,
            num_key_value_heads=3,
        ),
        vision=dict(hidden_size=768, image_size=512, num_attention_heads=12, patch_size=16),
    ),
}
VOCAB = 49280
TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


def tensors(s):
    """(name, shape) in module order."""
    t, v = s["text"], s["vision"]
    V, F, P = v["hidden_size"], v.get("intermediate_size", 3072), v["patch_size"]
    pre = "model.vision_model."
    yield pre + "embeddings.patch_embedding.weight", (V, 3, P, P)
    yield pre + "embeddings.patch_embedding.bias", (V,)
    yield pre + "embeddings.position_embedding.weight", ((v["image_size"] // P) ** 2, V)
    for i in range(v.get("num_hidden_layers", 12)):
        layer = f"{pre}encoder.layers.{i}."
        for n in ("k", "v", "q", "out"):
            yield f"{layer}self_attn.{n}_proj.weight", (V, V)
            yield f"{layer}self_attn.{n}_proj.bias", (V,)
        for n, shape in (
            ("layer_norm1", (V,)),
            ("mlp.fc1", (F, V)),
            ("mlp.fc2", (V, F)),
            ("layer_norm2", (V,)),
        ):
            yield f"{layer}{n}.weight", shape
            yield f"{layer}{n}.bias", shape[:1]
    yield pre + "post_layernorm.weight", (V,)
    yield pre + "post_layernorm.bias", (V,)
    H, I, q = t["hidden_size"], t["intermediate_size"], t.get("num_attention_heads", 32) * 64
    kv = t["num_key_value_heads"] * 64
    yield "model.connector.modality_projection.proj.weight", (H, V * s["scale"] ** 2)
    pre = "model.text_model."
    yield pre + "embed_tokens.weight", (VOCAB, H)
    for i in range(t["num_hidden_layers"]):
        layer = f"{pre}layers.{i}."
        for n, shape in (
            ("self_attn.q_proj", (q, H)),
            ("self_attn.k_proj", (kv, H)),
            ("self_attn.v_proj", (kv, H)),
            ("self_attn.o_proj", (H, q)),
            ("mlp.gate_proj", (I, H)),
            ("mlp.up_proj", (I, H)),
            ("mlp.down_proj", (H, I)),
            ("input_layernorm", (H,)),
            ("post_attention_layernorm", (H,)),
        ):
            yield f"{layer}{n}.weight", shape
    yield pre + "norm.weight", (H,)
    yield "lm_head.weight", (VOCAB, H)


def blocks(kind, seed):
    """The same random block as weights around 0 and as norms around 1: bytes of the file's type."""
    w = np.random.default_rng(seed).normal(0, 0.02, BLOCK).astype(np.float32)
    pair = []
    for x in (w, w + np.float32(1)):
        if kind == "BF16":
            bits = x.view(np.uint32)
            x = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
        pair.append(memoryview(np.ascontiguousarray(x)).cast("B"))
    return pair


def write_shard(path, part, kind, pair, seed):
    width = 2 if kind == "BF16" else 4
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in part:
        n = int(np.prod(shape)) * width
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [at, at + n]}
        at += n
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for name, shape in part:
            block = pair["norm" in name and name.endswith("weight")]
            left = int(np.prod(shape)) * width
            pos = zlib.crc32(f"{seed} {name}".encode()) % BLOCK * width
            while left:
                n = min(left, len(block) - pos)
                f.write(block[pos : pos + n])
                left, pos = left - n, 0
    return at


def write_json(out, name, value):
    with open(f"{out}/{name}", "w") as f:
        json.dump(value, f, indent=2)
        f.write("\n")


def write_configs(size, s, kind, out):
    dtype = {"F32": "float32", "BF16": "bfloat16"}[kind]
    text = dict(
        s["text"],
        model_type="llama",
        vocab_size=VOCAB,
        rms_norm_eps=1e-5,
        rope_theta=s["theta"],
        head_dim=64,
        max_position_embeddings=8192,
        pad_token_id=2,
        is_llama_config=True,
        rope_interleaved=False,
        pixel_shuffle_factor=s["scale"],
        qk_layer_norms=False,
        use_resampler=False,
        torch_dtype=dtype,
    )
    write_json(
        out,
        "config.json",
        {
            "architectures": ["SmolVLMForConditionalGeneration"],
            "image_token_id": 49190,
            "model_type": "smolvlm",
            "pad_token_id": 128002,
            "scale_factor": s["scale"],
            "text_config": text,
            "tie_word_embeddings": False,
            "torch_dtype": dtype,
            "transformers_version": "4.47.1",
            "use_cache": False,
            "vocab_size": VOCAB,
            "vision_config": dict(
                s["vision"],
                model_type="smolvlm_vision",
                max_image_size={"longest_edge": s["tile"]},
                size={"longest_edge": s["longest"]},
                use_base_siglip=size != "2.2B",
            ),
        },
    )
    write_json(
        out,
        "generation_config.json",
        {
            "_from_model_config": True,
            "bos_token_id": 0,
            "eos_token_id": 49279,
            "pad_token_id": 2,
            "transformers_version": "4.47.1",
        },
    )
    write_json(
        out,
        "preprocessor_config.json",
        {
            "do_convert_rgb": True,
            "do_image_splitting": True,
            "do_normalize": True,
            "do_pad": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": [0.5] * 3,
            "image_processor_type": "SmolVLMImageProcessor",
            "image_std": [0.5] * 3,
            "max_image_size": {"longest_edge": s["tile"]},
            "processor_class": "SmolVLMProcessor",
            "resample": 1,
            "rescale_factor": 0.00392156862745098,
            "size": {"longest_edge": s["longest"]},
            "video_sampling": {
                "fps": 1,
                "max_frames": 64,
                "video_size": {"longest_edge": s["tile"]},
            },
        },
    )
    write_json(
        out,
        "processor_config.json",
        {"image_seq_len": s["n_image"], "processor_class": "SmolVLMProcessor"},
    )
    write_json(out, "chat_template.json", {"chat_template": TEMPLATE})
    write_json(
        out,
        "tokenizer_config.json",
        {
            "bos_token": "<|im_start|>",
            "eos_token": "<end_of_utterance>",
            "pad_token": "<|im_end|>",
            "unk_token": "<|endoftext|>",
            "tokenizer_class": "GPT2Tokenizer",
            "processor_class": "SmolVLMProcessor",
            "clean_up_tokenization_spaces": False,
            "model_max_length": 8192,
        },
    )


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("size", choices=SIZES)
    p.add_argument("out")
    p.add_argument("--type", choices=("F32", "BF16"), default="F32")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument(
        "--tokenizer",
        default=os.path.join(HERE, "../tests/data/tokenizer/smolvlm2"),
        help="directory with tokenizer.json",
    )
    p.add_argument("--dry-run", action="store_true", help="count the parameters only")
    a = p.parse_args()
    s = SIZES[a.size]
    every = list(tensors(s))
    n = sum(int(np.prod(shape)) for _, shape in every)
    print(f"{a.size}: {len(every)} tensors, {n:,} parameters ({s['params']:,} expected)")
    if n != s["params"]:
        sys.exit("the parameter count is wrong")
    shards, room = [[]], SHARD
    for name, shape in every:
        size = int(np.prod(shape)) * (2 if a.type == "BF16" else 4)
        if size > room:
            shards.append([])
            room = SHARD
        shards[-1].append((name, shape))
        room -= size
    if a.dry_run:
        return
    os.makedirs(a.out, exist_ok=True)
    write_configs(a.size, s, a.type, a.out)
    shutil.copy(f"{a.tokenizer}/tokenizer.json", a.out)
    pair, where, total = blocks(a.type, a.seed), {}, 0
    for i, part in enumerate(shards):
        file = (
            f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors"
            if len(shards) > 1
            else "model.safetensors"
        )
        total += write_shard(f"{a.out}/{file}", sorted(part), a.type, pair, a.seed)
        where.update({name: file for name, _ in part})
        print(f"{a.out}/{file}: {os.path.getsize(f'{a.out}/{file}'):,} bytes")
    if len(shards) > 1:
        write_json(
            a.out,
            "model.safetensors.index.json",
            {"metadata": {"total_size": total}, "weight_map": dict(sorted(where.items()))},
        )


if __name__ == "__main__":
    main()
