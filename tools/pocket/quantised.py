"""What quantised weights and integer products cost the pocket model's answers: the same held-out documents asked of several
files, question by question, so that only those answered differently by two files count.

  quantised.py --vlm build/vlm --out DIR [--docs 1000] [--until HH:MM] NAME=MODEL[,MMPROJ] ...

The first model is the one that the others are compared with.  Documents (labels, tags, forms, cards, receipts; held-out seeds)
come from `vlm make-docs` in lots of 40 with the fonts held out from training, the first six questions of each; answers from
`vlm batch`, greedy.  A lot that is answered is kept in DIR and not asked again, so a run may be stopped and continued.
Intervals: 95 %, bootstrap over documents of the paired differences."""
import argparse, collections, json, os, subprocess, sys, time
import numpy as np

KINDS = ("label", "tag", "form", "card", "receipt")
LOT, PER_DOC, SEED = 40, 6, 5000000
HERE = os.path.dirname(os.path.abspath(__file__))


def held_out_fonts():
    with open(os.path.join(HERE, "fonts.txt")) as f:
        fonts = [l.rstrip("\n").split("\t")[3] for l in f if l.startswith("held-out\t")]
    return [f for f in fonts if os.path.exists(f)][:64]


def make_lot(vlm, out, lot):
    """-> file of requests of 40 documents, eight of each kind"""
    where = os.path.join(out, "lot-%04d" % lot)
    requests = os.path.join(where, "ask.jsonl")
    if os.path.exists(requests):
        return requests
    os.makedirs(where, exist_ok=True)
    rows = []
    for kind in KINDS:
        n = LOT // len(KINDS)
        command = [vlm, "make-docs", "--kind", kind, "--seed", str(SEED + lot * n), "--count", str(n), "--strength", "0.5"]
        for font in held_out_fonts():
            command += ["--font", font]
        subprocess.run(command + [os.path.join(where, kind)], check=True, stdout=subprocess.DEVNULL)
        seen = collections.Counter()
        with open(os.path.join(where, kind, "truth.jsonl")) as f:
            for line in f:
                r = json.loads(line)
                doc = r["id"].split("/")[0]
                seen[doc] += 1
                if seen[doc] <= PER_DOC and r["family"] != "read":
                    r["images"] = [os.path.join(kind, i) for i in r["images"]]
                    rows.append(r)
    with open(requests + ".part", "w") as f:
        for r in rows:
            f.write(json.dumps(r) + "\n")
    os.replace(requests + ".part", requests)
    return requests


def ask(vlm, model, requests, name, options):
    """-> {id: answer}"""
    reply = os.path.join(os.path.dirname(requests), "answers-%s.jsonl" % name)
    if not os.path.exists(reply):
        path, _, mmproj = model.partition(",")
        command = [vlm, "batch", path] + (["--mmproj", mmproj] if mmproj else []) + options
        done = subprocess.run(command + [requests, "-o", reply + ".part", "-n", "64"], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit("%s: %s" % (name, done.stderr.strip()))
        os.replace(reply + ".part", reply)
    with open(reply) as f:
        return {o["id"]: o.get("text", "").strip() for o in map(json.loads, f)}


def table(rows, names):
    """rows: (document, truth, [answers])"""
    docs = sorted({r[0] for r in rows})
    at = {d: i for i, d in enumerate(docs)}
    right = np.zeros((len(docs), len(names)))
    asked = np.zeros(len(docs))
    same = np.zeros(len(names))
    lost, won = np.zeros(len(names)), np.zeros(len(names))
    for doc, truth, answers in rows:
        asked[at[doc]] += 1
        for k, a in enumerate(answers):
            right[at[doc], k] += a == truth
            same[k] += a == answers[0]
            lost[k] += answers[0] == truth and a != truth
            won[k] += answers[0] != truth and a == truth
    draws = np.random.default_rng(1).integers(0, len(docs), (4000, len(docs)))
    n = asked[draws].sum(1)
    print("%d documents, %d questions\n" % (len(docs), len(rows)))
    print("| text, tower | right, % | against the first, points (95 %) | became wrong / right | same answer, % |")
    print("| --- | --- | --- | --- | --- |")
    for k, name in enumerate(names):
        d = right[:, k] - right[:, 0]
        low, high = np.percentile(100 * d[draws].sum(1) / n, (2.5, 97.5))
        gap = "" if k == 0 else "%+.2f (%+.2f .. %+.2f)" % (100 * d.sum() / asked.sum(), low, high)
        print("| %s | %.2f | %s | %s | %.1f |" % (name, 100 * right[:, k].sum() / asked.sum(), gap,
                                                 "" if k == 0 else "%d / %d" % (lost[k], won[k]), 100 * same[k] / len(rows)))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--vlm", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--docs", type=int, default=1000)
    ap.add_argument("--threads", default="1")
    ap.add_argument("--until", help="stop asking at this time of day, and tell what there is")
    ap.add_argument("model", nargs="+", metavar="NAME=MODEL[,MMPROJ]")
    a = ap.parse_args()
    models = [m.split("=", 1) for m in a.model]
    rows = []
    for lot in range((a.docs + LOT - 1) // LOT):
        if a.until and time.strftime("%H:%M") >= a.until:
            break
        requests = make_lot(a.vlm, a.out, lot)
        answers = [ask(a.vlm, model, requests, name, ["--threads", a.threads]) for name, model in models]
        with open(requests) as f:
            for r in map(json.loads, f):
                rows.append((r["id"].split("/")[0], r["answer"], [x[r["id"]] for x in answers]))
        print("lot %d of %d" % (lot + 1, (a.docs + LOT - 1) // LOT), file=sys.stderr, flush=True)
    if rows:
        table(rows, [name for name, _ in models])


main()
