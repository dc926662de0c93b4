#!/bin/sh
# score and embed: the same requests as batch, what is likelier, vectors; what is refused.
set -u
vlm=$1 root=$2
. "$(dirname "$0")/lib.sh"

# the answer that the model gives has the log probability that run reports
expect 0 run "$model" -p Hello -n 3 --json --logprobs 1
said=$(sed -n 's/.*"text": "\(\([^"\\]\|\\.\)*\)", "tokens.*/\1/p' "$tmp/out")
ids=$(sed -n 's/.*"text".*"tokens": \(\[[^]]*\]\).*/\1/p' "$tmp/out")
printf '{"id":"a","prompt":"Hello","answers":["%s","zz"]}\n{"id":"b","prompt":"Hello","answer":"zz"}\n' "$said" >"$tmp/in.jsonl"
expect 0 score "$model" "$tmp/in.jsonl"
[ "$(wc -l <"$tmp/out")" = 2 ] || fail "not one line a request"
has "$tmp/out" '"id": "a"' '"scores": [{"answer": ' '"logprob": -' '"token_logprobs": [' '"best": 0' '"id": "b"'
head -n 1 "$tmp/out" | grep -qF "\"tokens\": $ids" || echo "(the text came from other tokens: not compared)"
expect 0 score "$model" "$tmp/in.jsonl" -o "$tmp/scores.jsonl" --chunk 1 --threads 3
cp "$tmp/scores.jsonl" "$tmp/other"
expect 0 score "$model" "$tmp/in.jsonl"
cmp -s "$tmp/out" "$tmp/other" || fail "scores differ with --threads 3 --chunk 1"

expect 0 embed "$model" "$tmp/in.jsonl"
head -n 1 "$tmp/out" | grep -qE '^\{"id": "a", "embedding": \[-?[0-9.e-]+, ' || fail "no vector: $(head -c 200 "$tmp/out")"
cp "$tmp/out" "$tmp/mean"
expect 0 embed "$model" "$tmp/in.jsonl" --pooling last
cmp -s "$tmp/out" "$tmp/mean" && fail "--pooling last gives the mean"

echo '{"id":1,"prompt":"x"}' >"$tmp/bad.jsonl"
expect 1 score "$model" "$tmp/bad.jsonl"
has "$tmp/out" '"error": "found no answer'
echo '{"id":1,"prompt":"x","answers":[3]}' >"$tmp/bad.jsonl"
expect 1 score "$model" "$tmp/bad.jsonl"
expect 2 embed "$model" "$tmp/in.jsonl" --pooling max
expect 2 score "$model" "$tmp/in.jsonl" --temp 1
finish
