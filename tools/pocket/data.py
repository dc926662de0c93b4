"""Batches for training: pictures through the reference processor, symbols, packed conversations, and where to look.

Everything of a batch follows from its arguments (settings, seed), so that a run continues with the data it would have had."""
import itertools
import math
import random
import re
import numpy as np
import docgen
from model import ASSISTANT, BYTE0, EOU, GLYPHS, LINES, NEWLINE, SHAPES, SIZES, SPACE, USER, encode
from wordings import ALSO, BEFORE, BEHIND, CONTAINED, FOR_KEY, FOR_WORD, OTHERS, reading

CLASS = {g: i + 1 for i, g in enumerate(GLYPHS)} | {" ": SPACE, "\n": NEWLINE}
TRAIN_SEED, HELD_SEED = 1 << 40, 1 << 20  # training seeds begin at the first, held-out documents at the second
NOT_THERE = "not on the page"
SMALL = dict(label=4, tag=3, form=3, card=3, ticket=1, shipping=1, list=1, blank=1)  # how often; few letters
LARGE = dict(receipt=3, invoice=3, table=1, paragraph=1, text=1)
COUNTED = ("absent", "how_many", "contains")  # families whose answers do not stand on the page


def neighbours(text):
    """for every character of the page: its class, and those of what stands before and behind it"""
    padded = "\n" + text + "\n"
    return [(CLASS.get(ch, 0), CLASS.get(padded[i], 0), CLASS.get(padded[i + 2], 0)) for i, ch in enumerate(text)]


def cells_of(doc, grid):
    """-> cells [N,2] (0 nothing, -1 do not ask): the one or two letters of each cell by their middles; around [N,2,4]: what stands before
    and behind each, its size and its frame (`styles`); for every character of the text its letter as 2 cell + slot (a space: that of the
    character before it); and the options of `options_of`, as `claimed`"""
    w, h = doc["image"].size
    cells, around = [[0, 0] for _ in range(grid * grid)], np.zeros((grid * grid, 2, 4), np.int16)
    g, text = doc["glyphs"], doc["text"]
    x = (g["x0"] + g["x1"]) * (0.5 * grid / w)
    y = g["middle"] * (grid / h)
    col, row = np.clip(x.astype(int), 0, grid - 1), np.clip(y.astype(int), 0, grid - 1)
    home = (row * grid + col).tolist()
    for i in np.nonzero(g["code"] == 0)[0]:
        cells[home[i]] = [-1, -1]
    letters, style = iter(np.nonzero(g["code"])[0].tolist()), styles(g, grid / h)
    place, last, found = np.full(len(text), -1, np.int64), -1, []
    for j, (c, before, behind) in enumerate(neighbours(text)):
        if text[j] not in " \n":
            i = next(letters, None)
            if i is None:
                break
            at = home[i]
            slot = 0 if cells[at][0] <= 0 else 1
            if slot == 1 and cells[at][1] > 0:  # a third letter moves on if it can
                if (at + 1) % grid == 0 or cells[at + 1][0] > 0:
                    continue
                at, slot = at + 1, 0
            cells[at][slot] = c
            last = 2 * at + slot
            around[at, slot] = before, behind, *style[i]
            found.append((last, i))
        place[j] = last
    cells = np.array(cells, np.int16)
    ids, who = np.array(found, int).reshape(-1, 2).T
    high, wide = (g["y1"] - g["y0"])[who] * (grid / h), (g["x1"] - g["x0"])[who] * (grid / w)
    return cells, around, place, claimed(options_of(ids, g["line"][who], x[who], y[who], wide, high, grid), cells)


def styles(g, scale):
    """(size, frame) of glyphs, as model.SIZES and FRAMES have them; scale: cells a pixel"""
    size = np.rint(8 * np.log2(np.maximum(g["size"] * scale, 0.1))).astype(int) + 4
    return list(zip(np.clip(size, 1, SIZES - 1).tolist(), g["frame"].tolist()))


