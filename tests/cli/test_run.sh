#!/bin/sh
# run, batch, tiles, inspect, plan on a tiny random checkpoint and on the model inside the program.
set -u
vlm=$1 root=$2
. "$(dirname "$0")/lib.sh"
picture=$root/tests/data/golden/page_1536x1152.png

expect 0 run "$model" -p Hello -n 5 --json
has "$tmp/out" '"model": "' '"text": "' '"tokens": [' '"finish_reason": "' '"usage": {' '"prompt_tokens": ' \
  '"image_tokens": 0' '"text_tokens": ' '"cached_tokens": 0' '"completion_tokens": ' '"timings": {' '"load_ms": ' \
  '"preprocess_ms": ' '"vision_ms": ' '"prefill_ms": ' '"decode_ms": ' '"total_ms": ' '"prefill_tokens_per_s": ' \
  '"decode_tokens_per_s": ' '"memory": {' '"peak_rss_bytes": ' '"weights_bytes": ' '"kv_bytes": ' '"threads": ' '"isa": "'
[ "$(wc -l <"$tmp/out")" = 1 ] || fail "more than one line of JSON"
grep -q logprobs "$tmp/out" && fail "logprobs without being asked for"
is_json_lines "$tmp/out"
text() { sed -n 's/.*"text": "\(\([^"\\]\|\\.\)*\)", "tokens.*/\1/p' "$1"; }
tokens() { sed -n 's/.*"tokens": \(\[[^]]*\]\).*/\1/p' "$1"; }
tokens "$tmp/out" >"$tmp/tokens"

# the same tokens whatever the threads and the chunk, and with logprobs
expect 0 run "$model" -p Hello -n 5 --json --threads 3 --chunk 1 --logprobs 2
[ "$(tokens "$tmp/out")" = "$(cat "$tmp/tokens")" ] || fail "tokens differ with --threads 3 --chunk 1"
has "$tmp/out" '"logprobs": [{"id": ' '"top": [{"id": '
expect 0 run "$model" -p Hello -n 5 --json --temp 0.8 --top-k 50 --top-p 0.9 --min-p 0.01 --seed 7
tokens "$tmp/out" >"$tmp/sampled"
expect 0 run "$model" -p Hello -n 5 --json --temp 0.8 --top-k 50 --top-p 0.9 --min-p 0.01 --seed 7
[ "$(tokens "$tmp/out")" = "$(cat "$tmp/sampled")" ] || fail "the same seed gives other tokens"
expect 0 run "$model" -p Hello -n 0 --json
has "$tmp/out" '"tokens": []' '"finish_reason": "length"'

# pictures: option, bare argument, standard input and messages are the same question
expect 0 run "$model" --image "$picture" -p "What?" -n 4 --json
tokens "$tmp/out" >"$tmp/tokens"
expect 0 run "$model" "$picture" "What?" -n 4 --json
[ "$(tokens "$tmp/out")" = "$(cat "$tmp/tokens")" ] || fail "bare arguments ask something else"
expect_in "$picture" 0 run "$model" --image - -p "What?" -n 4 --json
[ "$(tokens "$tmp/out")" = "$(cat "$tmp/tokens")" ] || fail "a picture from standard input is another"
cp "$picture" "$tmp/a.png"
echo '[{"role":"user","content":[{"type":"image","path":"a.png"},{"type":"text","text":"What?"}]}]' >"$tmp/m.json"
expect 0 run "$model" --messages "$tmp/m.json" -n 4 --json
[ "$(tokens "$tmp/out")" = "$(cat "$tmp/tokens")" ] || fail "messages ask something else"
printf 'What?' >"$tmp/question"
expect_in "$tmp/question" 0 run "$model" --image "$picture" -p - -n 4 --json
[ "$(tokens "$tmp/out")" = "$(cat "$tmp/tokens")" ] || fail "a prompt from standard input is another"

