#!/usr/bin/env python3
"""Looks at the inner loops of an integer level as a compiler makes them, without the machine.

    loops.py FILE.c FLAGS.. [--cpu NAME,..] [--product INSTRUCTION] [--triple TRIPLE] [--tile NAME,..]

Compiles src/kernel/FILE.c to assembly ($CC, -O3 and FLAGS), takes the loop with the most products
from every tile (rows_NAME), counts its instructions and the vectors that it keeps on the stack, and
asks llvm-mca ($MCA) for cycles.  "of limit" is the time of the products alone over that.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TILES = "four,four_min,five,five_min,eight,two_min_16,three_16,six_16"


def option(args, name, default):
    if name not in args:
        return default
    i = args.index(name)
    value = args[i + 1]
    del args[i:i + 2]
    return value


def body_of(lines, function):
    start = next((i for i, l in enumerate(lines) if re.match(function + r"(\.\w+)*:", l)), None)
    if start is None:
        return None
    end = next(i for i in range(start, len(lines)) if ".cfi_endproc" in lines[i])
    return lines[start:end]


def hottest(body, product):
    """The innermost loop with the most products."""
    label = {l[:-1]: i for i, l in enumerate(body) if re.match(r"\.L\w+:", l)}
    jumps = []
    for i, l in enumerate(body):
        m = re.match(r"\s+(?:j\w+|b\w*\.?\w*|cbn?z\s+\w+,)\s+(\.L\w+)", l)
        if m and label.get(m[1], i) < i:
            jumps.append((label[m[1]], i))
    inner = [(a, b) for a, b in jumps if not any(a <= c and d < b for c, d in jumps)]
    loops = [body[a:b + 1] for a, b in inner]
    return max(loops, key=lambda loop: sum(product in l for l in loop))


def cycles(mca, cpu, triple, text):
    run = subprocess.run([mca, "-mtriple=" + triple, "-mcpu=" + cpu, "-iterations=100"],
                         input=text, capture_output=True, text=True, check=True)
    return float(re.search(r"Total Cycles:\s+(\d+)", run.stdout)[1]) / 100


def main():
    args = sys.argv[1:]
    cpus = option(args, "--cpu", "cascadelake").split(",")
    product = option(args, "--product", "vpdpbusd")
    triple = option(args, "--triple", "x86_64")
    tiles = option(args, "--tile", TILES).split(",")
    source = os.path.join(ROOT, "src/kernel", args[0])
    mca = os.environ.get("MCA", "llvm-mca")
    run = subprocess.run([os.environ.get("CC", "gcc"), "-std=gnu11", "-O3", "-fno-math-errno",
                          "-fno-trapping-math", "-ffp-contract=off", "-I" + ROOT + "/src", "-S",
                          source, "-o", "-"] + args[1:], capture_output=True, text=True, check=True)
    lines = run.stdout.split("\n")
    for tile in tiles:
        body = body_of(lines, "rows_" + tile)
        if body is None:
            print(f"{tile:11} shares the code of another")
            continue
        loop = [l.split("#")[0].rstrip() for l in hottest(body, product)
                if not re.match(r"\s+\.", l)]
        code = [l for l in loop if re.match(r"\s+[\w{]", l)]
        products = [l for l in code if product in l]
        stack = [l for l in code if re.search(r"[xyz]mm\d|\bq\d", l)
                 and re.search(r"\(%r[sb]p\)|\[(sp|x29)", l)]
        text = f"{tile:11} {len(products):3} products, {len(code):3} instructions, {len(stack)} on the stack;"
        for cpu in cpus:
            # the products alone, each with sums of its own, as often as here
            vector = re.search(r"%([xyz]mm)\d", products[0])
            alone = "".join(f"{product} %{vector[1]}0, %{vector[1]}1, %{vector[1]}{i}\n"
                            for i in range(3, 15)) if vector else \
                "".join(re.sub(r"v\d+", f"v{i + 2}", l, count=1) + "\n"
                        for i, l in enumerate([products[0]] * 12))
            least = cycles(mca, cpu, triple, alone) / 12 * len(products)
            whole = cycles(mca, cpu, triple, "\n".join(loop) + "\n")
            text += f"  {cpu} {whole:.1f} cycles, {100 * least / whole:.0f} % of limit"
        print(text, flush=True)


if __name__ == "__main__":
    main()
