"""Where a training state goes wrong, on held-out documents.

  diagnose.py STATE letters --library libdocgen.so [--fonts held-out] [--n 60]
      what the tower says: letters right and not said at all, by the height of their lines in pixels of the tile
  diagnose.py STATE answers [--see [--alone]] [--layouts held] [--n 80] [--kinds receipt,invoice] [--show 20]
      what the decoder says to symbols without faults (--see: to what the tower says of worn pages; --alone: of
      their cells that hold something only, as training mostly has it), by family of questions: exact
      answers, and of those wrong how many are so from the first letter; the shares of attention where it is told to look

Answers as in evaluate.py: exact when each token is the likeliest after the right ones before it."""
import argparse, collections
import ops  # noqa: F401, before torch: it speeds up its products
import numpy as np
import torch
import data, docgen
import model as M

GROUPS = ("label,tag,form,card", "receipt,invoice")


def load(path):
    model = M.Pocket(M.SHAPES[M.SHAPE]).eval()
    model.load_state_dict(M.weights(path), strict=False)
    return model


def worn(gen, kind, i, a):
    """as evaluate.py has it"""
    doc = gen.make(kind, data.HELD_SEED + i, layouts=a.layouts, strength=a.strength)
    doc["image"] = docgen.jpeg(doc["image"], i, a.strength)
    return doc, torch.from_numpy(np.array(docgen.to_tile(doc["image"], a.tile)))[None]