# batch: in order, ids kept, one bad line does not stop the others
cat >"$tmp/in.jsonl" <<'END'
{"id":"a","images":["a.png"],"prompt":"What?","answer":"ignored"}
{"id":2,"prompt":"Hello"}
{"id":{"x":[1]},"images":["missing.png"],"prompt":"Hello"}

not json
{"id":null,"messages":[{"role":"user","content":"Hello"}]}
END
expect 1 batch "$model" "$tmp/in.jsonl" -n 4
[ "$(wc -l <"$tmp/out")" = 5 ] || fail "batch: $(wc -l <"$tmp/out") lines, expected 5"
is_json_lines "$tmp/out"
sed -n 1p "$tmp/out" >"$tmp/line"
has "$tmp/line" '"id": "a"' '"usage": {'
[ "$(tokens "$tmp/line")" = "$(cat "$tmp/tokens")" ] || fail "batch answers otherwise than run"
sed -n 3p "$tmp/out" >"$tmp/line"
has "$tmp/line" '"id": {"x": [1]}' '"error": "' 'missing.png'
sed -n 4p "$tmp/out" >"$tmp/line"
has "$tmp/line" '"id": null' '"error": "' 'line 5'
sed '3,5d' "$tmp/in.jsonl" >"$tmp/good.jsonl"
expect 0 batch "$model" "$tmp/good.jsonl" -n 4 -o "$tmp/out.jsonl"
[ -s "$tmp/out" ] && fail "batch -o wrote to stdout"
[ "$(wc -l <"$tmp/out.jsonl")" = 3 ] || fail "batch -o: lines are missing"
expect 1 batch "$model" "$tmp/good.jsonl" -o "$tmp/good.jsonl"
[ "$(wc -l <"$tmp/good.jsonl")" = 3 ] || fail "batch destroyed its input"
expect 1 batch "$model" "$tmp/missing.jsonl"
expect_in "$tmp/in.jsonl" 1 batch "$model" - -n 1

# lines side by side: the same answers in the same order, each with the options it names
answers() { sed 's/, "usage": .*//' "$1"; }
cat >"$tmp/side.jsonl" <<'END'
{"id":1,"prompt":"Hello"}
{"id":2,"images":["a.png"],"prompt":"What?","max_tokens":3,"temperature":1.5,"seed":4}
{"id":3,"prompt":"Another one","logprobs":2,"stop":["\u0001","zzz"]}
{"id":4,"prompt":"Hello","json_schema":{"type":"boolean"}}
{"id":5,"prompt":"Hello","regex":"[0-9]{3}","choices":2}
{"id":6,"prompt":"Hello"}
END
expect 0 batch "$model" "$tmp/side.jsonl" -n 9 --temp 0.7
is_json_lines "$tmp/out"
answers "$tmp/out" >"$tmp/one-by-one"
for n in 2 4 32; do
  expect 0 batch "$model" "$tmp/side.jsonl" -n 9 --temp 0.7 --parallel $n
  answers "$tmp/out" | cmp -s - "$tmp/one-by-one" || fail "--parallel $n changes answers"
done
sed -n 2p "$tmp/one-by-one" | grep -qE '"tokens": \[[0-9]+, [0-9]+, [0-9]+\]' || fail "max_tokens of a line"
sed -n 3p "$tmp/one-by-one" | grep -q '"logprobs": \[' || fail "logprobs of a line"
sed -n 4p "$tmp/one-by-one" | grep -qE '"text": " ?(true|false)"' || fail "json_schema of a line"
sed -n 5p "$tmp/one-by-one" | grep -qE '"choices": \[\{"text": "[0-9]{3}".*\{"text": "[0-9]{3}"' || fail "choices of a line"
sed -n 1p "$tmp/one-by-one" | sed 's/.*"model"//' >"$tmp/first"
sed -n 6p "$tmp/one-by-one" | sed 's/.*"model"//' | cmp -s - "$tmp/first" || fail "a line's options outlive it"
for member in '"max_tokens":1.5' '"max_tokens":-1' '"temperature":"hot"' '"temperature":101' '"top_p":2' '"stop":[""]' \
  '"stop":7' '"json_schema":7' '"json_schema":{"not":{}}' '"json_schema":"none.json"' '"regex":"("' '"regex":1' \
  '"choices":0' '"choices":257' '"seed":-1'; do
  echo "{\"prompt\":\"Hello\",$member}" >"$tmp/bad.jsonl"
  expect 1 batch "$model" "$tmp/bad.jsonl"
  has "$tmp/out" '"error": "'
