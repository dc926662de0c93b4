#!/bin/sh
# trace: the files of cli.md, their format, and the comparison of two traces.
set -u
vlm=$1 root=$2
. "$(dirname "$0")/lib.sh"
picture=$root/tests/data/golden/page_1536x1152.png

expect 0 trace "$model" "$picture" "What?" -n 3 --max-tiles 2 --out "$tmp/a"
for name in prompt_ids pixels vision.embed vision.00 vision.out connector text.embed text.00 text.norm logits \
  generated_ids; do
  [ -s "$tmp/a/$name.npy" ] || fail "$name.npy is missing"
done
[ "$(head -c 6 "$tmp/a/logits.npy" | tail -c 5)" = NUMPY ] || fail "logits.npy is no .npy"
head -c 128 "$tmp/a/logits.npy" | grep -q "{'descr': '<f4', 'fortran_order': False, 'shape': ([0-9]*, [0-9]*), }" ||
  fail "header of logits.npy"
head -c 128 "$tmp/a/prompt_ids.npy" | grep -q "'<i4'.*'shape': ([0-9]*,)" || fail "header of prompt_ids.npy"
find "$tmp" -name '.*' -type f | grep -q . && fail "half-written files were left"

# the same again, in other chunks and threads: no difference at all
expect 0 trace "$model" "$picture" "What?" -n 3 --max-tiles 2 --chunk 5 --threads 2 --out "$tmp/b" --compare "$tmp/a" \
  --tolerance 0
has "$tmp/out" "max abs" "vision.00" "logits" "no difference above 0"
for f in "$tmp/a"/*.npy; do
  cmp -s "$f" "$tmp/b/${f##*/}" || fail "${f##*/} depends on chunk or threads"
done

# the roles' names are tokens of the pocket model, in every turn (as transformers has them; its own template says them)
cat >"$tmp/turns.json" <<'END'
[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
END
expect 0 trace "$root/models/pocket" --messages "$tmp/turns.json" --only prompt_ids --out "$tmp/p"
ids=$(od -An -td4 -v -j128 "$tmp/p/prompt_ids.npy" | tr -s ' \n' ' ')
[ "$ids" = " 1 279 35 100 278 13 280 35 101 278 13 279 35 102 278 13 280 " ] || fail "ids of turns:$ids"

# by ids, --only, and a real difference
expect 0 trace "$model" --ids 1,2,3,4 --out "$tmp/c" --only logits --only text.00.npy
[ "$(ls "$tmp/c" | wc -l)" = 2 ] || fail "--only wrote: $(ls "$tmp/c")"
got=0
"$vlm" trace "$model" --ids 1,2,3,5 --out "$tmp/d" --compare "$tmp/c" >"$tmp/out" 2>"$tmp/err" || got=$?
[ $got = 1 ] || fail "compare: exit status $got, expected 1"
has "$tmp/out" "first difference: text.00[3, " "differs" "prompt_ids       not in"
got=0
"$vlm" trace "$model" --ids 1,2,3 --out "$tmp/d" --compare "$tmp/c" >"$tmp/out" 2>"$tmp/err" || got=$?
[ $got = 1 ] || fail "compare of shapes: exit status $got, expected 1"
has "$tmp/out" "shape or type differs"

got=0
"$vlm" trace "$model" --ids 1,2,3,5 --out "$tmp/d" --compare "$tmp/c" --json >"$tmp/out" 2>"$tmp/err" || got=$?
[ $got = 1 ] || fail "compare --json: exit status $got, expected 1"
has "$tmp/out" '"name": "text.00", "shape": [4, ' '"differs": true, "max_abs": ' '"first": [3, '
is_json_lines "$tmp/out"

# the reference's own prompt (the golden tests compare the rest)
split=$root/tests/data/golden/gqa-f32/split
expect 0 trace "$model" "$split/page.png" "What is the total?" --only prompt_ids --out "$tmp/e" --compare "$split"

expect 1 trace "$model" --ids 1,2 --out "$tmp/d" --only nonsense
for ids in '' , 1, 1,, a 1,-2 99999999999; do
  expect 2 trace "$model" --ids "$ids" --out "$tmp/d"
done
expect 1 trace "$model" --ids 2147483647 --out "$tmp/d"
echo junk >"$tmp/c/logits.npy"
expect 1 trace "$model" --ids 1,2 --out "$tmp/d" --only logits --compare "$tmp/c"
has "$tmp/err" "logits.npy"
expect 1 trace "$model" --ids 1,2 --out "$tmp/d" --compare "$tmp/nothing"
expect 1 trace "$model" --ids 1,2 --out "$tmp/c/logits.npy"
finish