def letters(model, gen, a):
    grid = a.tile // model.c["patch"]
    for group in [a.kinds] if a.kinds else GROUPS:
        kinds = group.split(",")
        heights = collections.defaultdict(lambda: np.zeros(3, int))  # all, right, nothing said
        twice = [0, 0]
        for i in range(a.n):
            doc, tile = worn(gen, kinds[i % len(kinds)], i, a)
            cells, around, place, options = data.cells_of(doc, grid)
            options, keep = (torch.from_numpy(x)[None] for x in (options, np.arange(len(cells))))
            cells, around = (torch.from_numpy(x.astype(np.int64))[None] for x in (cells, around))
            visual = model.see(tile)
            now, _, stands = model.settle(visual, cells, around, options, keep)
            now, said = now[0].flatten().tolist(), model.logits(visual)[0].argmax(-1).flatten().tolist()
            g, high = doc["glyphs"], a.tile / doc["image"].size[1]
            g = g[g["code"] != 0]
            tall = {n: ((g["y1"] - g["y0"])[g["line"] == n] * high).max() for n in set(g["line"])}
            letters = [ch not in " \n" for ch in doc["text"]]
            taken = set()
            for at, ch, line in zip(place[letters].tolist(), doc["text"].replace(" ", "").replace("\n", ""), g["line"]):
                k = data.CLASS.get(ch, 0)
                to = 2 * int(stands[0, at])
                to += to in taken or now[to] != k
                if k and now[to] == k and to not in taken:
                    taken.add(to)
                    heights[min(int(tall[line] // 10) * 10, 100)] += 1, said[to] == k and said[to & ~1] > 0, said[to] == 0 or said[to & ~1] == 0
            twice[0] += sum(said[i] > 0 and now[i] == 0 for i in range(0, len(said), 2))
            twice[1] += sum(said[i - 1] > 0 and said[i] > 0 and now[i - 1] > 0 and now[i] == 0 for i in range(1, len(said), 2))
        n, right, _ = sum(heights.values())
        print(f"{group}: {100 * right / n:.1f} % of {n} letters right; said where nothing stands {100 * twice[0] / n:.1f} %, a second where one stands {100 * twice[1] / n:.1f} %")
        for h, (m, right, none) in sorted(heights.items()):
            print(f"  lines from {h:3d} px: {100 * m / n:4.1f} % of the letters, right {100 * right / m:.0f} %, not said {100 * none / m:.0f} %")


def answers(model, gen, a):
    grid = a.tile // model.c["patch"]
    kinds = (a.kinds or GROUPS[0]).split(",")
    seen = collections.defaultdict(list)  # by family: exact, wrong from the first letter, attention
    for i in range(a.n):
        doc, tile = worn(gen, kinds[i % len(kinds)], i, a)
        cells, around, place, options = data.cells_of(doc, grid)
        around = np.concatenate([around, data.told(doc, place, len(cells)).reshape(-1, 2, 7)], 2)
        keep = np.arange(len(cells)) if a.see and not a.alone else np.nonzero(data.holds(cells, options))[0]
        every, now, about, options = (torch.from_numpy(x.astype(np.int64))[None] for x in (np.arange(len(cells)), cells, around, options))
        where = torch.from_numpy(keep)[None]
        visual = model.see(tile) if a.see else None
        now, about, stands = model.settle(visual, now, about, options, every)
        place = np.where(place >= 0, stands[0].numpy()[place], -1)
        visual = (visual if a.see else model.symbols(now, about, every))[:, keep]
        about = about[:, keep]
        rank = np.full(grid * grid + 1, -1)
        rank[keep] = np.arange(len(keep))
        for family, unseen, question, answer, _ in doc["questions"]:
            t, mask = (torch.tensor(x) for x in data.turn(question, answer))
            want = torch.full_like(t, -1)
            want[:-1] = torch.where(mask[1:] > 0, t[1:], -1)
            on_page = data.spread(answer, doc["text"], place) if family not in data.COUNTED + ("read",) else None
            look, end, first = torch.full_like(t, -1), torch.full_like(t, -1), int(mask.argmax())
            if on_page:  # when the first letter is to be said
                look[first], end[first] = int(rank[on_page[0]]), int(rank[on_page[-1]])
            points = [(i, 1, end) for i in (2, 3, 4)] + [(i, 0, look) for i in (2, 3, 4, 5)]
            h, shares, states, _ = model.text_model(visual, t[None, None], where, grid * grid, [(x, y, p[None, None]) for x, y, p in points],
                                                 (t != 0)[None, None], (want >= 0)[None, None], M.TELL)
            right = model.text_model.logits(h).argmax(-1) == want[want >= 0]
            exact = bool(right.all())
            looks = [float(s[0, 0, first]) for s in shares] if on_page else [np.nan] * 7
            for key in (family, "unseen wordings" if unseen else "seen wordings", "ALL") + (("ALL that is there",) if family != "absent" else ()):
                seen[key].append([exact, not exact and not right[1], *looks])
            if not exact and a.show > 0 and family != "read":
                a.show -= 1
                said = bytes(max(x - 3, 0) if x < 259 else 35 for x in model.text_model.logits(h).argmax(-1).tolist())
                print(f"{doc['kind']} {i} {family}: {question!r} is {answer!r}, said {said.decode(errors='replace')!r}")
        seen["what is told"].append(model.told_loss(states, about[0, :, 4:7])[1])
    told = np.nanmean(seen.pop("what is told"), 0)
    print(f"of cells known: their line's number {100 * told[0]:.0f} %, kind of fact {100 * told[1]:.0f} %, item's number {100 * told[2]:.0f} %")
    print("exact, wrong from the first letter; before the first letter: attention to the answer's end (layers 3 to 5), to its beginning (3 to 6)")
    for key in sorted(seen):
        x = np.array(seen[key], float)
        looks = " ".join(f"{v:.2f}" for v in np.nanmean(x[:, 2:], 0)) if not np.isnan(x[:, 2:]).all() else ""
        print(f"{key:18s} {x[:, 0].sum():4.0f} of {len(x):4d} {100 * x[:, 0].mean():5.1f} % {100 * x[:, 1].mean():5.1f} %  {looks}")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("state")
    ap.add_argument("what", choices=("letters", "answers"))
    ap.add_argument("--library", default="build/libdocgen.so")
    ap.add_argument("--fonts", default="train", choices=("train", "held-out"))
    ap.add_argument("--layouts", default="seen", choices=docgen.LAYOUTS)
    ap.add_argument("--kinds", help="names, with commas between")
    ap.add_argument("--strength", type=float, default=0.5)
    ap.add_argument("--see", action="store_true")
    ap.add_argument("--alone", action="store_true")
    ap.add_argument("--n", type=int, default=60)
    ap.add_argument("--show", type=int, default=0)
    a = ap.parse_args()
    torch.set_num_threads(1)
    model = load(a.state)
    a.tile = model.c["tile"]
    with torch.no_grad():
        (letters if a.what == "letters" else answers)(model, docgen.Generator(a.library, docgen.fonts(a.fonts)), a)


if __name__ == "__main__":
    main()
