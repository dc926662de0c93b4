#!/usr/bin/env python3
"""A checkpoint in Hugging Face layout -> a GGUF text model and its mmproj file.

    make_gguf.py CHECKPOINT OUT [--type F16] [--mmproj-type F16] [--name model] [--split N] [--seed S]

writes OUT/NAME.gguf and OUT/mmproj-NAME.gguf with the package gguf: q and k in pairs, names and keys
as llama.cpp's converter writes them.  Matrices whose rows the type's blocks do not divide become
Q8_0 or F16.  Types without a quantiser in that package get random blocks of the same spread; then the
weights are other ones, and --also DIR writes them as the F32 checkpoint that they stand for.

Streams: a full-size checkpoint takes the memory of its largest matrix."""

import argparse
import json
import os
import shutil
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants

QUANTISED = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"}  # gguf can make these
TEXT = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
VISION = {
    "layer_norm1": "ln1",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.out_proj": "attn_out",
    "layer_norm2": "ln2",
    "mlp.fc1": "ffn_up",
    "mlp.fc2": "ffn_down",
}
OTHER = {
    "model.text_model.embed_tokens": "token_embd",
    "model.text_model.norm": "output_norm",
    "lm_head": "output",
    "model.vision_model.embeddings.patch_embedding": "v.patch_embd",
    "model.vision_model.embeddings.position_embedding": "v.position_embd",
    "model.vision_model.post_layernorm": "v.post_ln",
    "model.connector.modality_projection.proj": "mm.model.fc",
}

# ---- reading -------------------------------------------------------------------------------------


def load_json(folder, name):
    path = f"{folder}/{name}"
    return json.load(open(path, encoding="utf-8")) if os.path.exists(path) else {}


def tensors_of(folder):
    """{name: function that gives it as float32}"""
    index = load_json(folder, "model.safetensors.index.json").get("weight_map")
    files = sorted(set(index.values())) if index else ["model.safetensors"]
    out = {}
    for file in files:
        data = np.memmap(f"{folder}/{file}", np.uint8, "r")
        n = int.from_bytes(data[:8].tobytes(), "little")
        for name, t in json.loads(data[8 : 8 + n].tobytes()).items():
            if name != "__metadata__":
                a, b = (8 + n + x for x in t["data_offsets"])
                out[name] = (lambda raw, t: lambda: as_f32(raw, t))(data[a:b], t)
    return out


