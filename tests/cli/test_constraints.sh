#!/bin/sh
# Answers held to a form by --json-schema and --regex, biases and penalties; what is refused.
set -u
vlm=$1 root=$2
. "$(dirname "$0")/lib.sh"

cat >"$tmp/s.json" <<'E'
{"type":"object","properties":{"shop":{"type":"string","maxLength":5},"total":{"type":"integer","minimum":0,"maximum":9}},
 "required":["shop","total"],"additionalProperties":false}
E
expect 0 run "$model" -p Hello --json-schema "$tmp/s.json" -n 200
grep -qE '^ ?\{"shop": ?".{0,60}", ?"total": ?[0-9]\}$' "$tmp/out" || fail "not of the schema's form: $(cat "$tmp/out")"
expect 0 run "$model" -p Hello --json-schema "$tmp/s.json" -n 200 --json --temp 2 --seed 3 --typical-p 0.9 --presence-penalty 0.5
has "$tmp/out" '"finish_reason": "stop"'
expect 0 run "$model" -p Hello --regex '(yes|no), [0-9]{2}'
grep -qE '^(yes|no), [0-9][0-9]$' "$tmp/out" || fail "not of the pattern's form: $(cat "$tmp/out")"
expect 0 run -p Hello --regex '[a-f]{8}' # the model inside the program
grep -qE '^[a-f]{8}$' "$tmp/out" || fail "not of the pattern's form: $(cat "$tmp/out")"

# a batch: each answer of the form, the model and the constraint opened once
printf '%s\n' '{"id":1,"prompt":"a"}' '{"id":2,"prompt":"b"}' >"$tmp/in.jsonl"
expect 0 batch "$model" "$tmp/in.jsonl" --regex '[0-9]{3}'
[ "$(grep -cE '"text": "[0-9]{3}"' "$tmp/out")" = 2 ] || fail "not of the pattern's form: $(cat "$tmp/out")"

# a bias forbids a token; min-tokens keeps an answer from ending
expect 0 run "$model" -p Hello -n 4 --json
first=$(sed -n 's/.*"tokens": \[\([0-9]*\).*/\1/p' "$tmp/out")
expect 0 run "$model" -p Hello -n 4 --json "--logit-bias=$first=-inf" --frequency-penalty 1 --min-tokens 2
grep -qE "\"tokens\": \[([0-9]+, )*$first[],]" "$tmp/out" && fail "a forbidden token was said"

echo '{"not":{}}' >"$tmp/not.json"
expect 1 run "$model" -p Hello --json-schema "$tmp/not.json"
has "$tmp/err" "not.json" "'not'"
expect 1 run "$model" -p Hello --json-schema "$tmp/none.json"
expect 1 run "$model" -p Hello --regex '(?=a)'
expect 2 run "$model" -p Hello --regex 'a' --json-schema "$tmp/s.json"
expect 2 run "$model" -p Hello --logit-bias 'a=1'
expect 1 run "$model" -p Hello --logit-bias '99999999=1'
expect 1 batch "$model" "$tmp/in.jsonl" --regex '('
expect 2 run "$model" -p Hello --typical-p 2
finish
