"""Trains the pocket model in stages; see docs/POCKET.md for the recipe and what was measured.

  train.py s1 ...   the tower and the connector: what stands in which cell, in the symbols of model.py
  train.py s2 ...   the decoder: text pages, then symbols in place of what is seen
  train.py s3 ...   both, from pixels to answers; with --still the decoder alone, on what the tower says
  train.py all --state FOLDER --steps N [--device cuda --batch 96 --producers 14]

--steps N: the schedule follows the steps, and a run is repeatable.  --until HH:MM: it follows the clock instead.
State is saved every few minutes; a later run with the same --state continues exactly: weights, optimiser, average, step,
curriculum and with them the data.  Curves go to --log as CSV.  fp32, its products with bf16 factors where there is AMX; bf16 with CUDA (--device)."""
import argparse, collections, csv, datetime, json, os, queue, signal, subprocess, sys, time
import ops  # before torch, see there
import torch
import torch.multiprocessing as mp
import torch.nn.functional as F
import data, docgen
import model as M
from model import Muon, Pocket, SHAPES

AHEAD = 6  # batches under way: the settings of a batch are those of this many steps before
COLUMNS = ("stage step seconds rate lines text loss_answer token exact look key end line_no fact item begin owner previous value meaning line "
           "item_price which_item absent read talk loss_seen letter second neighbours false size frame").split()


def producer(library, shape, stage, size, split, seed, orders, out):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [int(x) for x in os.environ.get("PRODUCER_CORES", "").split(",") if x] or range(os.cpu_count()))
    torch.set_num_threads(1)
    faces = []
    for part in split:  # "train" or, for its first 24, "train:24"
        name, _, n = part.partition(":")
        faces += docgen.fonts(name)[: int(n) if n else None]
    gen = docgen.Generator(library, faces)
    while True:
        step, settings = orders.get()
        b = data.batch(gen, shape, seed + step, stage, size, settings)
        out.put((step, {k: torch.from_numpy(v) for k, v in b.items()}))


def curriculum(c, token, step):
    """s2: longer pages as accuracy allows, text first, then symbols; c holds lines, text, absent, since"""
    if token < 0.88 or step - c["since"] < 20 or c["lines"] == 0:
        return
    c["since"] = step + AHEAD
    c["lines"] += 1
    if c["lines"] == 3:
        c["text"] = 0.4
    if c["lines"] == 4:
        c["text"], c["absent"] = 0.1, True
    if c["lines"] > 5:
        c["lines"] = 0  # any number


def moved(point, stands, sub):
    """letters (2 cell + slot, -1: none) as indices into sub [B,K'] of the cells in which they stand [B,2K]; K in sub: none"""
    B, K = stands.shape[0], stands.shape[1] // 2
    rank = torch.full((B, K + 1), -1, device=point.device)
    rank.scatter_(1, sub, torch.arange(sub.shape[1], device=point.device).expand(B, -1).contiguous())
    to = rank.gather(1, stands)  # by letter
    return torch.where(point >= 0, to.gather(1, point.clamp(min=0).flatten(1)).view_as(point), point)


