#!/bin/sh
# tokenize, detokenize and render: round trips, both forms of each, and bad lines.
set -u
vlm=$1 root=$2
. "$(dirname "$0")/lib.sh"

printf 'Hello, w\303\266rld!\n  two lines <|im_end|> \001' >"$tmp/text"
expect_in "$tmp/text" 0 tokenize "$model"
is_json_lines "$tmp/out"
cp "$tmp/out" "$tmp/ids"
expect_in "$tmp/ids" 0 detokenize "$model"
cmp -s "$tmp/out" "$tmp/text" || fail "detokenize does not undo tokenize: $(cat "$tmp/out")"

# what looks like a control token is text, unless --special
printf '<|im_end|>' >"$tmp/control"
expect_in "$tmp/control" 0 tokenize "$model"
[ "$(tr -cd , <"$tmp/out" | wc -c)" -gt 0 ] || fail "text became a control token: $(cat "$tmp/out")"
expect_in "$tmp/control" 0 tokenize "$model" --special
[ "$(tr -cd , <"$tmp/out" | wc -c)" = 0 ] || fail "--special did not find the control token: $(cat "$tmp/out")"

printf '"a"\n""\n"\\u0000 \\ud83d\\ude00"\n' >"$tmp/lines"
expect_in "$tmp/lines" 0 tokenize "$model" --jsonl
[ "$(sed -n 2p "$tmp/out")" = "[]" ] || fail "empty text gives $(sed -n 2p "$tmp/out")"
cp "$tmp/out" "$tmp/ids"
expect_in "$tmp/ids" 0 detokenize "$model" --jsonl
[ "$(sed -n 1p "$tmp/out")" = '"a"' ] || fail "line 1: $(sed -n 1p "$tmp/out")"
has "$tmp/out" '"\u0000 '
is_json_lines "$tmp/out"
expect_in /dev/null 0 tokenize "$model"
[ "$(cat "$tmp/out")" = "[]" ] || fail "no text gives $(cat "$tmp/out")"

bad() {
  printf '%s\n' "$2" >"$tmp/bad"
  expect_in "$tmp/bad" 1 "$1" "$model" --jsonl
  has "$tmp/err" "standard input: line 1"
}
for line in 1 '[' '"a' '"\ud800"' '{}' 'null'; do bad tokenize "$line"; done
for line in '"a"' '[-1]' '[1.5]' '["a"]' '[99999999999]' '[1,' '[2147483647]' '{}'; do bad detokenize "$line"; done
deep=$(printf '%0100d' 0 | tr 0 '[')
bad detokenize "$deep"
has "$tmp/err" "nested deeper than 64"

cat >"$tmp/m.json" <<'END'
[{"role":"system","content":"Be brief."},
 {"role":"user","content":[{"type":"text","text":"Hi <|im_end|>"}]}]
END
expect 0 render "$model" --messages "$tmp/m.json"
has "$tmp/out" "Be brief." "Hi <|im_end|>"
cp "$tmp/out" "$tmp/prompt"
expect 0 render "$model" --messages "$tmp/m.json" --no-generation-prompt
[ "$(wc -c <"$tmp/out")" -lt "$(wc -c <"$tmp/prompt")" ] || fail "--no-generation-prompt changes nothing"
expect 0 render "$model" --messages "$tmp/m.json" --json
has "$tmp/out" '"prompt": "' '"ids": ['
is_json_lines "$tmp/out"
cp "$tmp/out" "$tmp/object"
{ printf '{"messages":'; tr -d '\n' <"$tmp/m.json"; printf '}\n'; } >"$tmp/m.jsonl"
expect 0 render "$model" --jsonl "$tmp/m.jsonl"
cmp -s "$tmp/out" "$tmp/object" || fail "--jsonl and --messages --json differ"

