#!/usr/bin/env python3
"""Writes tests/data/tokenizer/smolvlm2/*.jsonl: strings with the ids of the reference.

Made with tokenizers 0.23.3 and transformers 5.23.0 (Python 3.11, Unicode data 14); run in the project's
folder:   tools/make_token_golden.py

golden.jsonl   [text, ids, plain ids or null, decoded or null]
               ids: special tokens matched. plain: by the same tokenizer without added tokens; null when
               the same. decoded: of ids, special tokens kept; null when it is the text.
invalid.jsonl  [bytes in hex, ids]: read as Python's errors="replace" does, special tokens matched.
spans.jsonl    [text, [begin, end, begin, end, ...], ids]: the runs (bytes) came from users.
split.jsonl    [tokenizer.json, [[text, ids], ...]]: small tokenizers with other options.
"""
import json
import random
import re
import sys
import unicodedata

from tokenizers import Tokenizer

DIR = "tests/data/tokenizer/smolvlm2/"
N_STRINGS = 10000

SCRIPTS = [  # first and last code point of a block
    (0x41, 0x7A), (0xC0, 0x17F), (0x370, 0x3FF), (0x400, 0x52F), (0x531, 0x58A), (0x590, 0x5FF), (0x600, 0x6FF),
    (0x700, 0x74F), (0x780, 0x7BF), (0x900, 0x97F), (0x980, 0x9FF), (0xA00, 0xA7F), (0xB80, 0xBFF), (0xC00, 0xC7F),
    (0xD00, 0xD7F), (0xE00, 0xE7F), (0xE80, 0xEFF), (0xF00, 0xFFF), (0x1000, 0x109F), (0x10A0, 0x10FF),
    (0x1100, 0x11FF), (0x1200, 0x137F), (0x13A0, 0x13FF), (0x1400, 0x167F), (0x16A0, 0x16FF), (0x1780, 0x17FF),
    (0x1800, 0x18AF), (0x1E00, 0x1FFF), (0x2C00, 0x2C5F), (0x2D30, 0x2D7F), (0x3040, 0x309F), (0x30A0, 0x30FF),
    (0x3100, 0x312F), (0x4E00, 0x9FFF), (0xA000, 0xA48F), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFB50, 0xFDFF),
    (0xFE70, 0xFEFF), (0xFF00, 0xFFEF), (0x10000, 0x1007F), (0x10330, 0x1034F), (0x10480, 0x104AF),
    (0x12000, 0x123FF), (0x13000, 0x1342F), (0x1D400, 0x1D7FF), (0x1E900, 0x1E95F), (0x20000, 0x2A6DF),
    (0x30000, 0x323AF)]
SYMBOLS = [(0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E), (0xA1, 0xBF), (0x2010, 0x205E), (0x2070, 0x209C),
           (0x20A0, 0x20C0), (0x2100, 0x214F), (0x2150, 0x218B), (0x2190, 0x23FF), (0x2460, 0x24FF),
           (0x2500, 0x27BF), (0x2900, 0x2BFF), (0x3000, 0x303F), (0x3200, 0x32FF)]
EMOJI = [(0x1F300, 0x1F64F), (0x1F680, 0x1F6FF), (0x1F900, 0x1FAFF), (0x1F1E6, 0x1F1FF), (0x2600, 0x26FF)]
JOINED = ["\u200d", "\ufe0f", "\U0001F3FB", "\U0001F3FF", "\u20e3", "\U000E0067", "\U000E007F"]
DIGITS = [(0x30, 0x39), (0x660, 0x669), (0x966, 0x96F), (0xE50, 0xE59), (0xFF10, 0xFF19), (0x1D7CE, 0x1D7FF),
          (0x2160, 0x2188), (0x2460, 0x249B), (0xBC, 0xBE), (0x2070, 0x2089), (0x3021, 0x3029), (0x10107, 0x10133),
          (0x1F100, 0x1F10C), (0x12400, 0x1246E), (0x10D40, 0x10D49), (0x116D0, 0x116E3), (0x11DE0, 0x11DE9),
          (0x1CCF0, 0x1CCF9), (0x1D2C0, 0x1D2D3)]
SPACES = ["\t", "\n", "\v", "\f", "\r", "\x1c", "\x1d", "\x1e", "\x1f", " ", "\x85", "\xa0", "\u1680", "\u180e"] + \
         [chr(c) for c in range(0x2000, 0x2010)] + ["\u2028", "\u2029", "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff"]