def answer_loss(model, visual, b, a):
    """-> loss, and what is to be logged"""
    point, key, end = b["point"], b["key"], b["end"]
    points = []
    if a.look > 0:
        points = [(i, 0, point) for i in a.look_layers] + [(i, 2, key) for i in a.key_layers] + [(i, 1, end) for i in a.end_layers]
    want = b["want"]
    asked, real = want >= 0, b["ids"] != 0
    total = model.vision_model.embeddings.position_embedding.num_embeddings
    tell, within = (M.TELL, [(i, head, b["begin"][..., k]) for i, head, k in M.WITHIN]) if a.tell > 0 else ((), ())
    h, shares, states, inner = model.text_model(visual, b["ids"], b["where"], total, points, real, asked, tell, within)
    logits, t = model.text_model.logits(h), want[asked]
    right = logits.argmax(-1) == t
    loss = F.cross_entropy(logits, t)
    note = dict(loss_answer=loss.item(), token=right.float().mean().item())
    if a.tell > 0:
        l, (note["line_no"], note["fact"], note["item"]) = model.told_loss(states, b["told"][b["where"] >= 0])
        loss = loss + a.tell * l
        begin = b["begin"][b["where"] >= 0]
        for share, (_, _, k) in zip(inner, M.WITHIN):
            share = share[begin[:, k] >= 0].float()
            if len(share):
                loss = loss - a.tell / len(inner) * share.clamp(min=1e-6).log().mean()
                note[("begin", "begin", "owner", "previous")[k]] = share.mean().item()
    n = len(a.look_layers)
    m = n + len(a.key_layers)
    for name, shares, there in (("look", shares[:n], point >= 0), ("key", shares[n:m], key >= 0), ("end", shares[m:], end >= 0)):
        if shares and there.any():
            for s in shares:
                loss = loss - a.look / len(shares) * s[there].float().clamp(min=1e-6).log().mean()
            note[name] = shares[-1][there].float().mean().item()
    bad = torch.zeros_like(asked)
    bad[asked] = ~right
    ok, rows = ~bad.any(-1), asked.any(-1)
    family = b["family"]
    note["exact"] = ok[rows & (family != docgen.FAMILIES.index("absent"))].float().mean().item()
    for i, name in enumerate(tuple(docgen.FAMILIES) + ("talk",)):
        mine = family == i
        if name in COLUMNS and mine.any():
            note[name] = ok[mine].float().mean().item()
    return loss, note


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("stage", choices=("s1", "s2", "s3", "all"))
    ap.add_argument("--library", default="build/libdocgen.so")
    ap.add_argument("--shape", default=M.SHAPE, choices=SHAPES)
    ap.add_argument("--device", default="cpu")
    ap.add_argument("--producers", type=int, default=1, help="processes that draw documents")
    ap.add_argument("--state", help="the file to save to and to continue from; for all: a folder")
    ap.add_argument("--tower", help="state or model directory to take tower and connector from")
    ap.add_argument("--decoder", help="state or model directory to take the decoder from")
    ap.add_argument("--log", help="(the state's name with .csv)")
    ap.add_argument("--steps", type=int, help="the whole run's number of steps")
    ap.add_argument("--until", help="HH:MM, UTC: end then, tomorrow if that is past")
    ap.add_argument("--decay", type=float, default=0.3, help="the share of the run in which the rate falls to nothing")
    ap.add_argument("--muon", type=float, default=0.02)
    ap.add_argument("--adam", type=float, default=1e-3)
    ap.add_argument("--tower-rate", type=float, default=1.0, help="of the Muon rate, for the tower")
    ap.add_argument("--batch", type=int, default=16)
    ap.add_argument("--look", type=float, default=0.5, help="weight of telling the first head of a layer where to look")
    ap.add_argument("--look-layers", type=lambda s: [int(x) for x in s.split(",")], default=[2, 3, 4, 5, 6, 7])
    ap.add_argument("--key-layers", type=lambda s: [int(x) for x in s.split(",")], default=[1, 2, 4])
    ap.add_argument("--end-layers", type=lambda s: [int(x) for x in s.split(",")], default=[2, 3, 4, 5])
    ap.add_argument("--tell", type=float, default=0.3, help="weight of what the decoder's early layers say of a cell: line, kind of fact")
    ap.add_argument("--noise", type=float, default=0.0, help="s2: the most noise on symbols, whose entries are about 0.3 a part")
    ap.add_argument("--seen", type=float, default=0.3, help="s3: weight of what is seen against the symbols")
    ap.add_argument("--empty", type=float, default=0.2, help="weight of empty cells against letters in what is seen")
    ap.add_argument("--mixed", type=float, default=0.0, help="s3: the first share of the run, with symbols for half of the pages")
    ap.add_argument("--still", action="store_true", help="s3: the decoder alone, on what the tower says as it is")
    ap.add_argument("--like", type=float, default=1.0, help="weight of the distance to the symbols, within --seen")
    ap.add_argument("--style", type=float, default=0.5, help="weight of a letter's size and frame, within --seen")
    ap.add_argument("--fit", type=int, default=0, help="begin with a least-squares connector from so many batches")
    ap.add_argument("--average", type=float, default=0.998, help="of the weights: the share of the old in each step")
    ap.add_argument("--qat", type=float, default=0.0, help="the last share of the run, with weights rounded to int8 and int4")
    ap.add_argument("--full", type=float, default=0.0, help="the last share of the run, with nothing left out")
    ap.add_argument("--ink", type=float, default=0.2, help="the last share of the run, with every patch in which anything is drawn")
    ap.add_argument("--beside", help="the state of a second run of this stage, with another --seed, on another core: see `meet`")
    ap.add_argument("--seed", type=int, default=0, help="of the first batch: another for documents that no run before has seen")
    ap.add_argument("--fonts", default="train:24,train", help="splits of fonts.txt; NAME:N is the first N faces of one")
    ap.add_argument("--set", default="{}", help="settings of the batches (data.batch), as JSON")
    ap.add_argument("--threads", type=int, default=1)
    a = ap.parse_args()
    a.log = a.log or os.path.splitext(a.state)[0] + ".csv"
    return a