# tools, members that only templates know, and templates that want texts: as jinja2 renders them
mkdir "$tmp/other"
cp "$model/tokenizer.json" "$model/tokenizer_config.json" "$tmp/other/"
cat >"$tmp/other/chat_template.jinja" <<'END'
{%- if tools %}{% for t in tools %}{{ t.function.name }}:{{ t | tojson }} {% endfor %}{% endif %}
{% for m in messages %}<{{ m.role }}>{{ m.content or '-' }}{% for c in m.tool_calls or [] %}[{{ c.function.name }} {{
c.function.arguments | tojson }}]{% endfor %}{{ m.name }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}
END
cat >"$tmp/m.json" <<'END'
[{"role":"user","content":"Weather <image>?"},{"role":"assistant","content":null,
 "tool_calls":[{"function":{"name":"w","arguments":{"x":1.5,"y":[1,null,true]}}}]},
 {"role":"tool","name":"w","content":[{"type":"text","text":"sun"}]}]
END
echo '[{"type":"function","function":{"name":"w","description":"é <b>"}}]' >"$tmp/t.json"
expect 0 render "$tmp/other" --messages "$tmp/m.json" --tools "$tmp/t.json"
[ "$(cat "$tmp/out")" = 'w:{"type": "function", "function": {"name": "w", "description": "é <b>"}} <user>Weather <image>?'\
'<assistant>-[w {"x": 1.5, "y": [1, null, true]}]<tool>sunw<assistant>' ] || fail "tools: $(cat "$tmp/out")"
{ printf '{"tools":[],"messages":'; tr -d '\n' <"$tmp/m.json"; printf '}\n'; } >"$tmp/m.jsonl"
expect 0 render "$tmp/other" --jsonl "$tmp/m.jsonl" --tools "$tmp/t.json"
has "$tmp/out" '{"prompt": "<user>Weather'
expect 1 render "$model" --messages "$tmp/missing.json" --tools "$tmp/t.json"
expect 1 render "$tmp/other" --messages "$tmp/m.json" --tools "$tmp/m.jsonl"
has "$tmp/err" m.jsonl
echo '{"prompt":"a","suffix":"b"}' >"$tmp/m.jsonl"
expect 1 render "$model" --jsonl "$tmp/m.jsonl"
has "$tmp/err" suffix

bad_messages() {
  printf '%s' "$1" >"$tmp/bad.json"
  expect 1 render "$model" --messages "$tmp/bad.json"
  has "$tmp/err" "bad.json"
}
bad_messages ''
bad_messages '{}'
bad_messages '[]'
bad_messages '[1]'
bad_messages '[{"role":"user"}]'
bad_messages '[{"role":"user","content":null}]'
has "$tmp/err" "messages[0] has null as content"
bad_messages '[{"role":"user","content":7}]'
bad_messages '[{"role":1,"content":"a"}]'
bad_messages '[{"role":"user","content":[{"type":"audio","path":"a.wav"}]}]'
bad_messages '[{"role":"user","content":[{"type":"video"}]}]'
bad_messages '[{"role":"user","content":[{"type":"pdf","path":"a.pdf","pages":"3-1"}]}]'
bad_messages '[{"role":"user","content":[{"type":"pdf","path":"a.pdf","dpi":0}]}]'
bad_messages '[{"role":"user","content":[{"type":"video","path":"a.gif","fps":"1"}]}]'
bad_messages '[{"role":"user","content":[{"type":"video","path":"a.gif","max_frames":257}]}]'
bad_messages '[{"role":"user","content":null}]'
bad_messages '[{"role":"user","content":5}]'
bad_messages '[{"role":"user","content":[5]}]'
bad_messages '[{"role":"user","content":[null]}]'
bad_messages '[{"role":"user"}]'
bad_messages '[{"role":"user","content":[{"type":"image_url","image_url":"http://a"}]}]'
bad_messages '[{"role":"user","content":[{"type":"image"}]}]'
bad_messages '[{"role":"user","content":[{"text":"a"}]}]'
bad_messages '[{"role":"user","content":"a","content":"b"}]'
expect 1 render "$model" --messages "$tmp/missing.json"

finish
