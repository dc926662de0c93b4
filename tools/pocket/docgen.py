"""The document generator (src/docgen) from Python, and the reference processor's way to a square tile."""
import ctypes as C
import os
import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = ("label", "tag", "text")
FAMILIES = ("value", "meaning", "line", "read", "absent")


class Glyph(C.Structure):
    _fields_ = [("code", C.c_uint32), ("line", C.c_uint32)] + [(n, C.c_float) for n in ("x0", "y0", "x1", "y1", "middle")]


class Line(C.Structure):
    _fields_ = [("text", C.c_char * 164)] + [(n, C.c_float) for n in ("x0", "y0", "x1", "y1")]


class Field(C.Structure):
    _fields_ = [("key", C.c_char * 32), ("value", C.c_char * 40)]


class Question(C.Structure):
    _fields_ = [("family", C.c_int), ("unseen", C.c_bool), ("text", C.c_char * 96), ("answer", C.c_char * 400)]


class Doc(C.Structure):
    _fields_ = [("kind", C.c_int), ("seed", C.c_uint64), ("width", C.c_uint32), ("height", C.c_uint32),
                ("rgb", C.POINTER(C.c_uint8)), ("font", C.c_uint32), ("n_lines", C.c_uint32), ("n_glyphs", C.c_uint32),
                ("n_fields", C.c_uint32), ("n_questions", C.c_uint32), ("lines", Line * 12), ("glyphs", Glyph * 400),
                ("fields", Field * 8), ("questions", Question * 24), ("text", C.c_char * 400)]


class Error(C.Structure):
    _fields_ = [("raw", C.c_char * 512)]


GLYPH = np.dtype([("code", "u4"), ("line", "u4"), ("x0", "f4"), ("y0", "f4"), ("x1", "f4"), ("y1", "f4"), ("middle", "f4")])


def fonts(split):
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
        self.lib.vlm_docgen_make.argtypes = [C.c_void_p, C.c_void_p, C.c_int, C.c_uint64, C.c_int, C.c_void_p]
        self.lib.vlm_docgen_doc_free.argtypes = [C.c_void_p, C.c_void_p]

    def make(self, kind, seed, max_lines=0):
        """-> dict with image (PIL, RGB), glyphs (numpy records in source pixels), text, questions, font"""
        p, err = C.POINTER(Doc)(), Error()
        if self.lib.vlm_docgen_make(C.byref(p), self.gen, kind, seed, max_lines, C.byref(err)):
            raise RuntimeError(repr(err.raw))
        d = p.contents
        size = (d.width, d.height)
        image = Image.frombytes("RGB", size, C.string_at(d.rgb, d.width * d.height * 3))
        glyphs = np.frombuffer(C.string_at(d.glyphs, C.sizeof(Glyph) * d.n_glyphs), dtype=GLYPH)
        q = [(FAMILIES[x.family], bool(x.unseen), x.text.decode(), x.answer.decode()) for x in d.questions[: d.n_questions]]
        out = dict(image=image, glyphs=glyphs, text=d.text.decode(), questions=q, font=d.font, n_lines=d.n_lines,
                   fields=[(x.key.decode(), x.value.decode()) for x in d.fields[: d.n_fields]])
        self.lib.vlm_docgen_doc_free(self.gen, p)
        return out


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