def as_f32(raw, t):
    if t["dtype"] == "BF16":
        w = (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        w = raw.view({"F32": "<f4", "F16": "<f2"}[t["dtype"]]).astype(np.float32)
    return w.reshape(t["shape"])


# ---- values --------------------------------------------------------------------------------------


def pairs(w, heads):
    """Rows of q or k: halves of a head beside each other."""
    return w.reshape(heads, 2, -1, w.shape[-1]).swapaxes(1, 2).reshape(w.shape)


def halves(w, heads):
    return w.reshape(heads, -1, 2, w.shape[-1]).swapaxes(1, 2).reshape(w.shape)


def fitting(kind, width):
    """The type itself, or the nearest whose blocks divide a row."""
    for k in (kind, "Q8_0", "F16"):
        if width % gguf.GGML_QUANT_SIZES[Type[k]][0] == 0:
            return k
    return "F16"


SCALES = {  # offsets of the F16 factors in a block
    **dict.fromkeys(["IQ4_NL", "IQ4_XS"], [0]),
    **dict.fromkeys(["Q4_K", "Q5_K"], [0, 2]),
    **{"Q2_K": [80, 82], "Q3_K": [108], "Q6_K": [208]},
}


def random_blocks(kind, shape, spread, rng):
    """Random bytes; the factors are such that the values spread as wanted."""
    length, size = gguf.GGML_QUANT_SIZES[Type[kind]]
    blocks = rng.integers(0, 256, (int(np.prod(shape)) // length, size), np.uint8)
    if kind == "MXFP4":
        blocks[:, 0] = 127 + int(np.floor(np.log2(spread))) - 2 + rng.integers(0, 3, len(blocks))
    else:
        for at in SCALES[kind]:
            blocks[:, at : at + 2] = np.array([1], "<f2").view(np.uint8)
        unit = np.std(quants.dequantize(blocks[:2000].reshape(-1, size), Type[kind]))
        factor = spread / unit * rng.uniform(0.5, 1.5, (len(blocks), 1))
        for at in SCALES[kind]:
            blocks[:, at : at + 2] = factor.astype("<f2").view(np.uint8).reshape(-1, 2)
    return blocks.reshape(*shape[:-1], -1)


class Writer:
    """Collects tensors of one file; remembers what values were written."""

    def __init__(self, arch, rng):
        self.out = gguf.GGUFWriter(None, arch)
        self.rng = rng

    def add(self, name, w, kind):
        """The values that a reader gets."""
        if w.ndim == 1 or name.startswith("v.position"):
            kind = "F32"
        if kind == "F32":
            self.out.add_tensor(name, w)
            return w
        if kind in ("F16",):
            self.out.add_tensor(name, w.astype(np.float16))
            return w.astype(np.float16).astype(np.float32)
        if kind in QUANTISED:
            data = quants.quantize(w, Type[kind])
        else:
            data = random_blocks(kind, w.shape, np.std(w), self.rng)
        self.out.add_tensor(name, data, raw_dtype=Type[kind])
        return quants.dequantize(data, Type[kind]).reshape(w.shape)

    def write(self, path):
        self.out.write_header_to_file(path)
        self.out.write_kv_data_to_file()
        self.out.write_tensors_to_file()
        self.out.close()


# ---- keys ----------------------------------------------------------------------------------------


def template_of(folder):
    if os.path.exists(f"{folder}/chat_template.jinja"):
        return open(f"{folder}/chat_template.jinja", encoding="utf-8").read()
    for name in ("chat_template.json", "processor_config.json", "tokenizer_config.json"):
        if "chat_template" in load_json(folder, name):
            return load_json(folder, name)["chat_template"]
    return None


def pre_tokenizer(tokenizer):
    steps = tokenizer["pre_tokenizer"].get("pretokenizers", [tokenizer["pre_tokenizer"]])
    kinds = [s["type"] for s in steps]
    known = {("Digits", "ByteLevel"): "smollm", ("ByteLevel",): "gpt-2"}
    return known.get(tuple(kinds), "unknown")


def add_vocabulary(out, folder, vocab):
    t = load_json(folder, "tokenizer.json")
    named = {i: (s, gguf.TokenType.NORMAL) for s, i in t["model"]["vocab"].items()}
    for a in t["added_tokens"]:
        kind = gguf.TokenType.CONTROL if a["special"] else gguf.TokenType.USER_DEFINED
        named[a["id"]] = (a["content"], kind)
    unused = gguf.TokenType.UNUSED
    rows = [named.get(i, (f"[PAD{i}]", unused)) for i in range(vocab)]
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre(pre_tokenizer(t))
    out.add_token_list([r[0].encode() for r in rows])
    out.add_token_types([int(r[1]) for r in rows])
    merges = [m if isinstance(m, str) else " ".join(m) for m in t["model"]["merges"]]
    if merges:
        out.add_token_merges(merges)
    ends = load_json(folder, "generation_config.json").get("eos_token_id")
    ends = ends if isinstance(ends, list) else [] if ends is None else [ends]
    for i, end in zip(ends, (out.add_eos_token_id, out.add_eot_token_id)):
        end(i)
    out.add_add_bos_token(False)
    if template_of(folder):
        out.add_chat_template(template_of(folder))


def add_text_keys(out, c, folder):
    t = c["text_config"]
    heads = t.get("num_attention_heads", 32)
    head = t.get("head_dim") or t["hidden_size"] // heads
    rope = t.get("rope_parameters") or {}
    out.add_type("model")
    out.add_name(os.path.basename(os.path.abspath(folder)))
    out.add_block_count(t["num_hidden_layers"])
    out.add_context_length(t.get("max_position_embeddings", 2048))
    out.add_embedding_length(t["hidden_size"])
    out.add_feed_forward_length(t["intermediate_size"])
    out.add_head_count(heads)
    out.add_head_count_kv(t.get("num_key_value_heads") or heads)
    out.add_rope_freq_base(rope.get("rope_theta", t.get("rope_theta", 10000.0)))
    out.add_layer_norm_rms_eps(t.get("rms_norm_eps", 1e-6))
    out.add_key_length(head)
    out.add_value_length(head)
    out.add_vocab_size(t["vocab_size"])
    out.add_rope_dimension_count(head)
    add_vocabulary(out, folder, t["vocab_size"])
    return heads, t.get("num_key_value_heads") or heads


def add_vision_keys(out, c, folder):
    v, p = c["vision_config"], load_json(folder, "processor_config.json")
    i = p.get("image_processor") or load_json(folder, "preprocessor_config.json")
    out.add_type("mmproj")
    out.add_clip_has_vision_encoder(True)
    out.add_clip_projector_type("idefics3")
    out.add_vision_projection_dim(c["text_config"]["hidden_size"])
    out.add_vision_image_size(i["max_image_size"]["longest_edge"])
    out.add_vision_patch_size(v.get("patch_size", 32))
    out.add_vision_embedding_length(v.get("hidden_size", 1152))
    out.add_vision_feed_forward_length(v.get("intermediate_size", 3072))
    out.add_vision_block_count(v.get("num_hidden_layers", 12))
    out.add_vision_head_count(v.get("num_attention_heads", 16))
    out.add_vision_attention_layernorm_eps(v.get("layer_norm_eps", 1e-6))
    out.add_vision_image_mean(i["image_mean"])
    out.add_vision_image_std(i["image_std"])
    out.add_vision_projector_scale_factor(c.get("scale_factor", 2))
    out.add_uint32("clip.vision.preproc_image_size", i["size"]["longest_edge"])
    out.add_vision_use_gelu(True)


# ---- the whole -----------------------------------------------------------------------------------


def new_name(name):
    stem, suffix = name.rsplit(".", 1)
    if stem in OTHER:
        return f"{OTHER[stem]}.{suffix}"
    for prefix, short, table in (
        ("model.text_model.layers.", "blk", TEXT),
        ("model.vision_model.encoder.layers.", "v.blk", VISION),
    ):
        if stem.startswith(prefix):
            layer, rest = stem[len(prefix) :].split(".", 1)
            return f"{short}.{layer}.{table[rest]}.{suffix}"
    raise SystemExit(f"{name}: unknown tensor")


def convert(folder, out, kind="F16", mmproj_kind="F16", name="model", split=1, seed=1, also=None):
    """Returns {name in the checkpoint: the values that a reader of the GGUF files gets}, if also."""
    c, rng = load_json(folder, "config.json"), np.random.default_rng(seed)
    text, vision, written = Writer("llama", rng), Writer("clip", rng), {}
    heads, kv_heads = add_text_keys(text.out, c, folder)
    add_vision_keys(vision.out, c, folder)
    for old, read in tensors_of(folder).items():
        w, new = read(), new_name(old)
        if new.startswith(("v.", "mm.")):
            fit = "F16" if "patch" in new and mmproj_kind not in ("F32", "BF16") else mmproj_kind
            kept = vision.add(new, w, fitting(fit, w.shape[-1]))
        else:
            n = heads if ".attn_q." in new else kv_heads if ".attn_k." in new else 0
            kept = text.add(new, pairs(w, n) if n else w, fitting(kind, w.shape[-1]))
            kept = halves(kept, n) if n else kept
        if also:
            written[old] = np.ascontiguousarray(kept)
    os.makedirs(out, exist_ok=True)
    text.out.split_max_tensors = -(-len(text.out.tensors[0]) // split) if split > 1 else 0
    text.write(f"{out}/{name}.gguf")
    vision.write(f"{out}/mmproj-{name}.gguf")
    if also:
        write_checkpoint(folder, also, written)
    return written


def write_checkpoint(folder, out, tensors):
    """The same checkpoint with these values, as F32."""
    import safetensors.numpy

    os.makedirs(out, exist_ok=True)
    for file in os.listdir(folder):
        if not file.startswith("model"):
            shutil.copy(f"{folder}/{file}", f"{out}/{file}")
    safetensors.numpy.save_file(tensors, f"{out}/model.safetensors", {"format": "pt"})


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("checkpoint")
    p.add_argument("out")
    kinds = sorted(QUANTISED | set(SCALES) | {"MXFP4"})
    p.add_argument("--type", default="F16", choices=kinds)
    p.add_argument("--mmproj-type", default="F16", choices=kinds)
    p.add_argument("--name", default="model")
    p.add_argument("--split", type=int, default=1, help="about this many parts of the text model")
    p.add_argument("--seed", type=int, default=1, help="of random blocks")
    p.add_argument("--also", help="write the values as an F32 checkpoint there")
    a = p.parse_args()
    convert(a.checkpoint, a.out, a.type, a.mmproj_type, a.name, a.split, a.seed, a.also)
    for f in sorted(os.listdir(a.out)):
        if f.endswith(".gguf"):
            print(f"{a.out}/{f}: {os.path.getsize(f'{a.out}/{f}'):,} bytes")


if __name__ == "__main__":
    sys.exit(main())
