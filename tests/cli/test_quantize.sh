#!/bin/sh
# quantize: files that run as the source does, the table and --json, and what is refused: nothing of
# a refused one stays behind.
set -u
vlm=$1 root=$2
. "$(dirname "$0")/lib.sh"
mkdir "$tmp/d"
out=$tmp/d/m.gguf

left() { # names in the folder, in one line
  ls -A "$tmp/d" | tr '\n' ' '
}
nothing_left() {
  [ -z "$(left)" ] || fail "$1 left $(left)"
}

expect 0 run "$model" -p "Hello <image> 12" -n 8 --json
sed 's/"text".*"tokens": \(\[[^]]*\]\).*/\1/' "$tmp/out" | grep -o '\[[0-9, ]*\]' >"$tmp/ids"
expect 0 quantize "$model" "$out" --type f32
has "$tmp/out" "blk.0.attn_q.weight [72, 48]" "v.patch_embd.weight [60, 3, 8, 8]" "$out: " "mmproj-m.gguf: " "error 0"
[ "$(left)" = "m.gguf mmproj-m.gguf " ] || fail "written: $(left)"
expect 0 run "$out" -p "Hello <image> 12" -n 8 --json
sed 's/"text".*"tokens": \(\[[^]]*\]\).*/\1/' "$tmp/out" | grep -o '\[[0-9, ]*\]' | cmp -s - "$tmp/ids" ||
  fail "the F32 file answers otherwise"

# the same bytes with other threads; a file that is there stays without --force
cp "$out" "$tmp/first"
expect 1 quantize "$model" "$out" --type f32
has "$tmp/err" "m.gguf: found a file, expected nothing"
expect 0 quantize "$model" "$out" --type f32 --force --threads 3
cmp -s "$out" "$tmp/first" || fail "other bytes with three threads"
rm "$out"
expect 1 quantize "$model" "$out" --type f32
has "$tmp/err" "mmproj-m.gguf: found a file"
[ "$(left)" = "mmproj-m.gguf " ] || fail "the text model alone was written: $(left)"

# from GGUF, back over itself, and --json
cp "$tmp/first" "$out"
expect 0 quantize "$out" "$tmp/q.gguf" --type Q8_0 --vision-type q8_0 --mmproj-out "$tmp/tower.gguf" --json
has "$tmp/out" '"text": {"path": ' '"vision": {"path": ' '"tensors": [{"name": "token_embd.weight", "file": "text", "type": "F16"' \
  '"shape": [386, 48]' '"weighted": false'
expect 0 run "$tmp/q.gguf" --mmproj "$tmp/tower.gguf" --image "$root/tests/data/golden/page_1536x1152.png" -p Hello -n 4
expect 1 quantize "$out" "$out" --type q8_0 --force
has "$tmp/err" "found the model that is read, expected another name"
expect 1 quantize "$out" "$tmp/d/mmproj-m.gguf" --type q8_0 --force --mmproj-out "$tmp/d/x"
has "$tmp/err" "found the model that is read"
cmp -s "$out" "$tmp/first" || fail "the source was changed"
rm "$tmp/d"/*
cp -r "$model" "$tmp/dir"
for name in model.safetensors config.json tokenizer.json; do
  expect 1 quantize "$tmp/dir" "$tmp/dir/$name" --type q8_0 --force --mmproj-out "$tmp/d/x"
  has "$tmp/err" "$name: found the model that is read"
done
diff -r "$model" "$tmp/dir" >"$tmp/diff" || fail "the source was changed: $(cat "$tmp/diff")"

# usage
expect 2 quantize "$model" "$out"
has "$tmp/err" "--type: found 'nothing', expected one of f32, f16, bf16, q8_0"
expect 2 quantize "$model" "$out" --type q4_x
expect 2 quantize "$model" "$out" --type q8_0 --vision-type q4_k_m
expect 2 quantize "$model" --type q8_0
expect 2 quantize "$model" "$out" more --type q8_0
nothing_left usage

# places that cannot be written, sources that cannot be read
expect 1 quantize "$model" "$tmp/none/m.gguf" --type q8_0
expect 1 quantize "$model" "$tmp/d" --type q8_0 --force --mmproj-out "$tmp/d/x"
expect 1 quantize "$model" "$tmp/d/" --type q8_0
expect 1 quantize "$model" /dev/null --type q8_0 --force --mmproj-out "$tmp/d/x"
expect 1 quantize "$model" "$out" --type q8_0 --mmproj-out "$out"
expect 1 quantize "$model" "$out" --type q8_0 --importance "$tmp/none"
expect 1 quantize "$model" "$out" --type q8_0 --importance "$tmp/first"
has "$tmp/err" "general.type is 'model', expected 'imatrix'"
expect 1 quantize "$tmp/none" "$out" --type q8_0
head -c 100000 "$tmp/first" >"$tmp/cut.gguf"
expect 1 quantize "$tmp/cut.gguf" "$out" --type q8_0
nothing_left "a refused call"

# inputs that matter: gathered from requests, kept, used again for the same bytes
if [ -f "$root/models/pocket/model.safetensors" ]; then
  printf '{"prompt":"Hello"}\n\n{"prompt":"What is the price?"}\n' >"$tmp/in.jsonl"
  expect 0 quantize "$root/models/pocket" "$out" --type q4_0 --calibrate "$tmp/in.jsonl" --json
  has "$tmp/out" '"weighted": true'
  [ "$(left)" = "imatrix-m.gguf m.gguf mmproj-m.gguf " ] || fail "written: $(left)"
  cp "$out" "$tmp/first"
  expect 0 quantize "$root/models/pocket" "$out" --type q4_0 --importance "$tmp/d/imatrix-m.gguf" --force --threads 2
  cmp -s "$out" "$tmp/first" || fail "the kept importance gives other bytes"
  expect 0 quantize "$root/models/pocket" "$out" --type q4_0 --force
  cmp -s "$out" "$tmp/first" && fail "importance changed nothing"
  rm "$tmp/d"/*
  printf '{"prompt":"Hello"}\n{"prompt":3}\n' >"$tmp/in.jsonl"
  expect 1 quantize "$root/models/pocket" "$out" --type q4_0 --calibrate "$tmp/in.jsonl"
  has "$tmp/err" "in.jsonl: line 2"
  nothing_left "a bad request"
fi
expect 1 quantize "$model" "$out" --type q8_0 --calibrate "$tmp/none"
expect 2 quantize "$model" "$out" --type q8_0 --calibrate "$tmp/in.jsonl" --importance "$tmp/in.jsonl"

# a full disk: one line, nothing left
(
  trap '' XFSZ
  ulimit -f 100
  expect 1 quantize "$model" "$out" --type f32
  has "$tmp/err" "cannot write"
  [ "$failures" = 0 ]
) || fail "a full disk"
nothing_left "a full disk"
finish
