#!/bin/sh
# Bad input is exit status 1 with one line that names the file; nothing half-written stays behind.
set -u
vlm=$1 root=$2
. "$(dirname "$0")/lib.sh"
picture=$root/tests/data/golden/page_1536x1152.png

names() { has "$tmp/err" "$1"; }

# Waits, a minute at most, until the file has a line.
wait_for_line() {
  tries=0
  while [ ! -s "$1" ] && [ $tries -lt 600 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  [ -s "$1" ] || fail "nothing arrived in $1"
}

# pictures
echo "no picture" >"$tmp/text.jpg"
: >"$tmp/empty.png"
head -c 2000 "$picture" >"$tmp/cut.png"
for f in text.jpg empty.png cut.png missing.png; do
  expect 1 run "$model" --image "$tmp/$f" -p x
  names "$f"
  expect 1 tiles "$model" "$tmp/$f"
  names "$f"
done
expect 1 run "$model" --image "$tmp" -p x
mkfifo "$tmp/fifo.png"
expect 1 run "$model" --image "$tmp/fifo.png" -p x
expect_in "$tmp/text.jpg" 1 run "$model" --image - -p x
names "standard input"
set --
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do set -- "$@" --image "$picture"; done
expect 2 run "$model" -p x "$@"

# models
mkdir "$tmp/none"
expect 1 run "$tmp/none" -p x
names none
expect 1 run "$tmp/missing/model" -p x
names missing
expect 1 run "$tmp/text.jpg.gguf" -p x
cp -r "$model" "$tmp/model"
rm -f "$tmp/model"/*.safetensors*
expect 1 run "$tmp/model" -p x
names "$tmp/model"
expect_in /dev/null 0 tokenize "$tmp/model" # needs no weights
cp "$model"/*.safetensors "$tmp/model/"
for f in "$tmp/model"/*.safetensors; do
  size=$(wc -c <"$f")
  head -c $((size - 1)) "$f" >"$tmp/short" && cp "$tmp/short" "$f"
done
expect 1 inspect "$tmp/model"
names safetensors

# batch and standard output
printf '{"prompt":"x"}\n' >"$tmp/in.jsonl"
expect 1 batch "$model" "$tmp/in.jsonl" -o "$tmp/no/such/dir/out.jsonl"
expect 1 batch "$model" "$tmp/in.jsonl" -o "$tmp"
expect 1 batch "$model" "$tmp"
if [ -w /dev/full ]; then
  got=0
  "$vlm" run "$model" -p x -n 2 >/dev/full 2>"$tmp/err" || got=$?
  check 1 "vlm run >/dev/full"
  got=0
  "$vlm" limits >/dev/full 2>"$tmp/err" || got=$?
  check 1 "vlm limits >/dev/full"
fi

# contexts and budgets
expect 1 run "$model" -p "a longer question than that" --ctx 4
expect 1 run "$model" -p x --max-memory 1K
find "$tmp" -name '.*partial*' | grep -q . && fail "half-written files were left: $(find "$tmp" -name '.*partial*')"

# a model that shrinks while it is mapped: one line, no signal
cp "$model"/*.safetensors "$tmp/model/"
mkfifo "$tmp/shrink"
"$vlm" batch "$tmp/model" - -n 4 <"$tmp/shrink" >"$tmp/out" 2>"$tmp/err" &
pid=$!
exec 9>"$tmp/shrink"
echo '{"id":1,"prompt":"x"}' >&9
wait_for_line "$tmp/out"
for f in "$tmp/model"/*.safetensors; do : >"$f"; done
echo '{"id":2,"prompt":"x"}' >&9
exec 9>&-
got=0
wait $pid || got=$?
check 1 "vlm batch on a model that shrinks"
has "$tmp/err" "changed while in use"

# Ctrl-C: status 130, and what was answered is kept, also in a file that is otherwise written at the end
interrupt() {
  kill -INT $pid
  got=0
  wait $pid || got=$?
}
mkfifo "$tmp/fifo"
"$vlm" batch "$model" - -n 4 -o "$tmp/kept.jsonl" <"$tmp/fifo" >"$tmp/out" 2>"$tmp/err" &
pid=$!
exec 9>"$tmp/fifo"
echo '{"id":1,"prompt":"x"}' >&9
wait_for_line "$tmp/.kept.jsonl.partial-$pid"
interrupt # while it waits for the next line
exec 9>&-
check 130 "vlm batch, interrupted while reading"
[ "$(wc -l <"$tmp/kept.jsonl")" = 1 ] || fail "the answer before Ctrl-C was lost"
while echo '{"prompt":"x"}'; do :; done 2>/dev/null >"$tmp/fifo" &
feeder=$!
"$vlm" batch "$model" - -n 3000 <"$tmp/fifo" >"$tmp/out" 2>"$tmp/err" &
pid=$!
wait_for_line "$tmp/out"
interrupt # while it answers
kill $feeder 2>/dev/null
wait $feeder 2>/dev/null
check 130 "vlm batch, interrupted while answering"
tail -n 1 "$tmp/out" | grep -q '"isa": "[a-z0-9]*"}$' || fail "the last line of batch is cut"
find "$tmp" -name '.*partial*' | grep -q . && fail "half-written files were left after Ctrl-C"
finish
