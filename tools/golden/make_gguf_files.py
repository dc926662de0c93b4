#!/usr/bin/env python3
"""Small GGUF files by other writers, and what another reader finds in them (tests/data/gguf).

    make_gguf_files.py OUT [MKGGUF]

Writers: gguf.GGUFWriter of the `gguf` package, and, where its path is given, the write_gguf() of
shared/tools/mkgguf.py.  Reader: gguf.GGUFReader.  Beside each FILE.gguf lies FILE.txt, which
tests/unit/test_gguf_files.c compares with what our reader finds: one line for each pair and tensor,
sorted by name.  Q8_1 is left out: the package counts 40 bytes in its block, the C library 36."""

import os
import sys
import types as types_module
import zlib

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFValueType as Value

NAMES = {Value.UINT8: "u8", Value.INT8: "i8", Value.UINT16: "u16", Value.INT16: "i16", Value.UINT32: "u32",
         Value.INT32: "i32", Value.FLOAT32: "f32", Value.BOOL: "bool", Value.STRING: "string", Value.UINT64: "u64",
         Value.INT64: "i64", Value.FLOAT64: "f64"}


def value_text(field):
    """Type and values: strings as hexadecimal digits, numbers with 17 digits."""
    is_array = field.types[0] == Value.ARRAY
    kind = field.types[-1]
    if kind == Value.STRING:
        values = [bytes(field.parts[i]).hex() or "-" for i in field.data]
    else:
        values = [f"{float(field.parts[i][0]):.17g}" for i in field.data]
    return " ".join([NAMES[kind] + (f"[{len(values)}]" if is_array else "")] + values)


def describe(paths, out):
    lines = []
    for n, path in enumerate(paths):
        reader = gguf.GGUFReader(path)
        if n == 0:
            for key, field in reader.fields.items():
                if not key.startswith("GGUF."):
                    lines.append(f"key {key} {value_text(field)}")
        for t in reader.tensors:
            shape = " ".join(str(int(d)) for d in reversed(t.shape))
            data = np.ascontiguousarray(t.data).tobytes()
            assert len(data) == t.n_bytes
            lines.append(f"tensor {t.name} {t.tensor_type.name} [{shape}] {len(data)} {zlib.crc32(data):08x}")
    with open(out, "w", encoding="utf-8") as f:
        f.write("".join(line + "\n" for line in sorted(lines, key=str.encode)))


def finish(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def values(path):
    w = gguf.GGUFWriter(path, "llama")
    w.add_uint8("v.u8", 255)
    w.add_int8("v.i8", -128)
    w.add_uint16("v.u16", 65535)
    w.add_int16("v.i16", -32768)
    w.add_uint32("v.u32", 4294967295)
    w.add_int32("v.i32", -2147483648)
    w.add_float32("v.f32", 0.1)
    w.add_float64("v.f64", 0.1)
    w.add_bool("v.true", True)
    w.add_bool("v.false", False)
    w.add_uint64("v.u64", 1 << 63)
    w.add_int64("v.i64", -(1 << 62))
    w.add_string("v.string", "h\u00e9 \u4e2d \U0001f600\n")
    w.add_array("a.ints", [1, -2, 3])
    w.add_array("a.floats", [0.5, -1e30, 3e-40])
    w.add_array("a.bools", [True, False])
    w.add_array("a.strings", ["", "one", "\u00e9"])
    w.add_token_list(["<a>", "b", "\u0120c"])
    w.add_token_types([3, 1, 1])
    w.add_token_scores([0.0, -1.0, -2.5])
    finish(w)


def types(path, rng, align=None):
    w = gguf.GGUFWriter(path, "llama")
    if align:
        w.add_custom_alignment(align)
    for t in Type:
        if t == Type.Q8_1:
            continue
        length, size = gguf.GGML_QUANT_SIZES[t]
        rows, blocks = int(rng.integers(1, 4)), int(rng.integers(1, 3))
        if size == length or length == 1:  # plain: any row length
            row = int(rng.integers(1, 9)) * size
        else:
            row = blocks * size
        data = rng.integers(0, 256, (rows, row), dtype=np.uint8)
        w.add_tensor(f"t.{t.name}", data, raw_dtype=t)
    w.add_tensor("one", np.arange(5, dtype=np.float32))
    w.add_tensor("four", np.arange(48, dtype=np.float16).reshape(2, 3, 4, 2))
    finish(w)


def split(path):
    w = gguf.GGUFWriter(path, "llama", split_max_tensors=2)
    w.add_string("general.name", "in parts")
    for i in range(5):
        w.add_tensor(f"t{i}", np.full((i + 1, 7), i, dtype=np.float32))
    finish(w)


def peer(path, mkgguf):
    m = types_module.ModuleType("mkgguf")
    source = open(mkgguf, encoding="utf-8").read().rstrip()
    exec(source.removesuffix("\nmain()"), m.__dict__)  # a script: it would run
    kvs = [("general.architecture", m.STR, "llama"), ("llama.block_count", m.U32, 1),
           ("llama.rope.freq_base", m.FLT, 1e5), ("tokenizer.ggml.add_bos_token", m.BOOL, False),
           ("tokenizer.ggml.tokens", m.ARR, (m.STR, [b"a", b"bc", b""])),
           ("tokenizer.ggml.token_type", m.ARR, (m.I32, [1, 3, 5]))]
    tensors = [("token_embd.weight", (64, 3), m.F16, "normal"), ("output_norm.weight", (64,), m.F32, "norm"),
               ("blk.0.attn_q.weight", (64, 2), m.Q8_0, "normal"), ("blk.0.ffn_up.weight", (32, 5), m.Q4_0, "normal"),
               ("blk.0.bias", (3,), m.F32, "zero")]
    m.write_gguf(path, kvs, tensors, 7)


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    rng = np.random.default_rng(5)
    at = lambda name: os.path.join(out, name)
    values(at("values.gguf"))
    types(at("types.gguf"), rng)
    types(at("align8.gguf"), rng, 8)
    types(at("align256.gguf"), rng, 256)
    split(at("split.gguf"))
    names = ["values", "types", "align8", "align256"]
    if len(sys.argv) > 2:
        peer(at("peer.gguf"), sys.argv[2])
        names.append("peer")
    for name in names:
        describe([at(name + ".gguf")], at(name + ".txt"))
    parts = [at(f"split-{i:05d}-of-00003.gguf") for i in (1, 2, 3)]
    describe(parts, at(os.path.basename(parts[0])[:-5] + ".txt"))


main()
