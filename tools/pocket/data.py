"""Batches for training: pictures through the reference processor, glyph labels, packed conversations."""
import random
import numpy as np
import docgen
from model import BYTE0, CONFIG, EOU, GLYPHS, encode

GRID = CONFIG["tile"] // CONFIG["patch"]
TEXT_CELLS = 128
CLASS = {ord(g): i + 1 for i, g in enumerate(GLYPHS)}
TRAIN_SEED, HELD_SEED = 1 << 40, 1 << 20  # training seeds begin at the first, held-out documents at the second


def neighbours(text):
    """for every letter of the page in reading order: its class and the tokens of what stands before and behind it"""
    padded = "\n" + text + "\n"
    code = lambda ch: BYTE0 + ch.encode()[0]
    return [(CLASS.get(ord(ch), 0), code(padded[i]), code(padded[i + 2])) for i, ch in enumerate(text) if ch not in " \n"]


def cells_of(doc):
    """-> cells [N,2] (0 nothing, -1 do not ask) by the glyph's middle, around [N,2]: tokens before and behind what is there"""
    w, h = doc["image"].size
    cells, around = np.zeros((GRID * GRID, 2), np.int16), np.zeros((GRID * GRID, 2), np.int16)
    g = doc["glyphs"]
    x = (g["x0"] + g["x1"]) * (0.5 * GRID / w)
    y = g["middle"] * (GRID / h)
    col, row = np.clip(x.astype(int), 0, GRID - 1), np.clip(y.astype(int), 0, GRID - 1)
    for i in np.nonzero(g["code"] == 0)[0]:
        at = cells[row[i] * GRID + col[i]]
        at[at == 0] = -1
    letters = np.nonzero(g["code"])[0]
    for i, (c, before, behind) in zip(letters, neighbours(doc["text"])):
        at = row[i] * GRID + col[i]
        slot = 0 if cells[at, 0] <= 0 else 1
        if slot == 1 and cells[at, 1] > 0:  # a third letter moves on if it can
            if col[i] + 1 == GRID or cells[at + 1, 0] > 0:
                continue
            at, slot = at + 1, 0
        cells[at, slot] = c
        if slot == 0:
            around[at, 0] = before
        around[at, 1] = behind
    return cells, around


def text_cells(text, rng):
    """The page as plain characters in reading order, in place of what is seen."""
    cells, around = np.zeros((TEXT_CELLS, 2), np.int16), np.zeros((TEXT_CELLS, 2), np.int16)
    at, letters = rng.randrange(0, 8), iter(neighbours(text))
    for ch in text:
        if at < TEXT_CELLS and ch not in " \n":
            cells[at, 0], around[at, 0], around[at, 1] = next(letters)
        at += 1 + (rng.randrange(0, 3) if ch == "\n" else 0)
    return cells, around


def turn(question, answer, first=True):
    """ids and loss weights of one question and its answer, as the chat template writes them"""
    q = encode(question if first else "\nUser: " + question) + [EOU] + encode("\nAssistant:")
    a = encode(" " + answer) + [EOU]
    return q + a, [0] * len(q) + [1] * len(a)


WEIGHT = dict(value=1.0, meaning=1.0, line=0.6, absent=0.4, read=0.1)


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
    talk = stage != "s1" and rng.random() < 0.12
    if talk:
        turns, length = 1, 192
    kinds = kinds or dict(s1=(0, 1, 2, 2), s3=(0, 0, 0, 1, 1)).get(stage, (0, 0, 0, 1, 1))
    out = dict(pixels=[], cells=[], around=[], ids=[], want=[])
    for i in range(size):
        doc = gen.make(rng.choice(kinds), TRAIN_SEED + seed * 64 + i, lines)
        if stage in ("s1", "s3"):
            out["pixels"].append(np.asarray(docgen.to_tile(doc["image"], CONFIG["tile"])))
        cells, around = text_cells(doc["text"], rng) if stage == "text" else cells_of(doc)
        out["cells"].append(cells)
        out["around"].append(around)
        if stage != "s1":
            ids, want = conversations(doc, rng, turns, length, talk, seen_only)
            out["ids"].append(ids)
            out["want"].append(want)
    return {k: np.stack(v) for k, v in out.items() if v}
