#!/usr/bin/env python3
"""Writes the seeds of fuzz_safetensors, fuzz_gguf*, fuzz_config, fuzz_constrain and some of fuzz_template (Python 3, no packages)."""
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

# GGUF: whole files, built with counts, lengths and offsets that agree, and some that do not
U8, I8, U16, I16, U32, I32, F32, BOOL, STR, ARR, U64, I64, F64 = range(13)
SCALAR = {U8: "<B", I8: "<b", U16: "<H", I16: "<h", U32: "<I", I32: "<i", F32: "<f", BOOL: "<?", U64: "<Q",
          I64: "<q", F64: "<d"}
# number: (elements, bytes) of a block
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
          10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
          16: (256, 66), 20: (32, 18), 23: (256, 136), 24: (1, 1), 28: (1, 8), 30: (1, 2), 34: (256, 54),
          39: (32, 17), 40: (64, 36)}


def gguf_value(t, v):
    if t == STR:
        v = v.encode() if isinstance(v, str) else v
        return struct.pack("<Q", len(v)) + v
    if t == ARR:
        return struct.pack("<IQ", v[0], len(v[1])) + b"".join(gguf_value(v[0], x) for x in v[1])
    return struct.pack(SCALAR[t], v)


def gguf(pairs=(), tensors=(), version=3, align=32, tail=b"", offsets=None):
    """pairs: (key, type, value); tensors: (name, innermost first shape, type)"""
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    for k, t, v in pairs:
        out += gguf_value(STR, k) + struct.pack("<I", t) + gguf_value(t, v)
    at, data = 0, b""
    for i, (name, shape, t) in enumerate(tensors):
        n = 1
        for d in shape:
            n *= d
        length, size = BLOCKS[t]
        n = n // length * size
        out += gguf_value(STR, name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, t,
                                                   offsets[i] if offsets else at)
        data += bytes((7 * k) & 255 for k in range(n)) + bytes(-n % align)
        at = len(data)
    return out + bytes(-len(out) % align) + data + tail


