#!/usr/bin/env python3
"""Writes the seeds of fuzz_safetensors and fuzz_config (Python 3, no packages)."""
import json, os, struct

here = os.path.dirname(os.path.abspath(__file__))


def put(what, name, data):
    os.makedirs(f"{here}/seeds/{what}", exist_ok=True)
    with open(f"{here}/seeds/{what}/{name}", "wb") as f:
        f.write(data)


def st(tensors, pad=0, metadata=None, tail=b""):
    head, at = {}, 0
    if metadata is not None:
        head["__metadata__"] = metadata
    for name, dtype, shape, n in tensors:
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + n]}
        at += n
    h = json.dumps(head, separators=(",", ":")).encode() + b" " * pad
    return struct.pack("<Q", len(h)) + h + bytes(range(at % 256)) + bytes(at - at % 256) + tail


s = "safetensors"
put(s, "one", st([("a", "F32", [2, 3], 24)], metadata={"format": "pt"}))
put(s, "types", st([("a", "BF16", [3], 6), ("b", "F16", [1, 2], 4), ("c", "I64", [], 8), ("d", "F4", [4], 2),
                    ("e", "ODD", [9], 5)], pad=3))
put(s, "empty", st([("z", "F32", [0, 4], 0)]))
put(s, "none", st([]))
put(s, "trailing", st([("a", "U8", [4], 4)], tail=b"x"))
put(s, "hole", struct.pack("<Q", 58) + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}    ' + bytes(8))
put(s, "long_header", struct.pack("<Q", 1 << 63) + b"{}")
put(s, "five_dims", st([("a", "U8", [1, 1, 1, 1, 1], 1)]))
put(s, "index", json.dumps({"metadata": {"total_size": 8}, "weight_map": {"a": "a.safetensors", "b": "b.safetensors"}},
                           ).encode())
put(s, "index_bad", b'{"weight_map":{"a":"../a.safetensors","b":"b.safetensors"}}')

c = "config"
golden = f"{here}/../data/golden"
for model in sorted(os.listdir(golden)):
    d = f"{golden}/{model}/model"
    if not os.path.isdir(d):
        continue
    for letter, name in zip("abcde", ["config.json", "preprocessor_config.json", "processor_config.json",
                                      "generation_config.json", "tokenizer_config.json"]):
        if os.path.exists(f"{d}/{name}"):
            put(c, f"{model}.{letter}", letter.encode() + open(f"{d}/{name}", "rb").read())