MARKS = [(0x300, 0x36F), (0x483, 0x489), (0x591, 0x5BD), (0x64B, 0x65F), (0x93A, 0x94F), (0x1AB0, 0x1ACE),
         (0x20D0, 0x20F0), (0x3099, 0x309C), (0xFE20, 0xFE2F), (0x1D165, 0x1D169)]
NEW = [(0x1C89, 0x1C8A), (0xA7CB, 0xA7DD), (0x105C0, 0x105F3), (0x10D40, 0x10D85), (0x10EC2, 0x10EC4),
       (0x11380, 0x113E2), (0x116D0, 0x116E3), (0x11BC0, 0x11BF9), (0x11DB0, 0x11DE9), (0x13460, 0x143FA),
       (0x16100, 0x16139), (0x16D40, 0x16D79), (0x16EA0, 0x16ED3), (0x16FF2, 0x16FF6), (0x18CFF, 0x18D1E),
       (0x1CCF0, 0x1CCF9), (0x1E5D0, 0x1E5FF), (0x1E6C0, 0x1E6FF), (0x2EBF0, 0x2EE5D), (0x31350, 0x33479)]
WORDS = """the of and to in is that it was for on are as with his they at be this have from I'll you're don't it's
we've I'm she'd HE'S CAN'T receipt total invoice price tag label image table rows columns red blue green square
question answer describe picture photograph document naïve café über straße 東京 日本語 中文 한국어 русский язык Ελληνικά
עברית العربية हिन्दी ไทย việt internationalization antidisestablishmentarianism def return import printf https://
www.example.com user@mail.org C:\\path /usr/local/bin foo_bar camelCase SCREAMING snake-case x86_64 3.14159 1,234.56
$19.99 50% #hashtag @mention &amp; <b> </b> {"key": null} [1, 2] a/b c++ == != -> => ... --- *** ~~~ ```""".split()


def pick(r, ranges):
    first, last = r.choice(ranges)
    return chr(r.randint(first, last))


def any_char(r):
    while True:
        c = r.randrange(0x110000) if r.random() < 0.5 else r.randrange(0x3000)
        if not 0xD800 <= c < 0xE000:
            return chr(c)


def look_alike(r, added):
    """A control token, or nearly one."""
    t = r.choice(added) if r.random() < 0.6 else r.choice(
        ["<image>", "<|im_start|>", "<end_of_utterance>", "<fake_token_around_image>", "<row_1_col_2>", "<global-img>"])
    k = r.random()
    if k < 0.35:
        return t
    if k < 0.45:
        return r.choice(["<row_7_col_1>", "<row_0_col_0>", "<row_1_col_10>", "<|im_start", "im_end|>", "<|reserved_special_token_88|>",
                         "<|reserved_special_token_8|>", "<|endoftext", "<video>", "[INST]", "</s>", "<s>", "<<image>>"])
    i = r.randrange(len(t))
    if k < 0.6:
        return t[:i] + t[i + 1:]
    if k < 0.7:
        return t[:i] + t[i] + t[i:]
    if k < 0.8:
        return t[:i] + any_char(r) + t[i:]
    if k < 0.9:
        return t[:i] + t[i].swapcase() + t[i + 1:]
    return t[:i] + r.choice(added) + t[i:]


def part(r, added):
    k = r.randrange(100)
    if k < 22:
        return r.choice(WORDS)
    if k < 34:
        first, last = r.choice(SCRIPTS)
        return "".join(chr(r.randint(first, last)) for _ in range(r.randint(1, 6)))
    if k < 40:
        return "".join(pick(r, EMOJI) + (r.choice(JOINED) if r.random() < 0.5 else "") for _ in range(r.randint(1, 4)))
    if k < 46:
        return look_alike(r, added)
    if k < 54:
        return "".join(pick(r, DIGITS if r.random() < 0.5 else DIGITS[:1]) for _ in range(r.randint(1, 5)))
    if k < 64:
        return "".join(r.choice(SPACES if r.random() < 0.4 else [" ", "\n"]) for _ in range(r.randint(1, 4)))
    if k < 70:
        return "".join(pick(r, SYMBOLS) for _ in range(r.randint(1, 4)))
    if k < 75:
        return r.choice("aeouАعक中ᄀ") + "".join(pick(r, MARKS) for _ in range(r.randint(1, 3)))
    if k < 81:
        return r.choice(["'", "\u2019", "'", "'"]) + r.choice(["s", "t", "re", "ve", "m", "ll", "d", "S", "l", "r", "", "'s", "st"])
    if k < 85:
        return any_char(r)
    if k < 88:
        return "".join(any_char(r) for _ in range(r.randint(1, 4)))
    if k < 91:
        return chr(r.choice(list(range(32)) + list(range(127, 160))))
    if k < 94:
        return pick(r, NEW)
    if k < 96:
        return r.choice(["\u200b", "\u200c", "\u200d", "\u202e", "\u2066", "\ufffd", "\uffff", "\U0010ffff", "\ue000", "\xad"])
    return " "


