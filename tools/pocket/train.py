"""Trains the pocket model in stages; see docs/POCKET.md for the recipe and what was measured.

  train.py s1 ...   the tower alone: which glyph stands in which patch (dense labels)
  train.py s2 ...   the decoder alone: text in place of the picture, then symbols in place of what is seen
  train.py s3 ...   both, from pixels to answers

A stage stops at a clock time (--until HH:MM) and lets its rate fall over the last --decay share of it.
State is saved every few minutes and a later run with the same --state continues: weights, optimiser,
step (and with it the data).  Curves go to --log as CSV."""
import argparse, csv, datetime, os, queue, time
import torch
import torch.multiprocessing as mp
import torch.nn.functional as F
import data, docgen
from model import Muon, Pocket

BATCH = 16
GATE = 0.87  # token accuracy at which s2 goes on to longer pages


def producer(library, stage, control, out, start, size):
    os.nice(3)
    torch.set_num_threads(1)
    gen = docgen.Generator(library, docgen.fonts("train"))
    step = start
    while True:
        lines, text_share = control[0], control[1] / 100
        s = stage
        if stage == "s2" and (step * 7919 % 100) / 100 < text_share:
            s = "text"
        b = data.batch(gen, step, s, size, lines=lines)
        out.put((step, s, {k: torch.from_numpy(v) for k, v in b.items()}))
        step += 1


def noisy(cells, share):
    """drops and swaps a few symbols, as a tower that errs would"""
    hit = (torch.rand(cells.shape) < share) & (cells > 0)
    wrong = torch.where(torch.rand(cells.shape) < 0.4, torch.zeros_like(cells), torch.randint_like(cells, 1, 97))
    return torch.where(hit, wrong, cells)


def dense_loss(model, h, cells, blank):
    logits = F.linear(h, model.dense.weight.to(h.dtype), model.dense.bias.to(h.dtype)).float().unflatten(-1, (2, -1))
    t = cells.long()
    keep = t >= 0
    w = torch.ones(logits.shape[-1])
    w[0] = blank
    loss = F.cross_entropy(logits[keep], t[keep], weight=w)
    glyph = t > 0
    top = logits.argmax(-1)
    return loss, (top[glyph] == t[glyph]).float().mean().item(), (top[t == 0] > 0).float().mean().item()


