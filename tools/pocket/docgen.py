"""The document generator (src/docgen) from Python, and the reference processor's way to a square tile."""
import ctypes as C
import io
import math
import os
import random
import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = ("label", "tag", "text", "receipt", "invoice", "form", "card", "list", "table", "shipping", "ticket", "paragraph", "blank")
FAMILIES = ("value", "meaning", "line", "read", "absent", "item_price", "item_count", "which_item", "right", "below", "how_many",
            "extreme", "contains", "compare", "cell")
LAYOUTS = dict(seen=0, held=1, any=2)


class Glyph(C.Structure):
    _fields_ = [("code", C.c_uint32), ("line", C.c_uint32)] + [(n, C.c_float) for n in ("x0", "y0", "x1", "y1", "middle", "size")] + [("frame", C.c_uint32)]


class Line(C.Structure):
    _fields_ = [("text", C.c_char * 164)] + [(n, C.c_float) for n in ("x0", "y0", "x1", "y1")]


class Field(C.Structure):
    _fields_ = [("key", C.c_char * 32), ("value", C.c_char * 40)]


class Item(C.Structure):
    _fields_ = [("name", C.c_char * 40), ("quantity", C.c_char * 12), ("unit", C.c_char * 24), ("amount", C.c_char * 24), ("cents", C.c_long)]


class Question(C.Structure):
    _fields_ = [("family", C.c_int), ("unseen", C.c_bool), ("text", C.c_char * 96), ("answer", C.c_char * 1200),
                ("paraphrase", C.c_uint32)]


class Sums(C.Structure):
    _fields_ = [(n, C.c_int64) for n in ("items", "subtotal", "tax", "discount", "total", "paid", "change")] + [
        ("tax_included", C.c_bool)]


class Doc(C.Structure):
    _fields_ = [("kind", C.c_int), ("seed", C.c_uint64), ("width", C.c_uint32), ("height", C.c_uint32),
                ("rgb", C.POINTER(C.c_uint8)), ("font", C.c_uint32), ("n_lines", C.c_uint32), ("n_glyphs", C.c_uint32),
                ("n_fields", C.c_uint32), ("n_questions", C.c_uint32), ("lines", Line * 24), ("glyphs", Glyph * 1600),
                ("fields", Field * 32), ("questions", Question * 48), ("text", C.c_char * 1200), ("layout", C.c_uint32),
                ("layout_held", C.c_bool), ("inconsistent", C.c_bool), ("random_strings", C.c_bool), ("sums", Sums),
                ("items", Item * 24), ("n_items", C.c_uint32)]


class Options(C.Structure):
    _fields_ = [("size", C.c_uint32), ("max_lines", C.c_int32), ("layouts", C.c_int32), ("strength", C.c_float),
                ("inconsistent", C.c_float), ("random_strings", C.c_float), ("shuffle", C.c_float)]


class Error(C.Structure):
    _fields_ = [("raw", C.c_char * 512)]


GLYPH = np.dtype([("code", "u4"), ("line", "u4"), ("x0", "f4"), ("y0", "f4"), ("x1", "f4"), ("y1", "f4"), ("middle", "f4"),
                  ("size", "f4"), ("frame", "u4")])


def fonts(split):
    """paths of one split ("train", "held-out"), in the order of fonts.txt"""
    with open(os.path.join(HERE, "fonts.txt")) as f:
        rows = [l.rstrip("\n").split("\t") for l in f if not l.startswith("#")]
    return [r[3] for r in rows if r[0] == split]


