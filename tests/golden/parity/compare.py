#!/usr/bin/env python3
"""vlm, llama.cpp and ik_llama.cpp on the same files, in turn (A B C A B C), medians and spread, as a markdown table.

    compare.py --vlm VLM [--llama BIN] [--ik BIN] --models DIR --out DIR [--rounds 3] [--wrap CMD] [--budget 200] TEST ...
    compare.py --out DIR --table

A TEST is KIND:MODEL:THREADS, or KIND:MODEL:MMPROJ:THREADS for pictures; names are of files in DIR without ".gguf":

    text    a prompt of 512 tokens, then 64 tokens generated
    depth   the same behind 4096 tokens, 16 generated
    load    process start to end with one token: seconds, peak resident memory
    page    --image (1536x1152, made if it is not there) to the first token, whole process: seconds, of that the tower, peak memory
    tile    a picture of one tile and its overview (an mmproj whose longest edge is a tile): milliseconds a tile
            MMPROJ may be three names with commas, for vlm, llama.cpp and ik_llama.cpp.

Each run is one process, its result a line of DIR/raw.jsonl.  What is there already is not run again, so the work may be cut
into pieces: with --wrap every piece of at most --budget seconds is started through CMD (alone on the machine, say).
The machine's limits come from the same runs (vlm bench measures them beside its work)."""
import argparse, collections, json, os, re, shlex, statistics, struct, subprocess, sys, time, zlib

ENGINES = ("vlm", "llama.cpp", "ik")
PROMPT, GEN, DEPTH, DEPTH_GEN = 512, 64, 4096, 16


def run(command):
    """-> (seconds, peak RSS in bytes, stdout and stderr)"""
    began = time.time()
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out = p.stdout.read().decode("utf-8", "replace")
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = status
    if status != 0:
        raise RuntimeError("%s: status %d: %s" % (" ".join(command), status, out[-400:]))
    return time.time() - began, usage.ru_maxrss * 1024, out


