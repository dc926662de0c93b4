#!/usr/bin/env python3
"""A second opinion on the fixtures: SmolVLM in numpy (float64) written from its specification,
without transformers or torch, compared with the dumps of make_golden.py.

    check_numpy.py tests/data/golden"""

import glob
import json
import math
import os
import sys

import numpy as np
from PIL import Image, ImageOps
from tokenizers import Tokenizer

# ---- files ---------------------------------------------------------------------------------------


def tensors_of(path):
    out = {}
    for file in sorted(glob.glob(f"{path}/*.safetensors")):
        raw = open(file, "rb").read()
        n = int.from_bytes(raw[:8], "little")
        for name, t in json.loads(raw[8 : 8 + n]).items():
            if name == "__metadata__":
                continue
            a, b = t["data_offsets"]
            data = raw[8 + n + a : 8 + n + b]
            if t["dtype"] == "BF16":
                w = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
            else:
                w = np.frombuffer(data, {"F32": "<f4", "F16": "<f2"}[t["dtype"]])
            out[name] = w.astype(np.float64).reshape(t["shape"])
    return out


def load_json(path):
    return json.load(open(path, encoding="utf-8")) if os.path.exists(path) else {}


class Model:
    def __init__(self, path):
        c = load_json(f"{path}/config.json")
        t, v = c["text_config"], c["vision_config"]
        self.w = tensors_of(path)
        self.hidden, self.layers = t["hidden_size"], t["num_hidden_layers"]
        self.heads = t.get("num_attention_heads", 32)
        self.kv = t.get("num_key_value_heads") or self.heads
        self.head = t.get("head_dim") or self.hidden // self.heads
        self.eps = t.get("rms_norm_eps", 1e-6)
        rope = t.get("rope_parameters") or {}
        self.theta = rope.get("rope_theta", t.get("rope_theta", 10000.0))
        self.v_hidden, self.v_layers = v.get("hidden_size", 1152), v.get("num_hidden_layers", 12)
        self.v_heads, self.patch = v.get("num_attention_heads", 16), v.get("patch_size", 32)
        self.side = v.get("image_size", 224) // self.patch
        self.v_eps = v.get("layer_norm_eps", 1e-6)
        self.scale, self.image_id = c.get("scale_factor", 2), c["image_token_id"]
        self.tied = c.get("tie_word_embeddings", False)
        p = load_json(f"{path}/processor_config.json")
        i = p.get("image_processor") or load_json(f"{path}/preprocessor_config.json")
        self.n_image = p["image_seq_len"]
        self.longest, self.tile = i["size"]["longest_edge"], i["max_image_size"]["longest_edge"]
        self.split = i["do_image_splitting"]
        self.tokenizer = Tokenizer.from_file(f"{path}/tokenizer.json")
        self.granite = self.tokenizer.token_to_id("<|start_of_role|>") is not None


# ---- pictures and prompt -------------------------------------------------------------------------


def even(n):
    return max(n + n % 2, 1)


def tiles_of(m, path):
    """(rows, cols, tiles as uint8 [n, M, M, 3])"""
    im = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    w, h = im.size
    a, big, side = w / h, m.longest, m.tile
    w, h = (big, even(int(big / a))) if w >= h else (even(int(big * a)), big)
    if max(w, h) > 4096:
        a = w / h
        w, h = (4096, max(int(4096 / a), 1)) if w >= h else (max(int(4096 * a), 1), 4096)
    im = im.resize((w, h), Image.LANCZOS)
    if not m.split:
        return 0, 0, [np.asarray(im.resize((side, side), Image.LANCZOS))]
    up, a = lambda n: math.ceil(n / side) * side, w / h
    if w >= h:
        w = up(w)
        h = up(int(w / a))
    else:
        h = up(h)
        w = up(int(h * a))
    im = im.resize((w, h), Image.LANCZOS)
    if w <= side and h <= side:
        return 0, 0, [np.asarray(im)]
    rows, cols = h // side, w // side
    x = np.asarray(im)
    tiles = [
        x[r * side : (r + 1) * side, c * side : (c + 1) * side]
        for r in range(rows)
        for c in range(cols)
    ]
    return rows, cols, tiles + [np.asarray(im.resize((side, side), Image.LANCZOS))]