def llama(n_layers=1, hidden=32, heads=2, vocab=5, t=0):
    pairs = [("general.architecture", STR, "llama"), ("general.type", STR, "model"), ("general.name", STR, "seed"),
             ("llama.vocab_size", U32, vocab), ("llama.context_length", U32, 64),
             ("llama.embedding_length", U32, hidden), ("llama.block_count", U32, n_layers),
             ("llama.feed_forward_length", U32, hidden), ("llama.attention.head_count", U32, heads),
             ("llama.attention.head_count_kv", U32, 1), ("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
             ("llama.rope.dimension_count", U32, hidden // heads), ("llama.rope.freq_base", F32, 1e5),
             ("tokenizer.ggml.model", STR, "gpt2"), ("tokenizer.ggml.pre", STR, "smollm"),
             ("tokenizer.ggml.tokens", ARR, (STR, ["<|im_start|>", "a", "b", "ab", "<image>"][:vocab])),
             ("tokenizer.ggml.token_type", ARR, (I32, [3, 1, 1, 1, 3][:vocab])),
             ("tokenizer.ggml.merges", ARR, (STR, ["a b"])), ("tokenizer.ggml.bos_token_id", U32, 0),
             ("tokenizer.ggml.add_bos_token", BOOL, False), ("tokenizer.chat_template", STR, "{{ messages }}")]
    tensors = [("token_embd.weight", [hidden, vocab], t), ("output_norm.weight", [hidden], 0)]
    kv = hidden // heads
    for i in range(n_layers):
        tensors += [(f"blk.{i}.{n}.weight", s, t if len(s) > 1 else 0) for n, s in [
            ("attn_norm", [hidden]), ("attn_q", [hidden, hidden]), ("attn_k", [hidden, kv]), ("attn_v", [hidden, kv]),
            ("attn_output", [hidden, hidden]), ("ffn_norm", [hidden]), ("ffn_gate", [hidden, hidden]),
            ("ffn_up", [hidden, hidden]), ("ffn_down", [hidden, hidden])]]
    return pairs, tensors


q = "gguf"
align8 = [("general.alignment", U32, 8)]
put(q, "none", gguf())
put(q, "version2", gguf([("k", U32, 7)], version=2))
put(q, "values", gguf([("u8", U8, 200), ("i8", I8, -1), ("u16", U16, 60000), ("i16", I16, -2), ("u32", U32, 1 << 31),
                       ("i32", I32, -3), ("f32", F32, 0.5), ("bool", BOOL, True), ("str", STR, "h\u00e9"),
                       ("u64", U64, 1 << 63), ("i64", I64, -4), ("f64", F64, float("nan"))]))
put(q, "arrays", gguf([("a", ARR, (I16, [1, -2])), ("b", ARR, (STR, ["", "x", "\u4e2d"])), ("c", ARR, (U64, [])),
                       ("d", ARR, (BOOL, [True, False])), ("e", ARR, (F64, [0.1, float("inf")]))]))
put(q, "types", gguf(align8, [(f"t{t}", [BLOCKS[t][0]], t) for t in BLOCKS], align=8))
put(q, "shapes", gguf(align8, [("a", [3], 0), ("b", [1, 2], 1), ("c", [32, 1, 3], 2), ("d", [1, 1, 2, 2], 30)], align=8))
put(q, "padding", gguf([], [("a", [1], 0), ("b", [1], 0)]))
put(q, "unpadded", gguf(align8, [("a", [3], 24)], align=8)[:-5])
put(q, "align64k", gguf([("general.alignment", U32, 65536)], [("a", [1], 0)], align=65536)[:65540])
put(q, "text", gguf(*llama()))
put(q, "text_q8", gguf(*llama(t=8)))
put(q, "mmproj", gguf([("general.architecture", STR, "clip"), ("clip.projector_type", STR, "idefics3"),
                       ("clip.vision.image_size", U32, 64), ("clip.vision.image_mean", ARR, (F32, [0.5] * 3))],
                      [("v.patch_embd.weight", [4, 4, 3, 8], 1), ("v.patch_embd.bias", [8], 0)]))
put(q, "overlap", gguf([], [("a", [8], 0), ("b", [8], 0)], offsets=[0, 0]))
put(q, "hole", gguf([], [("a", [8], 0), ("b", [8], 0)], offsets=[0, 64], tail=bytes(32)))
put(q, "tail", gguf([], [("a", [8], 0)], tail=bytes(32)))
put(q, "twice", gguf([("a", U8, 1), ("b", U8, 2), ("a", U8, 3)], [("t", [8], 0), ("t", [8], 0)]))
put(q, "nested", gguf([("a", ARR, (ARR, [(U8, [1]), (U8, [])]))]))
put(q, "counts", b"GGUF" + struct.pack("<IQQ", 3, 1 << 63, 65537))
put(q, "string", b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, (1 << 64) - 1) + bytes(14))
put(q, "zero_dim", gguf([], [("a", [8, 0], 0)]))
put(q, "big_endian", b"GGUF" + struct.pack(">IQQ", 3, 0, 1))
split = [("split.count", U16, 2), ("split.tensors.count", I32, 3)]
first = gguf([("general.architecture", STR, "llama"), ("split.no", U16, 0)] + split, [("b", [8], 0)])
second = gguf([("split.no", U16, 1)] + split, [("a", [8], 0), ("c", [2, 4], 1)])
put(q, "parts", b"S" + struct.pack("<H", len(first)) + first + second)
put(q, "parts_twice", b"S" + struct.pack("<H", len(first)) + first + first)

# changes to a whole GGUF model (fuzz_gguf_model.c): which, type, value
m = "gguf_model"
put(m, "none", b"")
u32 = lambda v: struct.pack("<I", v & 0xFFFFFFFF)
for n, (which, v) in enumerate([(3, 263), (4, 8), (5, 64), (6, 1), (7, 48), (8, 2), (9, 4), (11, 4), (19, 263),
                                (0x84, 32), (0x85, 8), (0x86, 32), (0x88, 2), (0x89, 4), (0x8B, 64), (0x8C, 1),
                                (0x8D, 16)]):
    put(m, f"number{n}", bytes([which, 4]) + u32(v))
put(m, "epsilon", bytes([10, 6]) + struct.pack("<f", 0.5) + bytes([0x8A, 6]) + struct.pack("<f", 1e-12))
put(m, "theta", bytes([12, 12]) + struct.pack("<d", 1e12))
put(m, "mean", bytes([0x8E, 9, 6, 3]) + struct.pack("<3f", -1, 0, 1000) + bytes([0x8F, 9, 12, 3]) +
    struct.pack("<3d", 1e-6, 1, 2))
put(m, "missing", bytes([1, 13, 2, 13, 18, 13, 20, 13, 22, 13, 0x8D, 13, 0x90, 13]))
put(m, "template", bytes([22, 8, 13]) + b"{{messages}}x")
put(m, "merges", bytes([17, 9, 8, 2, 3]) + b"a b" + bytes([3]) + b"t h")
put(m, "tokens", bytes([15, 9, 8, 2, 1]) + b"a" + bytes([7]) + b"<image>" + bytes([16, 9, 4, 2]) + u32(1) + u32(3) +
    bytes([3, 4]) + u32(2))
put(m, "tied", bytes([0x54, 5]))
for n, t in enumerate([1, 2, 8, 12, 20, 30, 39]):  # token_embd and a matrix of a layer in this type
    put(m, f"type{n}", bytes([0x40, 2, 9, 15, t, 7, 0x42, 2, 9, 9, t, 3]))
put(m, "turned", bytes([0xD3, 2, 11, 9, 0, 0, 0xD5, 1, 6, 0, 1]))

# saved sessions (fuzz_state.c): how it is laid over, the header's counts, ids
s = "state"
ids = lambda *v: struct.pack(f"<{len(v)}i", *v)
counts = lambda *v: struct.pack("<7Q", *v)  # ids, prompt, done, pictures, said, finish, held back
put(s, "true", bytes([1]))
put(s, "unsealed", bytes([0, 9]))
put(s, "prompt", bytes([3]) + counts(20, 20, 0, 0, 0, 0, 0) + ids(*range(5, 25)))
put(s, "half", bytes([3]) + counts(20, 20, 7, 0, 0, 0, 0) + ids(*range(5, 25)))
put(s, "answer", bytes([3]) + counts(20, 12, 19, 0, 8, 0, 0) + ids(*range(5, 25)))
put(s, "ended", bytes([3]) + counts(20, 12, 20, 0, 9, 2, 0) + ids(*range(5, 25)))
put(s, "held", bytes([3]) + counts(20, 12, 19, 0, 8, 0, 3) + ids(*range(5, 25)) + b"abc")
put(s, "blocks", bytes([3]) + counts(300, 280, 299, 0, 20, 0, 0) + ids(*[7] * 300))
put(s, "huge", bytes([1]) + counts(1 << 63, 1 << 63, 1 << 62, 0, 0, 0, 0))
put(s, "pictures", bytes([3]) + counts(20, 20, 10, 1, 0, 0, 0) + ids(*range(5, 25)) + b"\1" * 72)

# templates with a mistake each: what the lexer and the parser refuse
wrong = ["{% for %}", "{% for a %}", "{% for a b c %}", "{% for a in x if %}{% endfor %}", "{% if x %}{% elif %}",
         "{% set %}", "{% set a = %}", "{% set (a, b = 1 %}", "{% macro %}", "{% macro m %}", "{% macro m(a b) %}",
         "{% macro m(1) %}", "{% macro m(a=) %}", "{% macro m(kwargs, varargs, caller) %}{{ caller() }}{% endmacro %}",
         "{% call %}{% endcall %}", "{% call(a b) m() %}{% endcall %}", "{% call m %}{% endcall %}", "{% call 1 %}",
         "{% filter %}{% endfilter %}", "{% filter 1 %}", "{% with a %}", "{% with a = %}", "{% with a = 1 b = 2 %}",
         "{% with 1 = 2 %}", "{% do %}", "{% nobody %}", "{% endfor %}", "{% 17 %}", "{{ }}", "{{ a b }}", "{{ a | }}",
         "{{ a | 1 }}", "{{ a is }}", "{{ a is not }}", "{{ a. }}", "{{ a.1.b. }}", "{{ a[ }}", "{{ a[1:2:3:4] }}",
         "{{ f(a=1, 2) }}", "{{ f(**a, *b) }}", "{{ f(*a, **b, c) }}", "{{ f(a b) }}", "{{ {1: } }}", "{{ {1 2} }}",
         "{{ [1 2] }}", "{{ (1 }}", "{{ 1 if }}", "{{ 1 if x else }}", "{{ a ~ }}", "{{ not }}", "{{ - }}", "{{ 'a }}",
         "{{ 1_ }}", "{{ 0x }}", "{{ 0b12 }}", "{{ 1e }}", "{{ 1.e5 }}", "{{ 1__0 }}", "{{ 0xfF_1 }}", "{{ 9" * 30,
         "{{ @ }}", "{{ a\\b }}", "{# never ends", "{% raw %}never ends", "{% raw x %}{% endraw %}",
         "{%+ raw +%} {{ }} {%- endraw +%}", "{%- if x -%} a {%+ endif +%}", "{{ a }", "{% if x }", "{{ a %}",
         "\ufeff{{ a }}", "{{ a\u00a0 }}", "\u3000{%- if 1 -%}\u2003b{% endif %}"]
for n, text in enumerate(wrong):
    put("template", f"wrong_{n:02d}.jinja", text.encode())

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

# schemas of the corpus, small ones, and patterns
with open(f"{here}/../../tools/golden/schemas.jsonl") as f:
    for i, line in enumerate(f):
        x = json.dumps(json.loads(line)["schema"], ensure_ascii=False).encode()
        if i % 6 == 0 and len(x) < 800:
            put("constrain", f"schema{i}", x)
for i, x in enumerate(["/[a-f]{3}(-[0-9]{2})*", "/(yes|no|)", "/([^a-z]\\d?|\\W+){2,5}", "/\\u00e9{0,3}x*?$", "/((a*)*b|(c{2,}))*", "/[\\]\\-^]+|.", "/[\\", "/[a-\\", "/a{3"]):
    put("constrain", f"regex{i}", x.encode())