def everything(a):
    """all stages in turn with the settings of docs/POCKET.md; --steps: of s3, the others follow.  Continues where it was."""
    base = ["--library", a.library, "--shape", a.shape, "--device", a.device, "--threads", str(a.threads), "--batch", str(a.batch),
            "--producers", str(a.producers), "--seed", str(a.seed)]
    n = a.steps or 12000
    os.makedirs(a.state, exist_ok=True)
    at = lambda name: os.path.join(a.state, name + ".pt")
    easy = dict(lines=1, text=1.0, kinds=dict(label=4, tag=3, text=1), large=0, turns=6)
    hard = dict(lines=0, text=0.03, large=0.2, turns=6, alone=0.08, forget=0.1, mistake=0.06, talk=0.04, reading=0.2, reword=0.6, tilt=0.08)
    pages = dict(large=0.37, large_kinds=dict(receipt=3, invoice=3, table=1, paragraph=1), turns=14, parts=1, strength=0.5, reword=0.6, tilt=0.16, angle=13, whole=0.4,
                 kinds=dict(label=10, tag=4, form=5, card=4, list=1, ticket=3, shipping=1, blank=1))
    stages = (
        ("s1", "s1", n, ["--decay", "0.6", "--muon", "0.012", "--empty", "0.5", "--set", json.dumps(dict(large=0.3, strength=0.5, collage=0.6, tilt=0.3, angle=13, few=0.4))]),
        ("s2", "s2-easy", n // 4, ["--decay", "0", "--noise", "0.12", "--set", json.dumps(easy)]),
        ("s2", "s2", n // 2, ["--decay", "0", "--noise", "0.3", "--decoder", at("s2-easy"), "--set", json.dumps(hard)]),
        ("s3", "s3-still", n // 2, ["--still", "--decay", "0", "--muon", "0.012", "--tower", at("s1"), "--decoder", at("s2"), "--tell", "0.5",
                                    "--set", json.dumps(dict(pages, talk=0.03, reading=0.26))]),
        ("s3", "s3", n // 4, ["--still", "--decay", "1", "--muon", "0.012", "--qat", "0.25", "--full", "0.2", "--average", "0.99", "--tell", "0.6",
                              "--tower", at("s1"), "--decoder", at("s3-still"), "--set", json.dumps(dict(pages, talk=0.03, reading=0.24))]),
    )
    for stage, name, steps, more in stages:
        done = subprocess.run([sys.executable, os.path.abspath(__file__), stage, "--state", at(name), "--steps", str(steps)] + base + more)
        if done.returncode:
            raise SystemExit(done.returncode)
    print(f"now: export.py {at('s3')} models/pocket")


def load_parts(model, a, parts):
    full = model.state_dict()
    for path, keep in ((a.tower, parts["s1"]), (a.decoder, parts["s2"])):
        if path is None:
            continue
        full.update({k: v for k, v in M.weights(path).items() if k.split(".")[0] in keep})
    model.load_state_dict(full)


MEET = 60  # steps


def meet(a, step, params):
    """both runs take the middle of their weights, and go on from there: two cores learn more so than with a batch in two halves, where
    each waits for the other twice a layer.  A run whose fellow does not come within a minute goes on alone until the next time"""
    mine, other = a.state + ".meet", a.beside + ".meet"
    torch.save(dict(step=step, params=params), mine + ".new")
    os.replace(mine + ".new", mine)
    for _ in range(120):
        if os.path.exists(other):
            theirs = torch.load(other, map_location=params[0].device)
            if theirs["step"] >= step:
                torch._foreach_lerp_(params, theirs["params"], 0.5)
                return
        time.sleep(0.5)


def fit_connector(model, gen_batch, n, dtype):
    """the connector that says the symbols best in the sense of least squares, for a tower that was trained without it or
    whose cross-entropy has led it away from them"""
    d = model.c["d"]
    hh, hy = torch.zeros(d, d, device=model.floor.device), torch.zeros(d, d, device=model.floor.device)
    with torch.no_grad():
        for i in range(n):
            b = {k: torch.from_numpy(v).to(model.floor.device) for k, v in gen_batch(i).items()}
            h = model.vision_model(b["pixels"], dtype, b["keep"]).float()
            cells, around, _ = model.settle(None, b["cells"].long(), b["around"].long(), None, b["keep"])
            y = model.symbols(cells, around, b["keep"])
            w = torch.where(cells[..., :1] > 0, 1.0, 0.2) * (cells[..., :1] >= 0)
            hh += (h * w).flatten(0, 1).T @ h.flatten(0, 1)
            hy += (h * w).flatten(0, 1).T @ y.flatten(0, 1)
        hh += torch.eye(d, device=hh.device) * hh.trace() / d * 1e-4
        model.connector.proj.weight.copy_(torch.linalg.solve(hh, hy).T)
        model.floor.fill_(2.8)