def answer_loss(model, visual, ids, want):
    """-> loss, share of right tokens, share of wholly right answers"""
    h = model.text_model(visual, ids)
    asked = want >= 0
    logits, t = model.text_model.logits(h[asked]), want[asked]
    right = logits.argmax(-1) == t
    bad = torch.zeros_like(want, dtype=torch.bool)
    bad[asked] = ~right
    rows = asked.any(-1)
    return F.cross_entropy(logits, t), right.float().mean().item(), (~bad.any(-1))[rows].float().mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("stage", choices=("s1", "s2", "s3"))
    ap.add_argument("--library", default="build/libdocgen.so")
    ap.add_argument("--state", required=True)
    ap.add_argument("--tower", help="state of s1 to begin s3 with")
    ap.add_argument("--decoder", help="state of s2: s3 begins with it, s1 also learns its symbols")
    ap.add_argument("--decoder-every", type=int, default=1, help="s3: answers in every n-th step only")
    ap.add_argument("--log", required=True)
    ap.add_argument("--until", required=True, help="HH:MM, UTC")
    ap.add_argument("--decay", type=float, default=0.25)
    ap.add_argument("--muon", type=float, default=0.02)
    ap.add_argument("--adam", type=float, default=1e-3)
    ap.add_argument("--tower-rate", type=float, default=1.0, help="of the Muon rate, for the tower")
    ap.add_argument("--lines", type=int, default=0, help="s2: go back to pages of so many lines")
    ap.add_argument("--text", type=int, default=0, help="s2: per cent of batches with text in place of symbols")
    ap.add_argument("--follow", help="s3: train the decoder only, on what the tower of this state (an s1 still running) sees")
    ap.add_argument("--through", type=float, default=0.0, help="s3: share of the answers' gradient that reaches the tower")
    ap.add_argument("--mixed", type=float, default=0.5, help="s3: the share of the time in which half of the pages are symbols")
    ap.add_argument("--no-compile", action="store_true")
    ap.add_argument("--batch", type=int, default=BATCH)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    mp.set_sharing_strategy("file_system")
    hour, minute = map(int, a.until.split(":"))
    end = datetime.datetime.now(datetime.timezone.utc).replace(hour=hour, minute=minute, second=0).timestamp()
    began = time.time()

    model = Pocket()
    tower, decoder = ("vision_model", "dense"), ("text_model", "slots", "cell_position")
    symbols = a.stage == "s3" or (a.stage == "s1" and a.decoder is not None)
    parts = dict(s1=tower + ("connector",) * symbols, s2=decoder, s3=tower + decoder + ("connector",))[a.stage]
    if a.follow:
        parts = decoder
    mine = [(n, p) for n, p in model.named_parameters() if n.split(".")[0] in parts]
    hidden = [p for n, p in mine if ".layers." in n and p.ndim == 2]
    in_tower = {id(p) for n, p in mine if n.startswith("vision_model")}
    ids = {id(p) for p in hidden}
    muon = Muon(hidden)
    adam = torch.optim.AdamW([p for _, p in mine if id(p) not in ids], lr=a.adam, betas=(0.9, 0.98), weight_decay=0.0)
    step, lines, text_share = 0, a.lines or 1, a.text or 100
    average = None
    if os.path.exists(a.state):
        s = torch.load(a.state, weights_only=False)
        model.load_state_dict(s["model"]); muon.load_state_dict(s["muon"]); adam.load_state_dict(s["adam"])
        step, lines, text_share = s["step"], s["lines"], s["text_share"]
        lines, text_share = a.lines or lines, a.text or text_share
    else:
        full = model.state_dict()
        for path, keep in ((a.tower, tower + ("connector",)), (a.decoder, decoder + ("turn", "turn_back"))):
            if path is not None:
                s = torch.load(path, weights_only=False)["model"]
                full.update({k: v for k, v in s.items() if k.split(".")[0] in keep})
        model.load_state_dict(full)
    if a.stage != "s2":
        lines = a.lines
    if a.stage != "s1" and not a.no_compile:
        import model as M
        M.TextLayer.forward = torch.compile(M.TextLayer.forward, dynamic=False)

    control = mp.Array("i", [lines, text_share])
    q = mp.Queue(4)
    worker = mp.Process(target=producer, args=(a.library, a.stage, control, q, step, a.batch), daemon=True)
    worker.start()
    new = not os.path.exists(a.log)
    log = open(a.log, "a", newline="")
    out = csv.writer(log)
    if new:
        out.writerow("stage step seconds rate lines text loss_answer token exact loss_dense glyph false_glyph loss_symbol symbol_ce".split())
    followed = None
    mean, count, saved, level_since = {}, {}, time.time(), step

    def save():
        torch.save(dict(model=model.state_dict(), muon=muon.state_dict(), adam=adam.state_dict(), step=step, lines=lines,
                        text_share=text_share), a.state + ".new")
        os.replace(a.state + ".new", a.state)

    while True:
        now = time.time()
        if now >= end:
            break
        rate = min(1.0, (end - now) / (a.decay * (end - began)), (step + 1) / 60 if step < 60 else 1.0)
        try:
            _, kind, b = q.get(timeout=10)
        except queue.Empty:
            if not worker.is_alive():
                raise SystemExit("the producer died")
            continue
        note = {}
        loss = 0
        answers = a.stage == "s2" or (a.stage == "s3" and step % a.decoder_every == 0)
        if a.follow:
            if followed != os.path.getmtime(a.follow):
                followed = os.path.getmtime(a.follow)
                seen = torch.load(a.follow, weights_only=False)["model"]
                model.load_state_dict({k: v for k, v in seen.items() if k.split(".")[0] in tower + ("connector",)}, strict=False)
            progress = (now - began) / (end - began)
            with torch.no_grad():
                _, visual = model.see(b["pixels"])
        elif a.stage in ("s1", "s3"):
            progress = (now - began) / (end - began)
            h, visual = model.see(b["pixels"])
            blank = 1.0 if symbols else 0.1 if progress < 0.25 else 0.3 if progress < 0.6 else 1.0
            l, note["glyph"], note["false_glyph"] = dense_loss(model, h, b["cells"], blank)
            note["loss_dense"] = l.item()
            loss = loss + (0.5 if a.stage == "s3" else 1.0) * l
        if a.stage == "s2":
            visual = model.symbols(noisy(b["cells"].long(), 0.01), b["around"].long())
        if symbols and not a.follow:
            with torch.no_grad():
                target = model.symbols(b["cells"].long(), b["around"].long())
                w = torch.where(b["cells"][..., 0] > 0, 1.0, 0.2).unsqueeze(-1)
                power = ((target - (target * w).sum((0, 1)) / w.sum()).pow(2) * w).sum()
            l = ((visual.float() - target).pow(2) * w).sum() / power  # the part not explained
            note["loss_symbol"] = l.item()
            loss = loss + 0.1 * l
            l = model.symbol_loss(visual, b["cells"].long(), b["around"].long())
            note["symbol_ce"] = l.item()
            loss = loss + 0.1 * l
        if answers:
            if a.stage == "s3" and not a.follow:  # the answers' gradient is noise to the tower at first: only a share of it gets there
                visual = a.through * visual + (1 - a.through) * visual.detach()
            if a.stage == "s3" and progress < a.mixed:  # half of the pages as clean symbols, so that look-up goes on forming
                with_symbols = model.symbols(b["cells"].long(), b["around"].long()).to(visual.dtype)
                half = (torch.arange(len(visual)) < len(visual) // 2)[:, None, None]
                visual = torch.where(half, with_symbols, visual)
            l, note["token"], note["exact"] = answer_loss(model, visual, b["ids"], b["want"])
            note["loss_answer"] = l.item()
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
        for k, v in note.items():
            mean[k], count[k] = mean.get(k, 0) + v, count.get(k, 0) + 1
        if step % 20 == 0:
            m = {k: v / count[k] for k, v in mean.items()}
            out.writerow([a.stage, step, round(time.time() - began), round(rate, 3), lines, kind] +
                         [round(m[k], 4) if k in m else "" for k in
                          "loss_answer token exact loss_dense glyph false_glyph loss_symbol symbol_ce".split()])
            log.flush()
            mean, count = {}, {}
            if a.stage == "s2" and step - level_since >= 20:  # the curriculum: more lines, then symbols
                if m["token"] > GATE and lines > 0:
                    lines += 1
                    if lines > 5 and text_share == 100:
                        text_share, lines = 10, 2
                    elif lines > 5:
                        lines = 0  # any number
                    level_since = step + 10
                control[0], control[1] = lines, text_share
        if time.time() - saved > 120:
            save()
            saved = time.time()
    save()


if __name__ == "__main__":
    main()
