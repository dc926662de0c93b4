#!/usr/bin/env python3
"""The same prompts through this engine and llama.cpp, teacher-forced, logit by logit.

  parity.py --ours PARITY_OURS --peer PEER MODEL[=PEER_MODEL]... [--rows 200] [--threads 1]

PEER_MODEL: another file for the peer (make_gguf.py widen: the exact floats of MODEL).  For every model:

  ids      prompts whose ids are equal (all of them, not only the first ROWS)
  rms, max difference of the two engines' logits over all rows; size: rms of the peer's logits
  argmax   rows with the same argmax; of the others, the largest margin (top two of ours)
  4 rms    rows whose margin exceeds 4 * rms, and how many of them differ: at most --slack of them
  4 max    the same for 4 * max; no row can differ there, so only their number says something

Both programs write what they find to a pipe; nothing is stored.  Exit status 0: equal ids, and no row but
--slack beyond 4 rms differs.
"""
import argparse, os, random, subprocess, sys, tempfile
import numpy as np

ENGLISH = """the of and to a in is it you that he was for on are with as his they be at one have this from or had by
hot word but what some we can out other were all there when up use your how said an each she which do their time if will
way about many then them write would like so these her long make thing see him two has look more day could go come did
number sound no most people my over know water than call first who may down side been now find""".split()
OTHER = """für größer Straße über naïve café señor garçon привет мир спасибо 数据 模型 图像 こんにちは 東京 안녕하세요 العربية
हिन्दी ελληνικά 👍 🚀 é ﬁ Ω≈ç√∫ İstanbul ǅ""".split()
CODE = ["for (size_t i = 0; i < n; i++)", "def f(x):\n    return x ** 2", "SELECT * FROM t WHERE a >= 3.14;", "a[i] += b[j];",
        "<div class=\"x\">", "{\"k\": [1, 2.5e-3, null]}", "#include <stdio.h>\n", "x = y if z else None", "\t\t// TODO"]
MARKUP = ["<|im_start|>User:", "<end_of_utterance>\nAssistant:", "<image>", "<fake_token_around_image>", "<row_1_col_2>"]


def prompts(n):
    r = random.Random(20)
    for i in range(n):
        parts = []
        while len(parts) < 400:
            k = r.random()
            if k < 0.72 or i % 4 == 0:
                parts.append(r.choice(ENGLISH))
            elif k < 0.80:
                parts.append(r.choice(OTHER))
            elif k < 0.88:
                parts.append(str(r.randrange(10 ** r.randrange(1, 9))))
            elif k < 0.94:
                parts.append(r.choice(CODE))
            elif k < 0.97:
                parts.append(r.choice([".\n", ",", "  ", "\n\n", "...", "\r\n", "don't", "we'll"]))
            else:
                parts.append(r.choice(MARKUP))
        yield " ".join(parts)


def numbers(f, n, dtype):
    data = f.read(4 * n)
    if len(data) != 4 * n:
        sys.exit("parity.py: a program stopped early")
    return np.frombuffer(data, dtype)


def answers(command, n):
    p = subprocess.Popen(command, stdout=subprocess.PIPE)
    for _ in range(n):
        ids = numbers(p.stdout, int(numbers(p.stdout, 1, "<i4")[0]), "<i4")
        rows, vocab = numbers(p.stdout, 2, "<i4")
        yield ids, numbers(p.stdout, int(rows) * int(vocab), "<f4").reshape(rows, vocab)
    p.stdout.close()
    if p.wait() != 0:
        sys.exit("parity.py: a program failed")


def top_two(x):
    best = x.argmax(axis=1)
    rows = np.arange(len(x))
    rest = x.copy()
    rest[rows, best] = -np.inf
    return best, x[rows, best] - rest.max(axis=1)


def compare(ours, peer, n, slack):
    same_ids = square = size = count = 0
    worst, margins, equal = 0.0, [], []
    for (ids_a, a), (ids_b, b) in zip(ours, peer):
        same_ids += np.array_equal(ids_a, ids_b)
        if not np.array_equal(ids_a, ids_b) or a.shape != b.shape:
            continue
        d = a.astype(np.float64) - b
        square, size, count = square + (d * d).sum(), size + (b.astype(np.float64) ** 2).sum(), count + d.size
        worst = max(worst, np.abs(d).max())
        best, margin = top_two(a)
        margins.append(margin)
        equal.append(best == b.argmax(axis=1))
    margins, equal = np.concatenate(margins), np.concatenate(equal)
    rms = float(np.sqrt(square / count))
    clear = margins > 4 * rms
    wrong = int((~equal & clear).sum())
    off = margins[~equal].max() if (~equal).any() else 0
    print(f"  ids {same_ids}/{n}, rms {rms:.3g}, max {worst:.3g}, size {np.sqrt(size / count):.3g}; "
          f"argmax {equal.sum()}/{len(equal)}, largest margin of the others {off:.3g} = {off / rms:.2f} rms; "
          f"4 rms: {clear.sum()} rows, {wrong} different; 4 max: {(margins > 4 * worst).sum()} rows", flush=True)
    return same_ids == n and wrong <= slack


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--ours", required=True)
    a.add_argument("--peer", required=True)
    a.add_argument("--rows", type=int, default=200)
    a.add_argument("--prompts", type=int, default=20)
    a.add_argument("--slack", type=int, default=0)
    a.add_argument("--threads", default="1")
    a.add_argument("models", nargs="+")
    a = a.parse_args()
    texts = list(prompts(a.prompts))
    good = True
    with tempfile.NamedTemporaryFile("wb", suffix=".txt") as f:
        f.write("".join(t + "\f" for t in texts).encode())
        f.flush()
        for m in a.models:
            mine, _, theirs = m.partition("=")
            print(os.path.basename(mine) + (f" (peer: {os.path.basename(theirs)})" if theirs else ""), flush=True)
            tail = [f.name, str(a.rows), a.threads]
            good &= compare(answers([a.ours, mine] + tail, len(texts)),
                            answers([a.peer, "logits", theirs or mine] + tail, len(texts)), len(texts), a.slack)
    sys.exit(0 if good else 1)


main()