def expand(m, rows, cols):
    fake, body = "<fake_token_around_image>", "<image>" * m.n_image
    text = "".join(
        "".join(f"{fake}<row_{r + 1}_col_{c + 1}>{body}" for c in range(cols)) + "\n"
        for r in range(rows)
    )
    return text + ("\n" if rows else "") + f"{fake}<global-img>{body}{fake}"


def prompt_of(m, messages, folder):
    text, tiles = "" if m.granite else "<|im_start|>", []
    for role, parts in messages:
        if m.granite:
            text += f"<|start_of_role|>{role}<|end_of_role|>"
        else:
            text += role.capitalize() + (":" if parts[0][0] == "image" else ": ")
        for kind, value in parts:
            if kind == "image":
                rows, cols, frames = tiles_of(m, f"{folder}/{value}")
                text += expand(m, rows, cols)
                tiles += frames
            else:
                text += value
        text += "<|end_of_text|>\n" if m.granite else "<end_of_utterance>\n"
    text += "<|start_of_role|>assistant<|end_of_role|>" if m.granite else "Assistant:"
    ids = m.tokenizer.encode(text, add_special_tokens=False).ids
    if not tiles:
        return np.array(ids), None
    x = (np.stack(tiles) * (1 / 255)).astype(np.float32)
    return np.array(ids), ((x - np.float32(0.5)) / np.float32(0.5)).transpose(0, 3, 1, 2)


# ---- forward -------------------------------------------------------------------------------------


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def layer_norm(x, w, b, eps):
    d = x - x.mean(-1, keepdims=True)
    return d / np.sqrt((d * d).mean(-1, keepdims=True) + eps) * w + b


def attend(q, k, v, scale, causal):
    """[heads, n, d] each"""
    s = q @ k.transpose(0, 2, 1) * scale
    if causal:
        s = np.where(np.tril(np.ones(s.shape[1:], bool)), s, -np.inf)
    return softmax(s) @ v


