#!/bin/sh
# vlm bench: what is measured and how it is told; not how fast it is.
vlm=$1 root=$2
. "$(dirname "$0")/lib.sh"

field() { # NAME of the objects of a list, one a line
    tr '{' '\n' | grep -o "\"$1\": *[^,}]*" | sed 's/^[^:]*: *//'
}

# every test that cli.md names, with its figures above zero and its limits beside it
"$vlm" bench "$model" --prompt 24 --gen 3 --depth 0 --depth 40 --sessions 2 --image 90x60 --reps 1 --threads 2 \
    --json >"$tmp/out" 2>"$tmp/err" || fail "bench: $(cat "$tmp/err")"
got=$(field test <"$tmp/out" | tr -d '"\n' | sed 's/roof/ roof/g')
want='loadpromptgeneratesessionspromptgeneratesessionstilepicturepagememory roof.read roof.fp32 roof.int8 roof.read roof.barriermachine'
[ "$got" = "$want" ] || fail "bench: tests are $got"
field median_tokens_per_s <"$tmp/out" | grep -qx '0\(\.0*\)\?' && fail "bench: a rate of 0"
[ "$(field median_tokens_per_s <"$tmp/out" | wc -l)" = 6 ] || fail "bench: not six rates"
[ "$(field fraction_of_roof <"$tmp/out" | wc -l)" = 9 ] || fail "bench: not nine fractions"
grep -q '"test": "prompt", "n": 24, "depth": 40' "$tmp/out" || fail "bench: no prompt of 24 behind 40: $(cat "$tmp/out")"
for name in cpu isa threads commit compiler model_sha256 load_average; do
    grep -q "\"$name\": " "$tmp/out" || fail "bench: no $name"
done
[ -s "$tmp/err" ] && fail "bench --json wrote to stderr: $(cat "$tmp/err")"

# the usual ones: what this model cannot do is left out with the reason
"$vlm" bench "$model" --reps 1 --threads 1 --json >"$tmp/out" || fail "bench without options"
for test in prompt generate sessions tile picture page; do
    grep -q "\"test\": \"$test\"[^}]*median" "$tmp/out" || fail "bench without options: no $test: $(cat "$tmp/out")"
done
grep -q '"depth": 16384, "left_out": "the model' "$tmp/out" || fail "bench: 16384 positions of a model that has less"
[ "$(field ratio <"$tmp/out" | wc -l)" = 1 ] || fail "bench: no memory beside files, keys and values"

# two of a kind: each job twice, and a ratio
"$vlm" bench "$model" --against-isa scalar --gen 2 --reps 2 --json >"$tmp/out" || fail "bench --against-isa"
[ "$(field ratio <"$tmp/out" | wc -l)" = 1 ] || fail "bench --against-isa: no ratio"
grep -q '"against": true' "$tmp/out" || fail "bench --against-isa: no second figure"
"$vlm" quantize "$root/models/pocket" "$tmp/q.gguf" --type q8_0 >/dev/null 2>&1 || fail "quantize for bench --against-repack"
"$vlm" bench "$tmp/q.gguf" --mmproj "" --repack --against-repack --gen 2 --reps 2 >"$tmp/out" || fail "bench --against-repack"
grep -q 'repacked: [0-9.]* MB more' "$tmp/out" || fail "bench --against-repack: its memory is not told"
grep -q 'repacked: 0.0 MB more' "$tmp/out" && fail "bench --against-repack: both sides are the same"
"$vlm" bench "$model" --against-build "$vlm" --gen 2 --reps 2 >"$tmp/out" || fail "bench --against-build"
grep -q 'took [0-9.]* times as long' "$tmp/out" || fail "bench --against-build: no ratio"
expect 1 bench "$model" --against-build /nowhere/vlm --gen 2 --reps 1
expect 1 bench "$model" --against /nowhere --gen 2
expect 1 bench "$model" --prompt 1 --reps 1
expect 1 bench "$model" --prompt 100000 --reps 1
finish
