"""Says which wordings for training (wordings.py) are src/docgen's own, those kept for tests among them, but for case and
punctuation; ends with 1 if any is.

  check_wordings.py"""
import os, re, sys
import wordings

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "docgen")


def plain(text):
    return re.sub(r"[^a-z0-9%:=]+", " ", text.lower()).strip()


def main():
    theirs = {}
    for name in ("wordings.c", "meanings.c"):
        with open(os.path.join(SOURCES, name)) as f:
            theirs.update((plain(x), x) for x in re.findall(r'"([^"\n]+)"', f.read()))
    mine = [*wordings.FOR_KEY, *wordings.FOR_WORD, *(x for ways in wordings.ALSO.values() for x in ways),
            *(x for pairs in wordings.OTHERS.values() for _, ways in pairs for x in ways)]
    same = sorted({x for x in mine if plain(x) in theirs})
    for x in same:
        print(f"wordings.py: {x!r} is {theirs[plain(x)]!r} of src/docgen")
    print(f"{len(set(mine))} wordings, {len(same)} of them the generator's")
    return bool(same)


if __name__ == "__main__":
    sys.exit(main())