done
expect 2 batch "$model" "$tmp/side.jsonl" --parallel 129 --choices 2

# several answers to one question: choice i is what the seed S + i says
expect 0 run "$model" -p Hello -n 5 --temp 1 --seed 7 --choices 3 --json
has "$tmp/out" '"choices": [{"text": "'
is_json_lines "$tmp/out"
grep -o '"tokens": \[[^]]*\]' "$tmp/out" | sed 1d >"$tmp/choices" # without the first, which stands twice
for seed in 7 8 9; do
  expect 0 run "$model" -p Hello -n 5 --temp 1 --seed $seed --json
  grep -o '"tokens": \[[^]]*\]' "$tmp/out"
done >"$tmp/seeds"
cmp -s "$tmp/choices" "$tmp/seeds" || fail "choices are not what their seeds say: $(cat "$tmp/choices" "$tmp/seeds")"
expect 0 run "$model" -p Hello -n 5 --temp 1 --seed 7 --choices 3
has "$tmp/out" '[1] ' '[2] ' '[3] '

# a session in a file: the second question about the page reads only what is new
expect 0 run "$model" "$picture" -n 5 --json -p 'What is it?'
cp "$tmp/out" "$tmp/plain"
expect 0 run "$model" "$picture" -n 5 --json -p 'What is it?' --session "$tmp/page.session"
has "$tmp/out" '"cached_tokens": 0'
expect 0 run "$model" "$picture" -n 5 --json -p 'What is it?' --session "$tmp/page.session"
grep -q '"cached_tokens": 0' "$tmp/out" && fail "nothing of the session was reused"
for out in "$tmp/plain" "$tmp/out"; do grep -o '"text": "[^"]*"' "$out"; done | uniq | wc -l | grep -qx 1 ||
  fail "another answer from a session's file"
printf 'vlm.sess and then nothing that makes sense' >"$tmp/page.session"
expect 1 run "$model" "$picture" -n 5 -p 'What is it?' --session "$tmp/page.session"
has "$tmp/err" 'page.session' 'expected'

expect 0 tiles "$model" "$picture" --json --out "$tmp/tiles"
has "$tmp/out" '{"page": null, "frame": null, "tile": 1,' '"box": [' '"size": [' '"tokens": '
is_json_lines "$tmp/out"
n=$(grep -o '"tile":' "$tmp/out" | wc -l)
[ "$(ls "$tmp/tiles" | wc -l)" = "$n" ] || fail "$n tiles, but $(ls "$tmp/tiles" | wc -l) files"
expect 0 tiles "$model" "$tmp/tiles/tile-001.png" --detail low
expect 0 inspect "$model" --json
has "$tmp/out" '"format": "safetensors"' '"family": "' '"parameters": ' '"context_length": ' '"vocab_size": ' \
  '"tensors": [{"name": "' '"shape": ['
is_json_lines "$tmp/out"
expect 0 inspect "$model" --tensors
expect 0 plan "$model" --ctx 512 --kv f16 --json
has "$tmp/out" '"weights_bytes": ' '"kv_bytes": ' '"vision_bytes": ' '"compute_bytes": ' '"total_bytes": '
expect 0 show "$picture" --width 40

# the model inside the program
if [ -f "$root/models/pocket/model.safetensors" ]; then
  expect 0 run "$picture" "What?" -n 2 --json
  has "$tmp/out" '"model": "pocket"'
  expect 0 inspect pocket --json
else
  echo "skip: the model inside the program, models/pocket has no weights"
fi
finish
