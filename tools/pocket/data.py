"""Batches for training: pictures through the reference processor, glyph labels, packed conversations."""
import random
import numpy as np
import docgen
from model import CONFIG, EOU, GLYPHS, encode

GRID = CONFIG["tile"] // CONFIG["patch"]
TEXT_CELLS = 128
CLASS = {ord(g): i + 1 for i, g in enumerate(GLYPHS)}
TRAIN_SEED, HELD_SEED = 1 << 40, 1 << 20  # training seeds begin at the first, held-out documents at the second


def cells_of(doc):
    """-> cells [N,2] (0 nothing, -1 do not ask), before [N]: glyph classes of each patch, by the glyph's middle"""
    w, h = doc["image"].size
    side = CONFIG["tile"]
    cells, before = np.zeros((GRID * GRID, 2), np.int16), np.zeros(GRID * GRID, np.int16)
    g = doc["glyphs"]
    x = (g["x0"] + g["x1"]) * (0.5 * GRID / w)
    y = g["middle"] * (GRID / h)
    col, row = np.clip(x.astype(int), 0, GRID - 1), np.clip(y.astype(int), 0, GRID - 1)
    previous, line = 0, -1
    for i in np.lexsort((x, g["line"])):
        at = row[i] * GRID + col[i]
        c = CLASS.get(int(g["code"][i]), 0)
        if c == 0:
            cells[at][cells[at] == 0] = -1
            continue
        if g["line"][i] != line:
            previous, line = 0, g["line"][i]
        if cells[at, 0] <= 0:
            cells[at, 0] = c
            before[at] = previous
        elif cells[at, 1] <= 0:
            cells[at, 1] = c
        elif col[i] + 1 < GRID and cells[at + 1, 0] == 0:
            cells[at + 1, 0] = c
            before[at + 1] = previous
        previous = c
    return cells, before


def text_cells(text, rng):
    """The page as plain characters in reading order, in place of what is seen."""
    cells, before = np.zeros((TEXT_CELLS, 2), np.int16), np.zeros(TEXT_CELLS, np.int16)
    at, previous = rng.randrange(0, 8), 0
    for ch in text:
        if at >= TEXT_CELLS:
            break
        if ch == "\n":
            at += 1 + rng.randrange(0, 3)
            previous = 0
        elif ch == " ":
            at += 1
        else:
            cells[at, 0] = CLASS.get(ord(ch), 0)
            before[at] = previous
            previous = cells[at, 0]
            at += 1
    return cells, before


def turn(question, answer, first=True):
    """ids and loss weights of one question and its answer, as the chat template writes them"""
    q = encode(question if first else "\nUser: " + question) + [EOU] + encode("\nAssistant:")
    a = encode(" " + answer) + [EOU]
    return q + a, [0] * len(q) + [1] * len(a)


WEIGHT = dict(value=1.0, meaning=1.0, line=0.6, absent=0.6, read=0.1)


def conversations(doc, rng, n, length, talk, seen_only=True):
    """n packed rows of `length` ids (next-token layout: ids, targets, -1 where no loss)"""
    ids, want = np.zeros((n, length), np.int64), np.full((n, length), -1, np.int64)
    pool = [q for q in doc["questions"] if not (seen_only and q[1])]
    for i in range(n):
        if not pool:
            break
        if talk:  # one conversation of several turns, reading everything among them
            rng.shuffle(pool)
            t, m = [], []
            for k, q in enumerate(pool):
                a, b = turn(q[2], q[3], k == 0)
                if len(t) + len(a) <= length + 1:
                    t, m = t + a, m + b
        else:
            q = rng.choices(pool, [WEIGHT[q[0]] for q in pool])[0]
            pool.remove(q)
            t, m = turn(q[2], q[3])
            if len(t) > length + 1:
                continue
        for j in range(len(t) - 1):
            ids[i, j] = t[j]
            if m[j + 1]:
                want[i, j] = t[j + 1]
    return ids, want


def batch(gen, seed, stage, size, lines=0, turns=5, length=52, kinds=None, seen_only=True):
    """Everything of one batch follows from its arguments."""
    rng = random.Random(seed)
    talk = stage != "s1" and rng.random() < (0.3 if stage in ("s2", "text") else 0.15)
    if talk:
        turns, length = 1, 192
    kinds = kinds or ((0, 1, 2, 2) if stage == "s1" else (0, 0, 0, 0, 1, 1, 2))
    out = dict(pixels=[], cells=[], before=[], ids=[], want=[])
    for i in range(size):
        doc = gen.make(rng.choice(kinds), TRAIN_SEED + seed * 64 + i, lines)
        if stage in ("s1", "s3"):
            out["pixels"].append(np.asarray(docgen.to_tile(doc["image"], CONFIG["tile"])))
        cells, before = text_cells(doc["text"], rng) if stage == "text" else cells_of(doc)
        out["cells"].append(cells)
        out["before"].append(before)
        if stage != "s1":
            ids, want = conversations(doc, rng, turns, length, talk, seen_only)
            out["ids"].append(ids)
            out["want"].append(want)
    return {k: np.stack(v) for k, v in out.items() if v}
