"""Says which wordings for training (wordings.py) are src/docgen's own, those kept for tests among them, but for case and
punctuation; with --library also which questions of training documents, put in other words (data.reworded), are kept ones.
Ends with 1 if any is.

  check_wordings.py [--library build/libdocgen.so]"""
import argparse, os, random, re, sys
import wordings

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "docgen")
UNSEEN = 2  # words.h


def plain(text):
    return re.sub(r"[^a-z0-9%:=]+", " ", text.lower()).strip()


def lists():
    """the generator's lists of wordings"""
    for name in ("wordings.c", "meanings.c"):
        with open(os.path.join(SOURCES, name)) as f:
            for body in re.findall(r"\[\] = \{(.*?)\n\};", f.read(), re.S):
                yield re.findall(r'"([^"\n]+)"', body)


def reworded(library):
    """questions for training that are kept ones (also as the generator has them: of two lists one may know what the other keeps), with
    the question that each was made of"""
    import data, docgen
    kept = [re.compile(plain(w).replace("%s", ".+") + "$") for ways in lists() for w in ways[-UNSEEN:]]
    gen, rng, n, found = docgen.Generator(library, docgen.fonts("train")[:1]), random.Random(1), 0, {}
    for i in range(1500):
        doc = gen.make(docgen.KINDS[i % len(docgen.KINDS)], data.TRAIN_SEED + i)
        for family, unseen, question, answer, number in doc["questions"]:
            for _ in range(0 if unseen else 8):
                key = max((k for k, v in doc["fields"] if v == answer and k in question), key=len, default=None)
                new, n = data.reworded(question, family, key, number, rng), n + 1
                if any(k.match(plain(new)) for k in kept):
                    found[new] = question
    return n, found


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--library")
    a = ap.parse_args()
    theirs = {plain(x): x for ways in lists() for x in ways}
    mine = [*wordings.FOR_KEY, *wordings.FOR_WORD, *(x for ways in wordings.ALSO.values() for x in ways),
            *(x for pairs in wordings.OTHERS.values() for _, ways in pairs for x in ways)]
    same = sorted({x for x in mine if plain(x) in theirs})
    for x in same:
        print(f"wordings.py: {x!r} is {theirs[plain(x)]!r} of src/docgen")
    print(f"{len(set(mine))} wordings, {len(same)} of them the generator's")
    n, found = reworded(a.library) if a.library else (0, {})
    for new, question in sorted(found.items()):
        print(f"data.reworded: {question!r} became {new!r}, kept for tests")
    if a.library:
        print(f"{n} questions reworded, {len(found)} of them kept ones")
    return bool(same or found)


if __name__ == "__main__":
    sys.exit(main())
