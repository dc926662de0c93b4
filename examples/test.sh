#!/bin/sh
# test.sh NAME PROGRAMS LIBRARY VLM ROOT [sanitized]: runs one example on the pocket model and compares it
# with the command.
set -u
name=$1 programs=$2 library=$3 vlm=$4 root=$5 sanitized=${6:-}
model=$root/models/pocket
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
question="What is the price?"
pages=
if "$vlm" make-docs --kind label --seed 7 --count 2 "$tmp" >/dev/null 2>&1; then
  pages="$tmp/label-7.png $tmp/label-8.png"
fi
pages="$root/tests/data/golden/page_1536x1152.png $pages"
for page in $pages; do :; done # the last of them

same() { # what, expected file, found file
  cmp -s "$2" "$3" && return
  echo "$1: expected"
  cat "$2"
  echo "found"
  cat "$3"
  exit 1
}

# said FILE...: what the command says to the question about each picture
said() {
  for picture; do
    "$vlm" run "$model" --image "$picture" -p "$question" -n 200 || exit 1
  done
}

case $name in
ask | cpp)
  program=$programs/example_$name
  said "$page" >"$tmp/expected"
  "$program" "$model" "$page" "$question" >"$tmp/found" || exit 1
  same "$name" "$tmp/expected" "$tmp/found"
  "$program" "$model" "$tmp/none.png" "$question" >/dev/null 2>"$tmp/err" && exit 1
  grep -q "none.png" "$tmp/err" || exit 1 # one line that names the file
  ;;
batch)
  for picture in $pages; do
    printf '%s: %s\n' "$picture" "$(said "$picture")"
  done | sort >"$tmp/expected"
  # shellcheck disable=SC2086 # a list
  "$programs/example_batch" "$model" "$question" $pages >"$tmp/found" || exit 1
  sort "$tmp/found" >"$tmp/sorted"
  tr -s ' ' <"$tmp/expected" >"$tmp/expected2" # $(...) and the answer's own first space
  tr -s ' ' <"$tmp/sorted" >"$tmp/sorted2"
  same batch "$tmp/expected2" "$tmp/sorted2"
  ;;
chat)
  printf '/image %s\n%s\nAnd the name?\n' "$page" "$question" >"$tmp/in"
  "$programs/example_chat" "$model" <"$tmp/in" >"$tmp/found" || exit 1
  said "$page" >"$tmp/expected"
  first=$(sed 's/["\\]/\\&/g' "$tmp/expected")
  cat >"$tmp/messages.json" <<J
[{"role":"user","content":[{"type":"image","path":"$page"},{"type":"text","text":"$question"}]},
 {"role":"assistant","content":"$first"},{"role":"user","content":"And the name?"}]
J
  "$vlm" run "$model" --messages "$tmp/messages.json" >>"$tmp/expected" || exit 1
  same chat "$tmp/expected" "$tmp/found"
  ;;
extract)
  echo '{"type":"object","properties":{"name":{"type":"string","maxLength":20},"price":{"type":"number","minimum":0,"maximum":999}},
    "required":["name","price"],"additionalProperties":false}' >"$tmp/schema.json"
  "$programs/example_extract" "$model" "$page" "$tmp/schema.json" >"$tmp/found" || exit 1
  "$vlm" run "$model" --image "$page" -p "Write what is on the page as JSON." --json-schema "$tmp/schema.json" -n 1024 \
    >"$tmp/expected" || exit 1
  same extract "$tmp/expected" "$tmp/found"
  grep -qE '^ ?\{"name": ?".*", ?"price": ?[0-9.]+\}$' "$tmp/found" || { cat "$tmp/found"; exit 1; }
  echo '{"not":{}}' >"$tmp/schema.json"
  "$programs/example_extract" "$model" "$page" "$tmp/schema.json" >/dev/null 2>&1 && exit 1
  ;;
score)
  "$programs/example_score" "$model" "$page" "$question" yes "not on the page" no >"$tmp/found" || exit 1
  printf '{"images":["%s"],"prompt":"%s","answers":["yes","not on the page","no"]}\n' "$page" "$question" >"$tmp/in.jsonl"
  "$vlm" score "$model" "$tmp/in.jsonl" >"$tmp/scores" || exit 1
  grep -o '"logprob": *[-0-9.e]*' "$tmp/scores" | sed 's/.*: *//' | awk '{ printf "%.4f\n", $1 }' >"$tmp/expected"
  sed -n '1,3s/ .*//p' "$tmp/found" | awk '{ printf "%.4f\n", $1 }' >"$tmp/sums"
  [ "$(wc -l <"$tmp/expected")" = 3 ] || { cat "$tmp/scores"; exit 1; }
  same score "$tmp/expected" "$tmp/sums"
  grep -q '^best: ' "$tmp/found" || exit 1
  ;;
python)
  command -v python3 >/dev/null || { echo "skip: vlm.py, python3 is missing"; exit 77; }
  [ -z "$sanitized" ] || { echo "skip: vlm.py, a sanitizer's library in Python"; exit 77; }
  "$programs/example_layout" >"$tmp/expected"
  python3 "$root/examples/vlm.py" --layout >"$tmp/found" || exit 1
  same "vlm.py's structs" "$tmp/expected" "$tmp/found"
  said "$page" >"$tmp/expected"
  python3 "$root/examples/vlm.py" "$library" "$model" "$page" "$question" >"$tmp/found" || exit 1
  same vlm.py "$tmp/expected" "$tmp/found"
  [ "$(wc -l <"$root/examples/vlm.py")" -le 60 ] || { echo "vlm.py has grown over 60 lines"; exit 1; }
  ;;
esac
echo "$name: as the command"