def strings(seed, n, added):
    r = random.Random(seed)
    for i in range(n):
        if i % 200 == 199:  # a long run
            unit = r.choice(["a", "ab", " ", "\n", "^", "中", "\u0301", "-=", "<", "'s", "9", "\t ", "\U0001F600", "A", "ـ", "\r\n"])
            yield r.choice(["", " ", "x", "1"]) + unit * r.randint(33, 300) + r.choice(["", " ", "y", "!"])
            continue
        text = "".join(part(r, added) for _ in range(1 + min(int(r.expovariate(0.45)), 11)))
        if i % 10 == 0:
            text = unicodedata.normalize(r.choice(["NFC", "NFD", "NFKC"]), text)
        yield text


def reference():
    """Two tokenizers: the file's, and the same without added tokens."""
    data = json.load(open(DIR + "tokenizer.json"))
    full = Tokenizer.from_file(DIR + "tokenizer.json")
    added = [t["content"] for t in data["added_tokens"]]
    data["added_tokens"] = []
    return full, Tokenizer.from_str(json.dumps(data)), added


def ids_of(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False).ids


def with_spans(full, plain, added, text, spans):
    """Added tokens matched outside the spans only; what lies between is encoded piece by piece."""
    raw, ids, done, at = text.encode(), [], 0, 0
    pattern = re.compile(b"|".join(re.escape(t.encode()) for t in sorted(added, key=len, reverse=True)))
    free = [0] + [x for s in spans for x in s] + [len(raw)]
    for begin, end in zip(free[::2], free[1::2]):
        for m in pattern.finditer(raw[begin:end]):
            ids += ids_of(plain, raw[done:begin + m.start()].decode())
            ids.append(full.token_to_id(m.group().decode()))
            done = begin + m.end()
    return ids + ids_of(plain, raw[done:].decode())


def damaged(r, added):
    """Bytes that are not UTF-8, in every way they can fail to be."""
    bad = [b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc2", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xe1\x80", b"\xe4\xb8",
           b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xef\xbf", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf", b"\xf0\x9f\x98",
           b"\xf0\x9f", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff",
           b"\xc3\x28", b"\xe2\x82\x28", b"\xf0\x90\x28\xbc"]
    out = b""
    for _ in range(r.randint(1, 6)):
        out += part(r, added).encode()
        out += r.choice(bad) if r.random() < 0.7 else bytes(r.randrange(256) for _ in range(r.randint(1, 4)))
    cut = r.randint(0, 2)
    return out[:len(out) - cut]


