#!/usr/bin/env python3
"""Rows to quantise, and the errors that other quantisers leave on them.  Needs numpy and the `gguf` package;
with LIBGGML=.../libggml-base.so also llama.cpp's own (tests/golden/parity/README.md says where to get it),
which alone has the K types and weighs by importance.  Written with gguf 0.19 and llama.cpp of August 2026.

rows.f32        for each kind of KINDS 4 rows of 512 floats, then 512 weights (importance)
errors.txt      TYPE KIND WEIGHTED SUM WHO: the least sum of (weight *) squared error of the others
"""
import ctypes, os
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as T
from gguf.quants import dequantize, quantize

ROWS, N = 4, 512
rng = np.random.default_rng(20261121)
normal = lambda: rng.standard_normal((ROWS, N))
KINDS = {
    "normal": normal() * 0.02,
    "laplace": rng.laplace(size=(ROWS, N)),
    "uniform": rng.uniform(-1, 1, (ROWS, N)),
    "heavy": rng.standard_t(3, (ROWS, N)),
    "outliers": normal() * np.where(rng.random(N) < 0.01, 30, 1),
    "groups": normal() * np.exp(rng.standard_normal((ROWS, N // 16)).repeat(16, 1)),
    "positive": np.abs(normal()),
    "negative": -np.abs(normal()) - 0.5,
    "flat": 1 + 0.02 * normal(),
    "tiny": 1e-6 * normal(),
}
KINDS = {k: np.ascontiguousarray(v, np.float32) for k, v in KINDS.items()}
weights = np.exp(1.5 * rng.standard_normal(N)).astype(np.float32)

lib = ctypes.CDLL(os.environ["LIBGGML"]) if os.environ.get("LIBGGML") else None


def theirs(t, x, w):
    size, size_bytes = GGML_QUANT_SIZES[t]
    out = np.zeros((ROWS, N // size * size_bytes), np.uint8)
    p = lambda a: ctypes.c_void_p(a.ctypes.data) if a is not None else None
    lib.ggml_quantize_chunk(ctypes.c_int(t.value), p(x), p(out), ctypes.c_int64(0), ctypes.c_int64(ROWS),
                            ctypes.c_int64(N), p(w))
    return out


def error(t, blocks, x, w):
    e = (dequantize(blocks, t).astype(np.float64) - x) ** 2
    return (e * w).sum() if w is not None else e.sum()


with open("rows.f32", "wb") as f:
    for x in KINDS.values():
        f.write(x.tobytes())
    f.write(weights.tobytes())
with open("errors.txt", "w") as f:
    for t in (T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K, T.IQ4_NL):
        for kind, x in KINDS.items():
            for w in (None, weights):
                found = []
                try:
                    found.append((error(t, quantize(x, t), x, w), "gguf"))
                except NotImplementedError:
                    pass
                if lib:
                    found.append((error(t, theirs(t, x, w), x, w), "llama.cpp"))
                if found:
                    f.write(f"{t.name} {kind} {int(w is not None)} {min(found)[0]:.9g} {min(found)[1]}\n")