def make_page(path, width, height):
    """noise: no tile is like another"""
    rows, state = b"", 1
    block = bytes(zlib.crc32(struct.pack("<I", i)) & 255 for i in range(65537))
    for y in range(height):
        state = (state * 48271) % 65521
        line = (block * (width * 3 // len(block) + 2))[state:state + width * 3]
        rows += b"\0" + line
    chunk = lambda t, d: struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


# ---- one run of one engine: -> {figure: number}
def vlm_bench(a, model, threads, depth):
    command = [a.vlm, "bench", model, "--mmproj", "", "--threads", threads, "--kv", a.kv, "--prompt", str(PROMPT), "--gen",
               str(DEPTH_GEN if depth else GEN), "--depth", str(depth), "--reps", "1", "--chunk", "512", "--json"]
    _, rss, out = run(command)
    figures = {}
    for x in json.loads(out[out.index("["):]):
        if x.get("test") == "prompt":
            figures.update({"prompt tokens/s": x["median_tokens_per_s"], "prompt fraction": x["fraction_of_roof"]})
        elif x.get("test") == "generate":
            figures.update({"generate tokens/s": x["median_tokens_per_s"], "generate fraction": x["fraction_of_roof"]})
        elif x.get("test", "").startswith("roof."):
            figures["%s %s%s" % (x["test"], x["unit"], " one" if x["test"] == "roof.read" and x["n"] == 1 else "")] = x["median"]
    return figures


def llama_bench(binary, model, threads, more):
    _, rss, out = run([binary, "-m", model, "-t", threads, "-p", str(PROMPT), "-r", "1", "-o", "json"] + more)
    figures = {}
    for x in json.loads(out[out.index("[\n"):out.rindex("]") + 1]):
        kind = "generate" if x["n_gen"] else "prompt"
        figures[kind + " tokens/s"] = statistics.median(x["samples_ts"])
    return figures


def do_text(a, engine, model, threads):
    if engine == "vlm":
        return vlm_bench(a, model, threads, 0)
    return llama_bench(os.path.join(a.ik if engine == "ik" else a.llama, "llama-bench"), model, threads, ["-n", str(GEN)])


def do_depth(a, engine, model, threads):
    if engine == "vlm":
        return vlm_bench(a, model, threads, DEPTH)
    if engine == "llama.cpp":
        return llama_bench(os.path.join(a.llama, "llama-bench"), model, threads, ["-n", str(DEPTH_GEN), "-d", str(DEPTH)])
    _, rss, out = run([os.path.join(a.ik, "llama-sweep-bench"), "-m", model, "-t", threads, "-c", str(DEPTH + PROMPT), "-ub",
                       str(PROMPT), "-b", str(PROMPT), "-n", str(DEPTH_GEN)])
    for line in out.splitlines():  # | PP | TG | N_KV | T_PP s | S_PP t/s | T_TG s | S_TG t/s |
        v = [x.strip() for x in line.strip(" |").split("|")]
        if len(v) == 7 and v[2] == str(DEPTH):
            return {"prompt tokens/s": float(v[4]), "generate tokens/s": float(v[6])}
    raise RuntimeError("no line at %d in: %s" % (DEPTH, out[-600:]))


def do_load(a, engine, model, threads):
    if engine == "vlm":
        seconds, rss, out = run([a.vlm, "run", model, "--mmproj", "", "-p", "Hi", "-n", "1", "--threads", threads, "--kv", a.kv,
                                 "--ctx", "512", "--json"])
        x = json.loads(out)
        return {"seconds": seconds, "peak MB": rss / 1e6, "load ms": x["timings"]["load_ms"]}
    binary, warm = (a.ik, ["-w", "0"]) if engine == "ik" else (a.llama, ["--no-warmup"])
    seconds, rss, _ = run([os.path.join(binary, "llama-bench"), "-m", model, "-t", threads, "-p", "0", "-n", "1", "-r", "1"] + warm)
    return {"seconds": seconds, "peak MB": rss / 1e6}


def do_page(a, engine, model, mmproj, threads, image=None):
    image, ask = image or a.image, "Describe this image."
    if engine == "vlm":
        seconds, rss, out = run([a.vlm, "run", model, "--mmproj", mmproj, "--image", image, "-p", ask, "-n", "1", "--ctx", "4096",
                                 "--kv", a.kv, "--threads", threads, "--json"] + shlex.split(a.vlm_vision))
        x = json.loads(out)
        tiles = x["usage"]["image_tokens"] / a.tile_tokens
        return {"seconds": seconds, "peak MB": rss / 1e6, "tower s": x["timings"]["vision_ms"] / 1000, "tiles": tiles,
                "tile ms": x["timings"]["vision_ms"] / max(tiles, 1), "prompt tokens": x["usage"]["prompt_tokens"]}
    binary = os.path.join(a.ik if engine == "ik" else a.llama, "llama-mtmd-cli")
    seconds, rss, out = run([binary, "-m", model, "--mmproj", mmproj, "--image", image, "-t", threads, "-c", "4096", "-n", "1",
                             "--temp", "0", "-p", ask])
    encoded = [float(x) for x in re.findall(r"(?:slice encoded|batch encoding done) in (\d+) ms", out)]
    if not encoded:
        raise RuntimeError("nothing was encoded: " + out[-600:])
    return {"seconds": seconds, "peak MB": rss / 1e6, "tower s": sum(encoded) / 1000, "tiles": len(encoded),
            "tile ms": statistics.median(encoded)}


def do_tile(a, engine, model, mmproj, threads):
    return do_page(a, engine, model, mmproj, threads, a.small_image)


# ---- in turn
def engines_of(a):
    return [e for e, there in zip(ENGINES, (a.vlm, a.llama, a.ik)) if there]


def read_raw(a):
    path = os.path.join(a.out, "raw.jsonl")
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [json.loads(line) for line in f]


def missing(a, tests):
    done = collections.Counter((x["test"], x["engine"], x["round"]) for x in read_raw(a))
    return [(t, e, r) for t in tests for r in range(a.rounds) for e in engines_of(a) if not done[(t, e, r)]]


def one(a, test, engine, r):
    kind, model, *mmproj, threads = test.split(":")
    path = lambda name: os.path.join(a.models, name + ".gguf")
    files = mmproj[0].split(",") if mmproj else []
    files = [path(files[ENGINES.index(engine) if len(files) == 3 else 0])] if files else []
    line = dict(test=test, engine=engine, round=r, at=time.strftime("%Y-%m-%d %H:%M:%S"), load=os.getloadavg()[0])
    began = time.time()
    try:
        line["figures"] = globals()["do_" + kind](a, engine, path(model), *files, threads)
    except (RuntimeError, ValueError, KeyError) as e:
        line["failed"] = str(e)
    line["took"] = time.time() - began
    with open(os.path.join(a.out, "raw.jsonl"), "a") as f:
        f.write(json.dumps(line) + "\n")
    print(test, engine, r, line.get("figures", line.get("failed")), file=sys.stderr, flush=True)
    return line["took"]


EXPECTED = dict(text=60, depth=150, load=8, page=110, tile=25)  # seconds of a run that was never made


def piece(a):
    """as much as fits"""
    began = time.time()
    took = {(x["test"], x["engine"]): x.get("took", 0) for x in read_raw(a)}
    for test, engine, r in missing(a, a.tests):
        expected = took.get((test, engine)) or EXPECTED[test.split(":")[0]]
        if time.time() - began > 1 and time.time() - began + expected > a.budget:
            return
        took[(test, engine)] = one(a, test, engine, r)


def everything(a):
    before = None
    while missing(a, a.tests) and missing(a, a.tests) != before:
        before = missing(a, a.tests)
        subprocess.run(shlex.split(a.wrap) + [sys.executable] + a.again + ["--piece"] + a.tests)


# ---- telling
def spread(v):
    return "%.4g (%.4g .. %.4g)" % (statistics.median(v), min(v), max(v)) if v else "-"


def table(a):
    seen = collections.defaultdict(list)
    order = []
    for x in read_raw(a):
        for name, v in x.get("figures", {}).items():
            seen[(x["test"], name, x["engine"])].append(v)
            if (x["test"], name) not in order:
                order.append((x["test"], name))
        if "failed" in x:
            print("failed: %s, %s: %s" % (x["test"], x["engine"], x["failed"][:200]))
    print("| what | vlm | ik_llama.cpp | llama.cpp | vlm : ik | vlm : llama.cpp | of its limit |\n|---|---|---|---|---|---|---|")
    for test, name in order:
        if name.startswith("roof.") or name.endswith("fraction") or name in ("tiles", "prompt tokens"):
            continue
        v = {e: seen[(test, name, e)] for e in ENGINES}
        m = {e: statistics.median(v[e]) if v[e] else None for e in ENGINES}
        rate = name.endswith("/s")
        ratio = lambda e: "-" if not m["vlm"] or not m[e] else "%.2f" % (m["vlm"] / m[e] if rate else m[e] / m["vlm"])
        part = seen[(test, name.split()[0] + " fraction", "vlm")]
        print("| %s, %s | %s | %s | %s | %s | %s | %s |" % (test, name, spread(v["vlm"]), spread(v["ik"]), spread(v["llama.cpp"]),
              ratio("ik"), ratio("llama.cpp"), "%.0f %%" % (100 * statistics.median(part)) if part else ""))
    print("\nLimits in the same runs:")
    for test, name in order:
        if name.startswith("roof."):
            print("* %s, %s: %s" % (test, name, spread(seen[(test, name, "vlm")])))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("vlm", "llama", "ik", "models"):
        ap.add_argument("--" + name)
    ap.add_argument("--out", required=True)
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--wrap", default="", help="command that each piece is started with")
    ap.add_argument("--budget", type=float, default=200, help="seconds of a piece")
    ap.add_argument("--kv", default="f16", help="vlm's key/value type; the peers keep f16")
    ap.add_argument("--vlm-vision", default="", help="more options for vlm run with pictures")
    ap.add_argument("--image", help="the page")
    ap.add_argument("--small-image", help="one tile")
    ap.add_argument("--tile-tokens", type=int, default=81)
    ap.add_argument("--tile", type=int, default=384)
    ap.add_argument("--piece", action="store_true", help=argparse.SUPPRESS)
    ap.add_argument("--table", action="store_true")
    ap.add_argument("tests", nargs="*")
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    a.image = a.image or os.path.join(a.out, "page-1536x1152.png")
    a.small_image = a.small_image or os.path.join(a.out, "tile-%d.png" % a.tile)
    for path, w, h in ((a.image, 1536, 1152), (a.small_image, a.tile, a.tile)):
        if not os.path.exists(path):
            make_page(path, w, h)
    a.again = [x for x in sys.argv if x not in a.tests]
    if a.table:
        table(a)
    elif a.piece:
        piece(a)
    else:
        everything(a)
        table(a)


main()