def main():
    a = arguments()
    if a.stage == "all":
        return everything(a)
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    torch.set_flush_denormal(True)
    mp.set_sharing_strategy("file_system")
    dtype = M.best_dtype(a.device)
    began = time.time()
    end = None
    if a.until:
        hour, minute = map(int, a.until.split(":"))
        end = datetime.datetime.now(datetime.timezone.utc).replace(hour=hour, minute=minute, second=0).timestamp()
        end += 86400 * (end < began)  # tomorrow

    model = Pocket(SHAPES[a.shape])
    parts = dict(s1=("vision_model", "connector", "floor"), s2=("text_model", "told"))
    parts["s3"] = parts["s2"] if a.still else parts["s1"] + parts["s2"]
    resumed = os.path.exists(a.state)
    if not resumed:
        load_parts(model, a, parts)
        if os.path.exists(a.state + ".meet"):  # of another run of this name
            os.remove(a.state + ".meet")
    model.to(a.device)
    if a.fit and not resumed:
        gen = docgen.Generator(a.library, docgen.fonts("train")[:24])
        settings = dict(json.loads(a.set), collage=0.3)
        fit_connector(model, lambda i: data.batch(gen, a.shape, (1 << 24) + i, "s1", a.batch, settings), a.fit, dtype)
    for n, p in model.named_parameters():
        p.requires_grad_(n.split(".")[0] in parts[a.stage])
    mine = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    hidden = [p for n, p in mine if ".layers." in n and p.ndim == 2]
    in_tower = {id(p) for n, p in mine if n.startswith("vision_model")}
    ids = {id(p) for p in hidden}
    muon = Muon(hidden)
    adam = torch.optim.AdamW([p for _, p in mine if id(p) not in ids], lr=a.adam, betas=(0.9, 0.98), weight_decay=0.0)
    average = {n: p.detach().clone() for n, p in mine}
    settings = json.loads(a.set) | dict(ragged=ops.used(dtype, a.device))
    course = dict(lines=settings.pop("lines", 1), text=settings.pop("text", 1.0), absent=False, since=0, start=began)
    course["absent"] = course["lines"] == 0
    if a.stage != "s2":
        course.update(lines=0, text=0, absent=True)
    step, spent, pending = 0, 0.0, []
    if resumed:
        s = torch.load(a.state, weights_only=False, map_location=a.device)
        model.load_state_dict(s["model"]); muon.load_state_dict(s["muon"]); adam.load_state_dict(s["adam"])
        average, step, spent, pending = s["average"], s["step"], s["spent"], s["pending"]
        course.update(s["course"])

    n = a.producers
    orders, queues = [mp.Queue() for _ in range(n)], [mp.Queue(max(2, AHEAD // n)) for _ in range(n)]
    workers = [mp.Process(target=producer, args=(a.library, a.shape, a.stage, a.batch, a.fonts.split(","), a.seed, orders[i], queues[i]),
                          daemon=True) for i in range(n)]
    for w in workers:
        w.start()
    pending = collections.deque(pending)
    for order in pending:
        orders[order[0] % n].put(order)
    new = not os.path.exists(a.log)
    log = open(a.log, "a", newline="")
    out = csv.writer(log)
    if new:
        out.writerow(COLUMNS)
    mean, count, saved = {}, {}, time.time()

    def save():
        torch.save(dict(model=model.state_dict(), muon=muon.state_dict(), adam=adam.state_dict(), average=average, course=course,
                        step=step, spent=spent + time.time() - began, pending=list(pending), shape=a.shape), a.state + ".new")
        os.replace(a.state + ".new", a.state)

    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    while not stop:
        now = time.time()
        progress = step / a.steps if a.steps else (now - course["start"]) / (end - course["start"])
        if progress >= 1 or (end and now >= end):
            break
        while len(pending) < max(AHEAD, 2 * n):
            here = dict(settings, lines=course["lines"], text=course["text"], absent=course["absent"], full=progress > 1 - a.full,
                        ink=progress > 1 - a.ink)
            pending.append((step + len(pending), here))
            orders[pending[-1][0] % n].put(pending[-1])
        rate = min(1.0, (1 - progress) / a.decay if a.decay else 1.0, (step + 1) / 60)
        while True:
            try:
                got, b = queues[step % n].get(timeout=20)
                break
            except queue.Empty:
                if not all(w.is_alive() for w in workers):
                    raise SystemExit("the producer died")
        assert got == step
        pending.popleft()
        b = {k: v.to(a.device, non_blocking=True) for k, v in b.items()}
        M.QUANT[0] = (0, 8, 4, 4)[step % 4] if progress > 1 - a.qat else 0
        note, loss = {}, 0
        visual = None if a.stage == "s2" else model.see(b["pixels"], dtype, b["keep"])
        cells, around, stands = model.settle(visual, b["cells"].long(), b["around"].long(), b.get("options"), b["keep"])
        if a.stage == "s2":
            visual = model.symbols(cells, around, b["place"])
            if a.noise:  # what a tower says is never quite the symbol
                some = torch.Generator().manual_seed(step)
                level = a.noise * torch.rand(len(visual), 1, 1, generator=some)
                visual = visual + (level * torch.randn(visual.shape, generator=some)).to(visual.device)
            visual = visual.to(dtype)
            b["sub"] = torch.where(b["keep"] >= 0, torch.arange(b["keep"].shape[1], device=visual.device), b["keep"].shape[1])
        else:
            l, (note["letter"], note["second"], *rest), note["false"] = model.seen_loss(visual, cells, around, a.empty)
            note["neighbours"] = (rest[0] + rest[1]) / 2
            note["loss_seen"] = l.detach()
            style, (note["size"], note["frame"]) = model.style_loss(visual.float(), cells, around, b["keep"])
            l = l + a.style * style
            with torch.no_grad():
                target = model.symbols(cells, around, b["keep"])
                w = torch.where(cells[..., 0] > 0, 1.0, 0.2).unsqueeze(-1) * (cells[..., :1] >= 0)
                power = (target.pow(2) * w).sum()
            l = l + a.like * ((visual.float() - target).pow(2) * w).sum() / power
            loss = l if "ids" not in b else a.seen * l
        if "ids" in b:
            for name in ("point", "key", "end"):
                b[name] = moved(b[name], stands, b["sub"])
            b["end"] = torch.where(b["end"] == -2, (b["where"] >= 0).sum(1)[:, None, None], b["end"])  # what is behind the picture
            sub = b["sub"].clamp(max=visual.shape[1] - 1)[..., None]
            b["told"], begin = around[..., 4:].gather(1, sub.expand(-1, -1, 7)).split((3, 4), -1)
            begin = moved(begin, stands, b["sub"])
            here = torch.arange(begin.shape[1], device=begin.device)[:, None]
            b["begin"] = torch.where((begin <= here) & (b["told"][..., :1] > 0), begin, -1)  # a moved letter may stand before it
            visual = visual.gather(1, sub.expand(-1, -1, visual.shape[2]))
            if a.stage == "s3" and progress < a.mixed:  # every second page as symbols, so that look-up goes on forming
                half = sub[::2]
                clean = model.symbols(cells[::2].gather(1, half.expand(-1, -1, 2)), around[::2].gather(1, half.expand(-1, -1, 4)), b["where"][::2])
                visual = torch.stack([clean.to(dtype), visual[1::2]], 1).flatten(0, 1)
        if "ids" in b:
            l, more = answer_loss(model, visual, b, a)
            note.update(more)
            loss = loss + l
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_([p for p in adam.param_groups[0]["params"] if p.grad is not None], 1.0)
        if torch.isfinite(norm):
            for g in adam.param_groups:
                g["lr"] = a.adam * rate
            adam.step()
            muon.step(lambda p: a.muon * rate * (a.tower_rate if id(p) in in_tower else 1.0))
        model.zero_grad(set_to_none=True)
        step += 1
        if a.beside and step % MEET == 0:
            meet(a, step, [p.detach() for _, p in mine])
        keep = min(a.average, step / (step + 10))
        with torch.no_grad():
            torch._foreach_lerp_([average[n] for n, _ in mine], [p.detach() for _, p in mine], 1 - keep)
        for k, v in note.items():
            v = float(v)
            if v == v:
                mean[k], count[k] = mean.get(k, 0) + v, count.get(k, 0) + 1
        if step % 20 == 0:
            m = {k: round(v / count[k], 4) for k, v in mean.items()}
            m.update(stage=a.stage, step=step, seconds=round(spent + time.time() - began), rate=round(rate, 3),
                     lines=course["lines"], text=course["text"])
            out.writerow([m.get(k, "") for k in COLUMNS])
            log.flush()
            if a.stage == "s2":
                curriculum(course, m["token"], step)
            mean, count = {}, {}
        if time.time() - saved > 120:
            save()
            saved = time.time()
    save()
    for w in workers:
        w.terminate()


if __name__ == "__main__":
    main()
