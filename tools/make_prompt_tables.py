#!/usr/bin/env python3
"""Writes src/prompt/char_tables.c: what Python 3.11 (Unicode 14) knows about characters, as far as
templates can ask (str.upper, lower, title, isprintable ...).  Usage: make_prompt_tables.py > FILE"""
import sys
import textwrap
import unicodedata

N = 0x110000
FLAGS = "PRINT ALPHA DECIMAL DIGIT NUMERIC UPPER LOWER TITLE CASED IGNORABLE".split()


def char(c):
    return chr(c)


def flags(c):
    s = char(c)
    tests = [s.isprintable(), s.isalpha(), s.isdecimal(), s.isdigit(), s.isnumeric(), s.isupper(), s.islower(),
             s.istitle() and not s.isupper()]
    # lower() writes a final sigma behind cased letters, passing over ignorable characters
    cased = (s + "\u03a3").lower().endswith("\u03c2")
    ignorable = not cased and ("A" + s + "\u03a3").lower().endswith("\u03c2")
    tests += [cased, ignorable]
    return sum(1 << i for i, t in enumerate(tests) if t)


def rows(items, out):
    out += textwrap.wrap(" ".join(i.replace(" ", "\0") for i in items), 100, initial_indent="    ",
                         subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def main():
    assert sys.version_info[:2] == (3, 11), "the tables are Python 3.11's"
    out = ["/* char_tables.c: written by tools/make_prompt_tables.py from Python %d.%d, Unicode %s. */"
           % (*sys.version_info[:2], unicodedata.unidata_version),
           '#include "prompt/value.h"', ""]
    skip = range(0xD800, 0xE000)
    ranges, start, last = [], 0, None
    for c in range(N):
        f = 0 if c in skip else flags(c)
        if f != last:
            if last:
                ranges.append((start, c - 1, last))
            start, last = c, f
    if last:
        ranges.append((start, N - 1, last))
    out.append("const struct vlm_class_range vlm_class_ranges[] = {")
    rows(["{0x%X, 0x%X, 0x%X}," % r for r in ranges], out)
    out += ["};", "const size_t vlm_n_class_ranges = sizeof vlm_class_ranges / sizeof *vlm_class_ranges;", ""]
    case_rows, special = [], []
    for which, fn in enumerate((str.upper, str.lower, str.title)):
        single = {}
        for c in range(N):
            if c in skip:
                continue
            to = fn(char(c))
            if to == char(c):
                continue
            if len(to) == 1:
                single[c] = ord(to) - c
            else:
                special.append((c, which, [ord(x) for x in to]))
        # runs that follow one another and never overlap, for a binary search
        run = None
        for c in sorted(single):
            if run and single[c] == run[2] and (c - run[1] == run[3] or (run[0] == run[1] and c - run[1] in (1, 2))):
                run[3] = c - run[1]
                run[1] = c
                continue
            run = [c, c, single[c], 1, which]
            case_rows.append(run)
    out.append("const struct vlm_case_range vlm_case_ranges[] = {")
    rows(["{0x%X, 0x%X, %d, %d, %d}," % tuple(r) for r in case_rows], out)
    out += ["};", "const size_t vlm_n_case_ranges = sizeof vlm_case_ranges / sizeof *vlm_case_ranges;", ""]
    out.append("const struct vlm_case_special vlm_case_specials[] = {")
    rows(["{0x%X, %d, {%s}}," % (c, w, ", ".join("0x%X" % x for x in (to + [0, 0])[:3])) for c, w, to in special], out)
    out += ["};", "const size_t vlm_n_case_specials = sizeof vlm_case_specials / sizeof *vlm_case_specials;"]
    print("\n".join(out).replace("\0", " "))


main()