def small_tokenizer(pre_tokenizer, added=(), **model):
    """All bytes but the last few, and a few merges over them."""
    chars = [chr(b) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174 else None for b in range(256)]
    extra = 0
    for b in range(256):
        if chars[b] is None:
            chars[b] = chr(256 + extra)
            extra += 1
    vocab = {c: i for i, c in enumerate(chars[:250])}
    merges = [["a", "b"], ["ab", "c"], ["b", "c"], ["Ġ", "a"], ["Ġ", "Ġ"], ["1", "2"], ["Ġa", "b"], ["c", "a"], ["ab", "ab"]]
    vocab["<unk>"] = 250
    for a, b in merges:
        vocab.setdefault(a + b, len(vocab))
    vocab["hello"] = len(vocab)
    data = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
            "pre_tokenizer": pre_tokenizer, "post_processor": None,
            "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                      "vocab": vocab, "merges": merges, **model}}
    next_id = len(vocab)
    for content, flags in added:
        token = {"id": vocab.get(content, next_id), "content": content, "single_word": False,
                 "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        next_id += content not in vocab
        data["added_tokens"].append({**token, **flags})
    return data


def small_tokenizers():
    def bytelevel(**kw):
        return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True, **kw}

    def split(pattern, behavior, invert=False, kind="Regex"):
        return {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}, bytelevel(use_regex=False)]}

    tekken = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?"
              r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"
              r"\s*[\r\n]+|\s+(?!\S)|\s+")
    llama3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
              r"\s*[\r\n]+|\s+(?!\S)|\s+")
    behaviors = ["Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
    yield small_tokenizer(split(tekken, "Isolated"), ignore_merges=True)
    yield small_tokenizer(split(llama3, "Isolated"))
    yield small_tokenizer(split(r"(?<=a)b|(c)\1|^a|c$|x*", "Isolated"))
    for behavior in behaviors:
        for invert in (False, True):
            yield small_tokenizer(split(r"b+|\s", behavior, invert))
        yield small_tokenizer(split("ab", behavior, kind="String"))
        yield small_tokenizer(split("a.", behavior, kind="String"))
        yield small_tokenizer(split("b*", behavior))
    yield small_tokenizer(bytelevel(add_prefix_space=True))
    yield small_tokenizer(bytelevel(add_prefix_space=True, use_regex=False))
    yield small_tokenizer({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": False},
                                                                 bytelevel(add_prefix_space=True)]})
    yield small_tokenizer({"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": True},
        {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": False}]}, bytelevel()]})
    yield small_tokenizer(bytelevel(), unk_token="<unk>")
    yield small_tokenizer(bytelevel(), unk_token="<unk>", fuse_unk=True)
    yield small_tokenizer(bytelevel(), merges=["#version: 0.2", "a b", "b c", "a b", "ab c"])
    yield small_tokenizer(bytelevel(add_prefix_space=True), added=[
        ("<l>", {"lstrip": True}), ("<r>", {"rstrip": True}), ("<lr>", {"lstrip": True, "rstrip": True}),
        ("ab", {"single_word": True, "special": False}), ("<s>", {"single_word": True, "lstrip": True}), ("<n>", {"normalized": True}),
        ("<n", {"normalized": True, "special": False}), ("<n>a", {}), ("<na", {"normalized": True, "single_word": True}),
        ("aa", {}), ("aab", {}), ("a", {"normalized": True, "single_word": True}), (" c", {"normalized": True})])


SMALL_ALPHABET = ["a", "b", "c", "ab", "abc", " ", "  ", "1", "12", "x", "\n", "B", "é", "中", "hello", "Hello", "'s", "'S", ".", "\U000FFFFF",
                  "\u00ff", "_", "\t", "\u3000"]


def small_strings(seed, added):
    r = random.Random(seed)
    alphabet = SMALL_ALPHABET + 3 * added
    yield ""
    yield "hello"
    for _ in range(60):
        yield "".join(r.choice(alphabet) for _ in range(r.randint(1, 10)))


def write(name, rows):
    with open(DIR + name, "w", encoding="utf-8") as f:
        for row in rows:
            f.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    from transformers import PreTrainedTokenizerFast
    full, plain, added = reference()
    library = PreTrainedTokenizerFast(tokenizer_file=DIR + "tokenizer.json")
    rows = []
    for text in strings(1, N_STRINGS, added):
        ids, ids_plain, decoded = ids_of(full, text), ids_of(plain, text), full.decode(ids_of(full, text), skip_special_tokens=False)
        assert library(text)["input_ids"] == ids and library.decode(ids) == decoded
        rows.append([text, ids, None if ids == ids_plain else ids_plain, None if decoded == text else decoded])
    write("golden.jsonl", rows)

    r = random.Random(2)
    rows = []
    for _ in range(400):
        raw = damaged(r, added)
        rows.append([raw.hex(), ids_of(full, raw.decode("utf-8", "replace"))])
    write("invalid.jsonl", rows)

    rows = []
    for text in strings(3, 1200, added):
        text += look_alike(r, added) + part(r, added) + look_alike(r, added)
        cuts = sorted(r.sample(range(len(text) + 1), min(2 * r.randint(1, 3), len(text) // 2 * 2)))
        cuts = [len(text[:c].encode()) for c in cuts]
        rows.append([text, cuts, with_spans(full, plain, added, text, list(zip(cuts[::2], cuts[1::2])))])
    write("spans.jsonl", rows)

    rows = []
    for i, data in enumerate(small_tokenizers()):
        t = Tokenizer.from_str(json.dumps(data))
        content = [a["content"] for a in data["added_tokens"]]
        rows.append([data, [[s, ids_of(t, s)] for s in small_strings(100 + i, content)]])
    write("split.jsonl", rows)


if __name__ == "__main__":
    sys.exit(main())
