#!/usr/bin/env python3
"""Blocks of every weight type that is no plain float, and what they mean by the public definitions.

  make_block_golden.py [--out tests/data/blocks] [--seeds tests/fuzz/seeds/unpack]

The definitions: the `gguf` package's quants.py (numpy) for the types of GGUF, torch's float8_e4m3fn,
and int8.  A file TYPE.bin holds N blocks, then the N * (elements) little-endian floats they stand for.
Each block is random bytes with its scales replaced by one of the kinds below.
"""
import argparse, os
import numpy as np
import torch
from gguf import GGMLQuantizationType as G
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
# byte offsets of F16 scales in a block
SCALES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "IQ4_NL": [0], "MXFP4": [],
          "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_XS": [0]}
KINDS = ["plain", "plain", "ones", "zeros", "subnormal", "huge", "negative", "zero", "infinite"]


def scale(kind, rng):
    bits = {"plain": rng.integers(0x1400, 0x3c00), "subnormal": rng.integers(1, 0x400), "huge": 0x7bff,
            "negative": rng.integers(0x9400, 0xbc00), "zero": 0x8000, "infinite": 0x7c00}
    return int(bits.get(kind, bits["plain"])).to_bytes(2, "little")


def block(name, n_bytes, kind, rng):
    b = bytearray(rng.integers(0, 256, n_bytes, dtype=np.uint8).tobytes())
    if kind in ("ones", "zeros"):
        b = bytearray((b"\xff" if kind == "ones" else b"\0") * n_bytes)
    for at in SCALES[name]:
        b[at:at + 2] = scale(kind, rng)
    if name == "MXFP4":
        b[0] = {"subnormal": 0, "huge": 255, "zero": 1, "negative": 2, "infinite": 254}.get(kind, 120 + b[0] % 9)
    return bytes(b)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--out", default=f"{ROOT}/tests/data/blocks")
    a.add_argument("--seeds", default=f"{ROOT}/tests/fuzz/seeds/unpack")
    a = a.parse_args()
    os.makedirs(a.out, exist_ok=True)
    os.makedirs(a.seeds, exist_ok=True)
    every = np.arange(256, dtype=np.uint8)
    files = {"F8_E4M3": (every.tobytes(), torch.from_numpy(every.copy()).view(torch.float8_e4m3fn).float().numpy()),
             "I8": (every.tobytes(), every.view(np.int8).astype(np.float32))}
    for i, name in enumerate(SCALES):
        elements, n_bytes = GGML_QUANT_SIZES[G[name]]
        rng = np.random.default_rng(5000 + i)
        kinds = KINDS if elements == 256 else KINDS * 3
        raw = b"".join(block(name, n_bytes, k, rng) for k in kinds)
        with np.errstate(all="ignore"):
            y = dequantize(np.frombuffer(raw, np.uint8).reshape(len(kinds), n_bytes), G[name])
        files[name] = raw, y.ravel()
    for i, (name, (raw, y)) in enumerate(files.items()):
        with open(f"{a.out}/{name}.bin", "wb") as f:
            f.write(raw + y.astype("<f4").tobytes())
        with open(f"{a.seeds}/{name}", "wb") as f:  # any type's bytes: the target tries them all
            f.write(raw[:512])


main()