def vision(m, pixels, got):
    w, p, s = m.w, m.patch, m.side
    pre = "model.vision_model."
    kernel, bias = (
        w[pre + "embeddings.patch_embedding.weight"],
        w[pre + "embeddings.patch_embedding.bias"],
    )
    x = (
        pixels.astype(np.float64)[:, :, : s * p, : s * p]
        .reshape(-1, 3, s, p, s, p)
        .transpose(0, 2, 4, 1, 3, 5)
    )
    x = x.reshape(len(pixels), s * s, -1) @ kernel.reshape(len(kernel), -1).T + bias
    x = x + w[pre + "embeddings.position_embedding.weight"]
    got["vision.embed"] = x
    d = m.v_hidden // m.v_heads
    for i in range(m.v_layers):
        l = f"{pre}encoder.layers.{i}."
        linear = lambda n, y: y @ w[l + n + ".weight"].T + w[l + n + ".bias"]
        norm = lambda n, y: layer_norm(y, w[l + n + ".weight"], w[l + n + ".bias"], m.v_eps)
        h = norm("layer_norm1", x)
        q, k, v = (
            linear(f"self_attn.{n}_proj", h)
            .reshape(*h.shape[:2], m.v_heads, d)
            .transpose(0, 2, 1, 3)
            for n in "qkv"
        )
        a = np.stack([attend(*qkv, d**-0.5, False) for qkv in zip(q, k, v)])
        x = x + linear("self_attn.out_proj", a.transpose(0, 2, 1, 3).reshape(x.shape))
        h = linear("mlp.fc1", norm("layer_norm2", x))
        h = 0.5 * h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))
        x = x + linear("mlp.fc2", h)
        got[f"vision.{i:02d}"] = x
    x = got["vision.out"] = layer_norm(
        x, w[pre + "post_layernorm.weight"], w[pre + "post_layernorm.bias"], m.v_eps
    )
    f = m.scale
    x = x.reshape(len(x), s // f, f, s // f, f, -1).transpose(0, 1, 3, 2, 4, 5)  # ho wo dy dx c
    x = x.reshape(-1, f * f * m.v_hidden) @ w["model.connector.modality_projection.proj.weight"].T
    got["connector"] = x
    return x


def text(m, ids, image, got):
    w, pre = m.w, "model.text_model."
    x = w[pre + "embed_tokens.weight"][ids]
    if image is not None:
        x[ids == m.image_id] = image
    got["text.embed"] = x
    n, d = len(ids), m.head
    angle = np.arange(n)[:, None] * m.theta ** (-2.0 * np.arange(d // 2) / d)
    cos, sin = np.cos(angle), np.sin(angle)

    def rope(y):  # [heads, n, d]
        a, b = y[..., : d // 2], y[..., d // 2 :]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

    rms = lambda y, g: y / np.sqrt((y * y).mean(-1, keepdims=True) + m.eps) * g
    for i in range(m.layers):
        l = f"{pre}layers.{i}."
        h = rms(x, w[l + "input_layernorm.weight"])
        heads = (
            lambda name, count: (h @ w[f"{l}self_attn.{name}_proj.weight"].T)
            .reshape(n, count, d)
            .transpose(1, 0, 2)
        )
        q, k, v = rope(heads("q", m.heads)), rope(heads("k", m.kv)), heads("v", m.kv)
        group = m.heads // m.kv
        a = attend(q, np.repeat(k, group, 0), np.repeat(v, group, 0), d**-0.5, True)
        x = x + a.transpose(1, 0, 2).reshape(n, -1) @ w[l + "self_attn.o_proj.weight"].T
        h = rms(x, w[l + "post_attention_layernorm.weight"])
        gate = h @ w[l + "mlp.gate_proj.weight"].T
        h = gate / (1 + np.exp(-gate)) * (h @ w[l + "mlp.up_proj.weight"].T)
        x = x + h @ w[l + "mlp.down_proj.weight"].T
        got[f"text.{i:02d}"] = x
    got["text.norm"] = rms(x, w[pre + "norm.weight"])
    head = w[pre + "embed_tokens.weight"] if m.tied else w["lm_head.weight"]
    got["logits"] = got["text.norm"] @ head.T


# ---- comparing -----------------------------------------------------------------------------------


def check(m, folder):
    """(largest difference as a share of the tensor's largest value, tensor's name)"""
    messages, tensors = [], []
    for line in open(f"{folder}/case.txt", encoding="utf-8"):
        kind, _, value = line.rstrip("\n").partition(" ")
        if kind == "message":
            messages.append((value, []))
        elif kind in ("text", "image"):
            messages[-1][1].append((kind, value.replace("\\n", "\n").replace("\\\\", "\\")))
        elif kind == "tensor":
            tensors.append(value.split())
    got = {}
    got["prompt_ids"], got["pixels"] = prompt_of(m, messages, folder)
    image = vision(m, got["pixels"], got) if got["pixels"] is not None else None
    text(m, got["prompt_ids"], image, got)
    worst = (0.0, "")
    for name, _, shape, _, stride, _, largest, *_ in tensors:
        want = np.load(f"{folder}/{name}.npy")
        if name == "generated_ids":
            check_generated(m, got["prompt_ids"], image, want)
        elif name != "generated_margin":
            have = got[name]
            assert "x".join(map(str, have.shape)) == shape, f"{name}: {have.shape} here"
            if int(stride) > 1:
                flat = have.reshape(-1, have.shape[-1])
                have = flat[(len(flat) - 1) % int(stride) :: int(stride)]
            if name in ("prompt_ids", "pixels"):
                assert (have == want).all(), f"{name} differs"
            else:
                worst = max(worst, (np.abs(have - want).max() / float(largest), name))
    return worst


def check_generated(m, ids, image, want):
    """All greedy ids at once, from one pass over prompt and answer."""
    if m.image_id not in want:
        got = {}
        text(m, np.concatenate([ids, want[:-1]]), image, got)
        mine = got["logits"][len(ids) - 1 :].argmax(-1)
        assert (mine == want).all(), "generated ids differ"


def main():
    failed = False
    for checkpoint in sorted(glob.glob(f"{sys.argv[1]}/*/model")):
        for case in sorted(glob.glob(f"{os.path.dirname(checkpoint)}/*/case.txt")):
            folder = os.path.dirname(case)
            try:
                worst, name = check(Model(checkpoint), folder)
                bad = worst > 1e-4
                print(f"{folder}: worst {worst:.1e} of the largest value ({name}){' FAILED' * bad}")
            except AssertionError as e:
                bad = True
                print(f"{folder}: FAILED: {e}")
            failed |= bad
    sys.exit(failed)


if __name__ == "__main__":
    main()