class Generator:
    def __init__(self, library, paths):
        self.lib = C.CDLL(library)
        self.gen, err = C.c_void_p(), Error()
        array = (C.c_char_p * len(paths))(*[p.encode() for p in paths])
        if self.lib.vlm_docgen_open(C.byref(self.gen), None, array, C.c_size_t(len(paths)), C.byref(err)):
            raise RuntimeError(repr(err.raw))
        self.lib.vlm_docgen_draw.argtypes = [C.c_void_p, C.c_void_p, C.c_int, C.c_uint64, C.c_void_p, C.c_void_p]
        self.lib.vlm_docgen_doc_free.argtypes = [C.c_void_p, C.c_void_p]

    def make(self, kind, seed, max_lines=0, layouts="seen", strength=0.0, inconsistent=0.0, random_strings=0.0, shuffle=0.0):
        """-> dict with image (PIL, RGB), glyphs (numpy records in source pixels), text, questions (family, unseen, text,
        answer, paraphrase), font and what else is true.  kind: a number or a name of KINDS; inconsistent,
        random_strings and shuffle are shares of documents.  JPEG is not in here: see jpeg()."""
        p, err, o = C.POINTER(Doc)(), Error(), Options()
        self.lib.vlm_docgen_options_init(C.byref(o))
        o.max_lines, o.layouts, o.strength = max_lines, LAYOUTS[layouts], strength
        o.inconsistent, o.random_strings, o.shuffle = inconsistent, random_strings, shuffle
        kind = KINDS.index(kind) if isinstance(kind, str) else kind
        if self.lib.vlm_docgen_draw(C.byref(p), self.gen, kind, seed, C.byref(o), C.byref(err)):
            raise RuntimeError(repr(err.raw))
        d = p.contents
        size = (d.width, d.height)
        image = Image.frombytes("RGB", size, C.string_at(d.rgb, d.width * d.height * 3))
        glyphs = np.frombuffer(C.string_at(d.glyphs, C.sizeof(Glyph) * d.n_glyphs), dtype=GLYPH)
        q = [(FAMILIES[x.family], bool(x.unseen), x.text.decode(), x.answer.decode(), x.paraphrase)
             for x in d.questions[: d.n_questions]]
        out = dict(image=image, glyphs=glyphs, text=d.text.decode(), questions=q, font=d.font, n_lines=d.n_lines, kind=KINDS[kind],
                   fields=[(x.key.decode(), x.value.decode()) for x in d.fields[: d.n_fields]], layout=d.layout,
                   layout_held=bool(d.layout_held), inconsistent=bool(d.inconsistent), random_strings=bool(d.random_strings),
                   items=[tuple(x.decode() for x in (i.name, i.quantity, i.unit, i.amount)) for i in d.items[: d.n_items]])
        self.lib.vlm_docgen_doc_free(self.gen, p)
        return out


def jpeg(image, seed, strength):
    """The picture as a camera or a scanner saves it, seeded: at strength 1 two in three, quality 35 to 95."""
    rng = random.Random(seed * 1000003 + 7)
    if rng.random() > 0.67 * strength:
        return image
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(95 - rng.random() * 60 * strength), subsampling=rng.choice((0, 2)))
    return Image.open(buffer).convert("RGB")


def to_tile(image, side):
    """SmolVLM's processor for size.longest_edge == max_image_size == side: two LANCZOS resizes (PIL path)."""
    w, h = image.size
    a = w / h
    if w >= h:
        w1, h1 = side, int(side / a)
        h1 += h1 % 2
    else:
        h1, w1 = side, int(side * a)
        w1 += w1 % 2
    image = image.resize((max(w1, 1), max(h1, 1)), Image.LANCZOS)
    return image.resize((side, side), Image.LANCZOS)


def tilted(doc, rng, most):
    """The document photographed askew: turned by up to `most` degrees, nearer on one side, on a plain table; boxes follow."""
    image, g = doc["image"], doc["glyphs"].copy()
    w, h = image.size
    a = math.radians(rng.uniform(-most, most))
    turn = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    page = np.array([[0, 0], [w, 0], [w, h], [0, h]], float)
    to = page - (w / 2, h / 2)
    side = rng.randrange(4)
    to[[side, (side + 1) % 4]] *= 1 - rng.uniform(0, 0.012) * most
    to = to @ turn.T
    edge = rng.uniform(-0.02, 0.06) * max(w, h)
    to += edge - to.min(0)
    size = tuple(max(8, int(x)) for x in to.max(0) + edge)

    def through(a, b):
        """the eight numbers of the perspective that takes points a to points b"""
        rows, right = [], []
        for (x, y), (u, v) in zip(a, b):
            rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
            right += [u, v]
        return np.linalg.solve(np.array(rows), np.array(right))

    p = through(page, to)

    def go(x, y):
        z = p[6] * x + p[7] * y + 1
        return (p[0] * x + p[1] * y + p[2]) / z, (p[3] * x + p[4] * y + p[5]) / z

    shade = tuple(rng.randrange(40, 250) for _ in range(3)) if rng.random() < 0.5 else (rng.randrange(60, 250),) * 3
    out = image.transform(size, Image.PERSPECTIVE, through(to, page), Image.BICUBIC, fillcolor=shade)
    x, y = go((g["x0"] + g["x1"]) / 2, g["middle"])
    ends = [go(g[a], g[b]) for a in ("x0", "x1") for b in ("y0", "y1")]
    wide = np.ptp([e[0] for e in ends], axis=0) / 2
    g["y0"], g["y1"] = np.min([e[1] for e in ends], axis=0), np.max([e[1] for e in ends], axis=0)
    g["x0"], g["x1"], g["middle"] = x - wide, x + wide, y
    inside = (g["x0"].min() >= 0 and g["x1"].max() <= size[0] and g["y0"].min() >= 0 and g["y1"].max() <= size[1]) if len(g) else True
    if inside:
        doc["image"], doc["glyphs"] = out, g