def options_of(ids, lines, x, y, wide, high, grid):
    """[L,6] for each letter: itself (2 cell + slot), its line, the cell it stands in, and up to three others beside, above or below that
    it may be said to stand in, as its middle is near the border (-1: none); see `claimed` and model.settle"""
    out = np.full((len(ids), 6), -1, np.int64)
    out[:, 0], out[:, 1], out[:, 2] = ids, lines, ids // 2
    beside, above = (np.where(f < near, -1, np.where(f > 1 - near, 1, 0))
                     for f, near in ((x - np.floor(x), np.clip(0.15 * wide, 0.2, 0.45)), (y - np.floor(y), np.clip(0.15 * high, 0.2, 0.45))))
    col, row = np.clip(x.astype(int), 0, grid - 1), np.clip(y.astype(int), 0, grid - 1)
    for k, (a, b, good) in enumerate(((beside, 0, beside != 0), (0, above, above != 0), (beside, above, (beside != 0) & (above != 0)))):
        c, r = col + a, row + b
        good = good & (c >= 0) & (c < grid) & (r >= 0) & (r < grid) & (r * grid + c != ids // 2)
        out[:, 3 + k] = np.where(good, r * grid + c, -1)
    return out


def claimed(options, cells):
    """options without cells that belong to another line; letters of lines that share a cell stay where they are (-2)"""
    rows, owner, shared = options.tolist(), {}, set()
    for o in rows:
        if owner.setdefault(o[2], o[1]) != o[1]:
            shared.add(o[2])
    for o in rows:
        if o[2] in shared:
            o[3:] = [-2, -1, -1]
            continue
        for k in (3, 4, 5):
            if o[k] >= 0 and (o[k] in shared or cells[o[k], 0] < 0 or owner.setdefault(o[k], o[1]) != o[1]):
                o[k] = -1
    return np.array(rows, np.int64).reshape(-1, 6)


def collage(make, tile, grid, rng, rows):
    """lines cut out of many documents, side by side on a band of `rows` rows of cells, for the tower: many letters for the price
    of one picture -> pixels, cells, around, options (cells_of), patches that letters touch.  make() -> a document; a letter's
    advance is 8 to 26 pixels, so that there is about one in one or two cells, on half of the lines 22 to 70"""
    pixels = np.full((tile, tile, 3), rng.randrange(150, 256), np.uint8)
    cells, around = np.zeros((grid * grid, 2), np.int16), np.zeros((grid * grid, 2, 4), np.int16)
    first = rng.randrange(0, grid - rows + 1)
    patch, pieces, options = tile // grid, 0, [np.zeros((0, 6), np.int64)]
    blank, pool, y, bottom = docgen.Image.new("L", (tile, tile)), [], first * patch, (first + rows) * patch
    band = np.zeros(grid * grid, bool)  # patches that letters touch
    while y < bottom - 16:
        narrow, widest = rng.choices(((8.5, 26), (22, 45), (40, 70)), (45, 30, 25))[0]  # letters of several cells are slow to learn
        advance, x, tall = math.exp(rng.uniform(math.log(narrow), math.log(widest))), 0, 0
        stretch = math.exp(rng.uniform(math.log(0.6), math.log(1.7)))
        while x < tile - 2 * advance:
            if not pool:
                doc = make()
                texts = doc["text"].split("\n")
                pool = [(doc, doc["glyphs"][doc["glyphs"]["line"] == k].copy(), t) for k, t in enumerate(texts)]
                rng.shuffle(pool)
            doc, g, text = pool.pop()
            if len(g) == 0:
                continue
            (sw, sh), wide = doc["image"].size, float(np.mean(g["x1"] - g["x0"])) * 1.25 + 0.5
            high = float(g["y1"].max() - g["y0"].min())
            box = [max(0, g["x0"].min() - wide * rng.uniform(0.2, 1)), max(0, g["y0"].min() - high * rng.uniform(0.05, 0.4)),
                   min(sw, g["x1"].max() + wide * rng.uniform(0.2, 1)), min(sh, g["y1"].max() + high * rng.uniform(0.05, 0.4))]
            scale = advance / wide
            w, h = int((box[2] - box[0]) * scale), int((box[3] - box[1]) * scale * stretch)
            w, h = max(8, min(w, tile - x)), max(12, min(h, bottom - y))
            if w < 0.75 * (box[2] - box[0]) * scale:
                break
            pixels[y : y + h, x : x + w] = np.asarray(doc["image"].resize((w, h), docgen.Image.LANCZOS, box=box))
            for f in ("x0", "x1"):
                g[f] = (g[f] - box[0]) * (w / (box[2] - box[0])) + x
            for f in ("middle", "y0", "y1"):
                g[f] = (g[f] - box[1]) * (h / (box[3] - box[1])) + y
            g["size"] *= h / (box[3] - box[1])
            line = dict(image=blank, glyphs=g, text=text)
            g["line"] = pieces = pieces + 1
            c, a, _, o = cells_of(line, grid)
            band |= covered(line, grid)
            free = cells[:, 0] == 0
            cells[free], around[free] = c[free], a[free]
            options.append(o[free[o[:, 2]]])
            x, tall = x + w, max(tall, h)
        y += max(tall, 12)
    return pixels, cells, around, claimed(np.concatenate(options), cells), band


def text_cells(text, rng, grid):
    """The page as plain characters in reading order, spaces and line ends among them, in place of what is seen."""
    n = grid * grid
    cells, around, place = np.zeros((n, 2), np.int16), np.zeros((n, 2, 4), np.int16), np.full(len(text), -1, np.int64)
    at = rng.randrange(0, 8)
    for j, (c, before, behind) in enumerate(neighbours(text)):
        if at >= n:
            break
        cells[at, 0], around[at, 0, :2], place[j] = c, (before, behind), 2 * at
        at += 1 + (rng.randrange(0, 3) if c == NEWLINE else 0)
    return cells, around, place, np.zeros((0, 6), np.int64)


def spread(answer, text, place):
    """the letter to look at for each byte of ' ' + answer and the end, or None when the answer's place is not certain"""
    found, at = [], text.find(answer) if answer else -1
    while at >= 0:
        end = at + len(answer)
        if (at == 0 or text[at - 1] in " \n") and (end == len(text) or text[end] in " \n"):
            found.append(at)
        at = text.find(answer, at + 1)
    if len(found) != 1:
        return None
    out = []
    for k, ch in enumerate(answer):
        out += [place[found[0] + k]] * len(ch.encode())
    return [out[0]] + out + [out[-1]]


FIRST_FACT = 50  # of the numbers of wordings in hundreds: those of facts
KEY, VALUE, NAME, COUNT, UNIT, AMOUNT = range(34, 40)  # kinds of fact beside those of meanings.c (1 to 33)


def item_parts(items, text):
    """where the parts of each item stand in the text: a list of (kind of fact, begin, end), its name first; items whose name stands
    there twice or not at all are left out.  Values are looked for in the line of the name, the one behind and the one before"""
    names = [m[0] for m in (list(re.finditer(rf"(?<!\S){re.escape(i[0])}(?!\S)", text)) for i in items) if len(m) == 1]
    found, starts = {m.group(): m for m in names}, sorted(m.start() for m in names)
    lines, at = [], 0
    for line in text.split("\n"):
        lines.append((at, at + len(line)))
        at += len(line) + 1
    out = []
    for name, count, unit, amount in items:
        if name not in found:
            continue
        begin, end = found[name].span()
        k = next(i for i, l in enumerate(lines) if begin <= l[1])
        parts, taken = [(NAME, begin, end)], [(begin, end)]
        near = [lines[k]] + [lines[i] for i in (k + 1, k - 1) if 0 <= i < len(lines) and not any(lines[i][0] <= s < lines[i][1] for s in starts)]
        near.sort(key=lambda l: amount not in text[slice(*l)])  # details stand above or below; the amount is no other item's
        for kind, value in ((AMOUNT, amount), (UNIT, unit if unit != amount else ""), (COUNT, count)):
            for low, high in near if value else ():
                places = [(m.start() + low, m.end() + low) for m in re.finditer(rf"(?<![\w.,]){re.escape(value)}(?![\w.,]*\d)", text[low:high])]
                places = [p for p in places if all(p[1] <= t[0] or p[0] >= t[1] for t in taken)]
                if places:
                    place = places[-1 if kind == AMOUNT else 0]
                    parts.append((kind, *place))
                    taken.append(place)
                    break
        out.append(parts)
    return out


def told(doc, place, n_cells):
    """[2N,7] for every letter (2 cell + slot): the number of the line it stands in, from 1; what kind of fact it belongs to (meanings.c's
    number, from 1, or one of those above; from the third letter on, or the last: who reads on knows no more at the first); the number of
    its item (of a key and its value: of the pair); 0: none or not known; the letters with which its line, the line before and its item
    (or pair) begin, and the letter before (-1: none, or further on)"""
    out, begin = np.zeros((2 * n_cells, 7), np.int16), [-1, -1]
    out[:, 3:], line, last, text = -1, 0, -1, doc["text"]
    for j, (ch, at) in enumerate(zip(text, place)):
        if j == 0 or text[j - 1] == "\n":
            line, begin = line + 1, [at, begin[0]]
        if ch not in " \n" and at >= 0:
            out[at] = min(line, LINES - 1), 0, 0, *(x if x <= at else -1 for x in begin), -1, last if last <= at else -1
            last = at

    def kind(cells, number):
        if not len(cells):
            return
        some = cells[min(3, len(cells) - 1) :]
        out[some, 1] = np.where(out[some, 1] > 0, out[some, 1], number)

    def belong(*parts):
        """cells that belong together look for the first of them"""
        cells = np.array([c for p in parts for c in p], int)
        if not len(cells):
            return
        first = cells.min()
        out[cells, 5] = np.where(out[cells, 5] >= 0, out[cells, 5], first)

    for family, _, _, answer, number in doc["questions"]:
        where = spread(answer, text, place) if family == "meaning" and number // 100 >= FIRST_FACT else None
        if where:
            kind(where, number // 100 - FIRST_FACT + 1)
    items = item_parts(doc["items"], text)
    for i, parts in enumerate(items):
        cells = [[p for p in place[begin:end] if p >= 0] for _, begin, end in parts]
        for (number, *_), mine in zip(parts, cells):
            kind(mine, number)
        belong(*cells)
        if len(items) == len(doc["items"]):
            out[[c for mine in cells for c in mine], 2] = min(i + 1, LINES - 1)
    printed = [key for key, _ in doc["fields"] if key and key in text]
    for key, value in doc["fields"]:
        where = [p for p in spread(value, text, place) or () if p >= 0]
        at = text.find(key) if key and text.count(key) == 1 else -1
        if at >= 0:
            cells = [p for p in place[at : at + len(key)] if p >= 0]
            kind(cells, KEY)
            if where and cells:
                kind(where, VALUE)
                belong(cells, where)
                if not items:  # a key and its value are a pair with a number, whichever comes first
                    out[cells + where, 2] = min(printed.index(key) + 1, LINES - 1)
    return out


def named(question, doc, place, n=1):
    """the letter for each byte of the question's n longest runs of words that stand once on the page (-1 elsewhere; the first
    two letters could yet be another word's)"""
    out = [-1] * len(question.encode())
    asked, page = question.lower(), doc["text"].lower()
    if len(asked) != len(question) or len(page) != len(doc["text"]):
        return out
    words = [m.span() for m in re.finditer(r"[^\s,:]+" if n > 1 else r"\S+", asked.rstrip("?.!:"))]
    found = []
    for i in range(len(words)):
        for j in range(len(words) - 1, i - 1, -1):
            at, end = words[i][0], words[j][1]
            if end - at < 3:
                break
            there = page.find(asked[at:end])
            if there >= 0 and page.count(asked[at:end]) == 1 and (there == 0 or page[there - 1] in " \n"):
                found.append((at, end, there))
    for _ in range(n):
        best = max(found, key=lambda f: f[1] - f[0], default=None)
        if not best:
            break
        at, end, there = best
        for i in range(2, end - at):
            out[len(question[: at + i].encode())] = place[there + i]
        found = [f for f in found if f[1] <= at or f[0] >= end]
    return out


def reworded(question, family, key, number, rng):
    """a question as others might put it, so that wordings never seen are less strange; none of those kept for tests (check_wordings.py)"""
    q = question
    if family == "value" and key and key in q and rng.random() < 0.5:
        q = rng.choice(FOR_KEY) % key
    elif family == "contains" and rng.random() < 0.6:
        word = CONTAINED.match(q)
        q = rng.choice(FOR_WORD) % word.group(1) if word else q
    elif number // 100 in ALSO and rng.random() < 0.6:
        q = rng.choice(ALSO[number // 100])
    elif family == "read" and rng.random() < 0.5:
        q = reading(rng)
    elif family in OTHERS and rng.random() < 0.6:
        for pattern, ways in OTHERS[family]:
            m = re.search(pattern, q)
            if m:
                q = rng.choice(ways)
                q = q % m.groups() if "%s" in q else q
                break
    elif family == "absent" and key and rng.random() < 0.5:
        q = rng.choice(FOR_KEY) % key
    m = re.match(r"(What is|What's|Give|Read|Name|Find|Show) the ([^?.]+)[?.]?$", q)
    if m and family not in ("line", "read") and rng.random() < 0.5:
        q = rng.choice(FOR_KEY[:3] + FOR_KEY[4::2]) % m.group(2)
    if rng.random() < 0.25:
        q = rng.choice(BEFORE) + (q[:1].lower() + q[1:] if rng.random() < 0.6 and not q.startswith(key or " ") else q)
    if rng.random() < 0.25:
        end = q[-1:] if q[-1:] in "?." else ""
        q = q.rstrip("?.") + rng.choice(BEHIND) + (end if rng.random() < 0.7 else "")
    if rng.random() < 0.15:
        q = q.rstrip("?.")
    if rng.random() < 0.1:
        q = q[:1].lower() + q[1:]
    return question if len(q.encode()) > 90 else q


def next_lines(text, place):
    """for each byte of ' ' + text and the end the letter with which the next line begins, or -2: there is none.  Who reads a page and does
    not know reads its last line for ever.  The first letter of a line has that line: who is to say it has said the line end before it, and
    must still look there"""
    out = []
    for k, ch in enumerate(text):
        at = text.find("\n", max(k - 1, 0)) + 1
        out += [int(place[at]) if at else -2] * len(ch.encode())
    return [*out[:1], *out, -2]


def turn(question, answer, first=True):
    """ids and loss weights of one question and its answer, as the chat template writes them"""
    q = encode(question) if first else [BYTE0 + 10, USER] + encode(" " + question)
    q += [EOU, BYTE0 + 10, ASSISTANT]
    a = encode(" " + answer) + [EOU]
    return q + a, [0] * len(q) + [1] * len(a)


def strange_question(doc, other, rng):
    """a question about another document, whose key this one lacks"""
    for key, value in other["fields"]:
        if len(key) < 3 or key.lower() in doc["text"].lower():
            continue
        asked = [q[2] for q in other["questions"] if q[0] == "value" and q[3] == value and not q[1] and key.lower() in q[2].lower()]
        if asked:
            return ("absent", False, rng.choice(asked), NOT_THERE, 0)
    return None


def conversations(doc, place, rng, n, length, talk, weights, extra=None, reword=0.0):
    """n packed rows of at most `length` ids in next-token layout: (ids, targets with -1 where no loss, letters to look at
    with -1 where none, the same for the letters of keys in questions, before an answer begins the one with which it ends, who
    reads on: with which the next line begins, -2 none; family)"""
    rows = []  # of one question each, or of one conversation
    pool = [q for q in doc["questions"] if not q[1] and weights.get(q[0], 0) > 0]
    if extra is not None:
        pool.append(extra)
    while pool and len(rows) < n:
        ids, mask, look, keys, ends, family = [], [], [], [], [], "talk"
        if talk:  # one conversation of several turns, reading everything among them
            rng.shuffle(pool)
            chosen, pool = pool, []
        else:
            q = rng.choices(pool, [weights[q[0]] for q in pool])[0]
            pool.remove(q)
            chosen, family = [q], q[0]
        for q in chosen:
            if rng.random() < reword:
                key = max((k for k, v in doc["fields"] if v == q[3] and k in q[2]), key=len, default=None)
                if q[0] == "absent":  # or who asks so would always find something
                    asked = re.match(r".*\b(?:the|for|of|as|to) (.+?)(?: on the page)?[?.]?$", q[2])
                    key = asked and asked.group(1)
                q = (q[0], q[1], reworded(q[2], q[0], key, q[4], rng), q[3])
            t, m = turn(q[2], q[3], not ids)
            where = spread(q[3], doc["text"], place) if q[0] not in COUNTED else None
            l = [-1] * (len(t) - sum(m)) + (where if where is not None else [-1] * sum(m))
            n_key = [-1] * len(t)
            if q[0] not in ("meaning", "line", "read", "absent", "how_many", "extreme"):
                skip = 0 if not ids else 3
                spelled = named(q[2], doc, place, 2 if q[0] == "compare" else 1)
                n_key[skip : skip + len(spelled)] = spelled
            if where is not None:  # the answer's letters too: who knows where he stands finds what is next
                n_key[len(t) - sum(m) + 1 : -1] = where[1:-1]
            end = [-1] * len(t)
            if where is not None and q[0] != "read":
                end[len(t) - sum(m) : len(t) - sum(m) + 2] = [where[-1]] * 2
            elif q[3] == doc["text"]:
                end[len(t) - sum(m) :] = next_lines(q[3], place)
            elif q[0] == "how_many" and doc["items"] and doc["text"].count(doc["items"][-1][0]) == 1:  # who finds the last one knows its number
                end[len(t) - sum(m) : len(t) - sum(m) + 2] = [place[doc["text"].index(doc["items"][-1][0])]] * 2
            if len(ids) + len(t) > length + 1 and (family != "talk" or len(ids) + len(t) - sum(m) > length - 8):
                continue
            ids, mask, look, keys, ends = ids + t, mask + m, look + l, keys + n_key, ends + end
        if ids:
            ids, mask, look, keys, ends = (x[: length + 1] for x in (ids, mask, look, keys, ends))
            rows.append((ids[:-1], [i if m else -1 for i, m in zip(ids[1:], mask[1:])], look[1:], keys[:-1], ends[1:], family))
    return rows


def choose(need, count, rng):
    """`count` indices in order: all that are needed, then others by chance"""
    must = np.nonzero(need)[0]
    rest = rng.permutation(np.nonzero(~need)[0])
    return np.sort(np.concatenate([must, rest[: max(0, count - len(must))]]))


def inked(tile, patch):
    """patches in which something is drawn"""
    g = tile.shape[0] // patch
    p = tile[..., 1].reshape(g, patch, g, patch)
    return ((p.max((1, 3)).astype(int) - p.min((1, 3))) > 40).reshape(-1)


def covered(doc, grid):
    """patches that a letter's box touches: what the tower must look at to read"""
    w, h = doc["image"].size
    g, out = doc["glyphs"], np.zeros((grid, grid), bool)
    x0, x1 = (np.clip((g[f] * (grid / w) + m), 0, grid - 1).astype(int) for f, m in (("x0", -0.1), ("x1", 0.1)))
    y0, y1 = (np.clip((g[f] * (grid / h) + m), 0, grid - 1).astype(int) for f, m in (("y0", -0.1), ("y1", 0.1)))
    for a, b, c, d in zip(x0, x1, y0, y1):
        out[c : d + 1, a : b + 1] = True
    return out.reshape(-1)


WEIGHT = dict(value=1.0, meaning=1.0, line=0.6, absent=0.5, read=0.15, contains=0.6, which_item=0.8, item_price=0.7)


def family_id(name):
    return docgen.FAMILIES.index(name) if name in docgen.FAMILIES else len(docgen.FAMILIES)


def documents(gen, rng, seed, stage, size, kinds, grid, s, shuffle):
    """`size` documents as somebody would hand them over: worn, photographed askew, compressed"""
    docs, parts = [], s.get("parts", 3 if stage == "s2" else 2)
    for i in range(size * parts):
        worn = 0.0 if stage == "s2" or rng.random() < 0.4 else rng.uniform(0, s.get("strength", 0.5))
        most = rng.randint(1, 4) if rng.random() < s.get("few", 0) else s.get("lines", 0)
        docs.append(gen.make(rng.choice(kinds), TRAIN_SEED + seed * 4096 + i, most, strength=worn, random_strings=0.2, shuffle=shuffle))
        docs[-1]["worn"], docs[-1]["id"] = worn, seed * 4096 + i
    # of several times as many documents one part of like length, so that the shortest do not wait for the longest
    part = rng.randrange(parts)
    length = (lambda d: covered(d, grid).sum()) if parts > 1 and stage != "s2" else lambda d: len(d["glyphs"])
    docs = sorted(docs, key=length)[part * size : (part + 1) * size]
    for doc in docs:
        if rng.random() < s.get("tilt", 0):
            docgen.tilted(doc, rng, s.get("angle", 9))
        if doc["worn"] > 0:
            doc["image"] = docgen.jpeg(doc["image"], doc["id"], doc["worn"])
    return docs


def page(doc, rng, nrng, stage, tile, grid, text_page, s):
    """what `pack` needs of a document: cells, around, options and, but in s2, tile and ink; and place (see cells_of)"""
    cells, around, place, options = text_cells(doc["text"], rng, grid) if text_page else cells_of(doc, grid)
    d = dict(cells=cells, around=around, options=options)
    if stage != "s2":
        d["tile"] = np.asarray(docgen.to_tile(doc["image"], tile))
        d["ink"] = (inked(d["tile"], tile // grid) if s.get("ink") else covered(doc, grid)) | holds(cells, options)
    else:
        if not text_page and rng.random() < s.get("rearrange", 0.3):
            d["cells"], d["around"], place = rearranged(doc, cells, around, place, grid, rng)
            doc["questions"] = [q for q in doc["questions"] if q[0] not in ("below", "cell")]
        faults(d["cells"], d["around"], nrng, s)
    return d, place


def bands(gen, rng, first, kinds, tile, grid):
    """what `pack` needs of a collage; its documents' seeds count from `first`"""
    more = itertools.count(first)
    make = lambda: gen.make(rng.choice(kinds), next(more), strength=rng.choice((0, 0, 0.3)), random_strings=0.3)
    d = dict()
    d["tile"], d["cells"], d["around"], d["options"], d["ink"] = collage(make, tile, grid, rng, grid * 3 // 8)
    d["ink"] |= holds(d["cells"], d["options"])
    return d


def asked(doc, other, rng, reading, s):
    """the document's questions, and one of another document's that this one has no answer to, or None"""
    extra = strange_question(doc, other, rng) if s.get("absent", True) and rng.random() < 0.3 else None
    if not doc["text"]:  # of an empty page anything may be asked; nothing is there
        doc["questions"] += [("absent", False, q[2], NOT_THERE, 0) for q in other["questions"] if not q[1] and q[0] not in COUNTED + ("read",)]
    if reading:
        whole = [q for q in doc["questions"] if q[0] == "read" and not q[1]]
        return whole or [("read", False, "Read everything.", doc["text"], 0)], None
    return doc["questions"], extra


def batch(gen, shape, seed, stage, size, settings):
    """settings: lines (0: any), few (share of documents of one to four lines, whose letters are large), text (share of text
    pages), large (share of batches with large documents), kinds, large_kinds (name to how often), turns (questions a picture),
    talk (share of conversations), reading (share of batches that read whole pages), reword (how often a question is put in
    other words), rearrange (s2: share of pages set otherwise), absent (whether what is not there is asked), ragged (as many
    places as each picture needs), strength (of wear, at most), tilt (share of pages photographed askew), angle (by so many
    degrees at most), collage (s1) and bands (s3: share of batches for the tower alone), full (nothing left out), whole (the
    same in that share of the batches: a model that never saw a page's empty cells errs more where they are), ink (no patch with
    anything drawn left out; else only those that letters touch are sure to stay), clean (symbols without faults), alone, forget,
    mistake (neighbours not known, or wrong)"""
    s = settings
    tile = SHAPES[shape]["tile"]
    grid = tile // SHAPES[shape]["patch"]
    rng, nrng = random.Random(seed), np.random.default_rng(seed)
    if stage == "s3" and rng.random() < s.get("bands", 0):  # the tower alone: four times as many letters in the same time
        stage, s = "s1", dict(s, collage=1)
    text_pages = stage == "s2" and rng.random() < s.get("text", 0)
    large = rng.random() < s.get("large", 0.2)
    kinds = [k for k, n in (s.get("large_kinds", LARGE) if large else s.get("kinds", SMALL)).items() for _ in range(n)]
    talk = stage != "s1" and rng.random() < s.get("talk", 0.12)
    reading = stage != "s1" and not talk and rng.random() < s.get("reading", 0)
    n_rows, length = (1, 232) if talk else (1, 520) if reading else (s.get("turns", 5), rng.choice((48, 48, 56, 56, 72, 120)))
    weights = dict.fromkeys(docgen.FAMILIES, 0.5) | WEIGHT
    if not s.get("absent", True):
        weights["absent"] = 0
    out = []
    if stage == "s1" and rng.random() < s.get("collage", 0.7):
        for i in range(size * 3 // 2):
            out.append(bands(gen, rng, TRAIN_SEED + (1 << 38) + (seed * 4096 + i) * 64, kinds, tile, grid))
    else:
        docs = documents(gen, rng, seed, stage, size, kinds, grid, s, 0.8 if large else 0.5)
        for i, doc in enumerate(docs):
            d, place = page(doc, rng, nrng, stage, tile, grid, text_pages, s)
            if stage != "s1":
                d["around"] = np.concatenate([d["around"], told(doc, place, grid * grid).reshape(-1, 2, 7)], 2)
                doc["questions"], extra = asked(doc, docs[i - 1], rng, reading, s)
                d["rows"] = conversations(doc, place, rng, n_rows, length, talk, weights, extra, s.get("reword", 0.4))
            out.append(d)
    full = s.get("full", False) or nrng.random() < s.get("whole", 0)
    return pack(out, grid, n_rows, nrng, full, text_pages, stage, s.get("ragged", False))


def faults(cells, around, nrng, s):
    """what a tower that errs would say: wrong and missing letters, neighbours not known"""
    if s.get("clean"):
        return
    hit = (nrng.random(cells.shape) < 0.01) & (cells > 0)
    wrong = np.where(nrng.random(cells.shape) < 0.4, 0, nrng.integers(1, 97, cells.shape))
    cells[hit] = wrong[hit]
    around[nrng.random(around.shape) < (1.0 if nrng.random() < s.get("alone", 0.25) else s.get("forget", 0.05))] = 0
    beside = around[..., :2]
    hit = (nrng.random(beside.shape) < s.get("mistake", 0.0)) & (beside > 0)
    beside[hit] = nrng.integers(1, 99, beside.shape)[hit]


def rearranged(doc, cells, around, place, grid, rng):
    """the page's symbols as another layout might set them: lines further apart or closer, further left or right, values nearer to
    their keys or further from them (where values stand below keys, all lines move alike); what stands before what stays
    -> cells, around, place"""
    used = np.nonzero((cells != 0).any(1))[0]
    if not len(used):
        return cells, around, place
    lines = doc["text"].split("\n")
    free = all(any(k in l and v in l for l in lines) for k, v in doc["fields"] if k)
    rows, go = np.unique(used // grid), np.arange(grid * grid)
    room = grid - len(rows)
    extra = sorted(rng.randrange(room + 1) for _ in rows) if rng.random() < 0.7 else rows - np.arange(len(rows))
    whole = rng.randint(-(used % grid).min(), grid - 1 - (used % grid).max())
    for i, r in enumerate(rows):
        columns = np.sort(used[used // grid == r] % grid)
        new = columns + whole
        if free:
            wide = np.diff(columns)
            cut = int(np.argmax(wide)) + 1 if len(wide) and wide.max() >= 2 else len(columns)
            left, right = columns[:cut], columns[cut:]
            left = left + rng.randint(-left[0], (right[0] if len(right) else grid) - 1 - left[-1])
            if len(right):  # a blank stays between
                right = right + rng.randint(min(left[-1] + 2, right[0]) - right[0], grid - 1 - right[-1])
            new = np.concatenate([left, right])
        go[r * grid + columns] = (i + int(extra[i])) * grid + new
    out, beside = np.zeros_like(cells), np.zeros_like(around)
    out[go[used]], beside[go[used]] = cells[used], around[used]
    return out, beside, np.where(place >= 0, 2 * go[place // 2] + place % 2, -1)


def holds(cells, options):
    """cells in which something stands or might"""
    some = cells[:, 0] != 0
    at = options[:, 2:]
    some[at[at >= 0]] = True
    return some


def taken(a, at, fill):
    """a[at], and `fill` where at is -1"""
    out = a[np.maximum(at, 0)]
    out[at < 0] = fill
    return out


def some_of(needs, full, ragged, nrng, more):
    """for each picture the places that are needed and a tenth more by chance (full: all of them), in order -> [B,K]; ragged: as
    many as each needs, then -1; else as many as the one that needs most, for who cannot leave the rest out"""
    most = [len(x) if full else min(len(x), int(x.sum() * 1.1 + more)) for x in needs]
    if not ragged:
        most = [min(len(x), 8 * -(-max(most) // 8)) for x in needs]
    out = np.full((len(needs), max(most)), -1, np.int64)
    for row, x, n in zip(out, needs, most):
        row[:n] = choose(x, n, nrng)
    return out


def pack(docs, grid, n_rows, nrng, full, text_pages, stage, ragged):
    n, B = grid * grid, len(docs)
    b = {}
    if stage != "s2":
        b["pixels"] = np.stack([d["tile"] for d in docs])
        keep = some_of([d["ink"] for d in docs], full, ragged, nrng, 24)
    else:
        keep = np.tile(np.arange(n), (B, 1))
    if stage != "s1":  # the decoder sees fewer: what holds something, and some that hold nothing
        sub = some_of([holds(d["cells"], d["options"])[k[k >= 0]] for d, k in zip(docs, keep)], full, ragged, nrng, 16)
        where = np.where(sub >= 0, np.take_along_axis(keep, np.maximum(sub, 0), 1), -1)
        b["sub"], b["where"] = np.where(sub >= 0, sub, keep.shape[1]), where
        b["place"] = np.full_like(where, -1) if text_pages else where
    at = keep if stage != "s2" else b["where"]
    b["keep"] = at
    b["cells"] = np.stack([taken(d["cells"], k, -1) for d, k in zip(docs, at)])
    b["around"] = np.stack([taken(d["around"], k, 0) for d, k in zip(docs, at)])
    rank = np.full((B, n + 1), -1, np.int64)  # the last: of none
    for r, k in zip(rank, at):
        r[k[k >= 0]] = np.arange((k >= 0).sum())

    def letter(i, x):  # by index into those kept
        r = rank[i][x // 2]
        return np.where((x >= 0) & (r >= 0), 2 * r + x % 2, -1)

    if stage != "s2":
        b["options"] = np.full((B, max([len(d["options"]) for d in docs] + [1]), 6), -1, np.int64)
        for i, d in enumerate(docs):
            o, mine = d["options"], b["options"][i, : len(d["options"])]
            mine[:, 0], mine[:, 1] = letter(i, o[:, 0]), o[:, 1]
            mine[:, 2:] = np.where(o[:, 2:] >= 0, rank[i][o[:, 2:]], o[:, 2:])
    if stage != "s1":
        T = max([len(r[0]) for d in docs for r in d["rows"]] + [8])
        T = -(-T // 4) * 4
        b["ids"] = np.zeros((B, n_rows, T), np.int64)
        for name in ("want", "point", "key", "end"):
            b[name] = np.full((B, n_rows, T), -1, np.int64)
        b["family"] = np.full((B, n_rows), -1, np.int64)
        for i, d in enumerate(docs):
            b["around"][i, :, :, 7:] = letter(i, b["around"][i, :, :, 7:].astype(np.int64))
            for j, (ids, want, *cells, family) in enumerate(d["rows"]):
                b["ids"][i, j, : len(ids)], b["want"][i, j, : len(want)] = ids, want
                for name, at in zip(("point", "key", "end"), cells):
                    at = np.array(at, np.int64)
                    b[name][i, j, : len(at)] = np.where(at == -2, -2, letter(i, at))
                b["family"][i, j] = family_id(family)
    return {k: np.ascontiguousarray(v) for k, v in b.items()}
