#!/bin/sh
# Clips, pages, several files and several turns.  GIF files and directories of frames always run; what
# needs ffmpeg or pdftoppm is listed when it is missing.
set -u
vlm=$1 root=$2
. "$(dirname "$0")/lib.sh"
picture=$root/tests/data/golden/page_1536x1152.png
field() { sed -n "s/.*\"$1\": \([^,}]*\).*/\1/p" "$tmp/out"; }
tokens() { sed -n 's/.*"tokens": \(\[[^]]*\]\).*/\1/p' "$tmp/out"; }
is() { [ "$(field "$1")" = "$2" ] || fail "$1 is $(field "$1"), expected $2"; }

# frames of one size in a directory: the page scaled by `tiles`
"$vlm" tiles "$model" "$picture" --out "$tmp/frames" >/dev/null || fail "no frames"
rm -f "$tmp/frames/tile-005.png"
n=$(ls "$tmp/frames" | wc -l)
[ "$n" = 4 ] || fail "$n frames, expected 4"

# all frames are taken, at 24 a second; each takes as many tokens as one tile
expect 0 run "$model" --video "$tmp/frames" -p "What?" -n 4 --json
is image_tokens 64
one=$(tokens)
expect 0 run "$model" --video "$tmp/frames" -p "What?" -n 4 --json --threads 3 --chunk 7
[ "$(tokens)" = "$one" ] || fail "a video answers otherwise with other threads and chunks"
expect 0 tiles "$model" "$tmp/frames" --json --out "$tmp/out.d"
has "$tmp/out" '"page": null, "frame": 4, "tile": 1' '"box": [0.0, 0.0, 64.0, 64.0]' '"file": "frame-004.png"'
[ "$(ls "$tmp/out.d" | wc -l)" = 4 ] || fail "frames were not written"

# the prompt is the reference's: words for the number, the clip's length, each frame's time
cp -r "$tmp/frames" "$tmp/clip"
echo '[{"role":"user","content":[{"type":"video","path":"clip"},{"type":"text","text":"What?"}]}]' >"$tmp/m.json"
expect 0 render "$model" --messages "$tmp/m.json"
[ "$(cat "$tmp/out")" = '<|im_start|>User: <video>What?<end_of_utterance>
Assistant:' ] || fail "a prompt with a video: $(cat "$tmp/out")"
expect 0 run "$model" --messages "$tmp/m.json" -n 4 --json
[ "$(tokens)" = "$one" ] || fail "messages with a video ask something else"
expect 0 trace "$model" --video "$tmp/frames" -p "What?" --out "$tmp/trace" --only pixels --only prompt_ids
head -c 200 "$tmp/trace/pixels.npy" | grep -q '(4, 3, 64, 64)' || fail "pixels of a video have another shape"

# any order; each part where it stands
expect 0 run "$model" --image "$picture" --video "$tmp/frames" --image "$tmp/frames/tile-001.png" -p "What?" -n 2 --json
mixed=$(field image_tokens)
expect 0 run "$model" --video "$tmp/frames" "$picture" "$tmp/frames/tile-001.png" -p "What?" -n 2 --json
is image_tokens "$mixed"
expect 0 run "$model" "$tmp/frames/tile-001.png" --video "$tmp/frames" "What?" -n 2 --json
a=$(tokens)
cat >"$tmp/m.json" <<'END'
[{"role":"user","content":[{"type":"image","path":"frames/tile-001.png"},{"type":"video","path":"frames"},
  {"type":"text","text":"What?"}]}]
END
expect 0 run "$model" --messages "$tmp/m.json" -n 2 --json
[ "$(tokens)" = "$a" ] || fail "bare arguments and options are not in the order given"

# a clip is no picture, and the reverse is one clear line
expect 1 run "$model" --image "$tmp/frames" -p x
expect 1 run "$model" --video "$tmp/missing" -p x
has "$tmp/err" missing
mkdir "$tmp/empty"
expect 1 run "$model" --video "$tmp/empty" -p x
has "$tmp/err" empty
expect 1 run "$model" --pdf "$picture" -p x
expect 1 run "$model" --pdf "$tmp/missing.pdf" -p x
has "$tmp/err" missing.pdf

# batch: what a line has seen is not looked at again, in a later line and in another place
cat >"$tmp/in.jsonl" <<'END'
{"id":1,"images":["frames/tile-001.png"],"prompt":"What?"}
{"id":2,"images":["frames/tile-001.png"],"prompt":"Where?"}
{"id":3,"messages":[{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"image","path":"frames/tile-001.png"}]}]}
{"id":4,"images":[{"type":"video","path":"frames"}],"prompt":"What?"}
END
expect 0 batch "$model" "$tmp/in.jsonl" -n 2
ms() { sed -n "$1p" "$tmp/out" | sed 's/.*"vision_ms": \([0-9.]*\).*/\1/'; }
[ "$(ms 1)" != 0.0 ] || fail "nothing was encoded"
for line in 2 3; do
  [ "$(ms $line)" = 0.0 ] || fail "line $line of the batch encoded its picture again: $(ms $line) ms"
done
sed -n 2p "$tmp/out" | grep -q '"cached_tokens": 0' && fail "line 2 of the batch read its picture again"
sed -n 4p "$tmp/out" | grep -q '"image_tokens": 64' || fail "a video in a batch line"

# encoded pictures on disk: the second program does not encode, and says the same
expect 0 run "$model" "$picture" "What?" -n 4 --json --feature-dir "$tmp/features"
a=$(tokens)
[ "$(ms 1)" != 0.0 ] || fail "nothing was encoded"
expect 0 run "$model" "$picture" "What?" -n 4 --json --feature-dir "$tmp/features"
[ "$(ms 1)" = 0.0 ] || fail "the picture was encoded again: $(ms 1) ms"
[ "$(tokens)" = "$a" ] || fail "a picture from --feature-dir is another"
expect 1 run "$model" "$picture" "What?" --feature-dir "$picture"
has "$tmp/err" "expected one"

# pictures in a sandbox are the same pictures
expect 0 run "$model" "$picture" "What?" -n 4 --json
a=$(tokens)
expect 0 run "$model" "$picture" "What?" -n 4 --json --sandbox
[ "$(tokens)" = "$a" ] || fail "a sandboxed picture is another"
expect_in "$picture" 0 run "$model" - "What?" -n 4 --json --sandbox
[ "$(tokens)" = "$a" ] || fail "a sandboxed picture from standard input is another"
echo "no picture" >"$tmp/bad.png"
expect 1 run "$model" "$tmp/bad.png" "What?" --sandbox
has "$tmp/err" bad.png

expect 0 plan "$model" --image 1536x1152 --image 64x64 --json
has "$tmp/out" '"images": [{"size": [1536, 1152], "rows": 2, "cols": 2, "tiles": 5, "tokens": 80}, {"size": [64, 64]'

# PDF: three pages of one word each
if [ -x /usr/bin/pdftoppm ] && [ -x /usr/bin/pdfinfo ]; then
  pdf=$root/tests/data/media/three-pages.pdf
  expect 0 run "$model" --pdf "$pdf" -p "What?" -n 2 --json
  is image_tokens 240
  expect 0 run "$model" "$pdf" --pages 1-2 "What?" -n 2 --json
  is image_tokens 160
  a=$(tokens)
  expect 0 run "$model" --pdf "$pdf" --pages 1 --pdf "$pdf" --pages 2 -p "What?" -n 2 --json
  [ "$(tokens)" = "$a" ] || fail "pages one by one are not the pages 1-2"
  expect 0 run "$model" --pages 1,2 --pdf "$pdf" -p "What?" -n 2 --json
  [ "$(tokens)" = "$a" ] || fail "--pages before --pdf"
  cp "$pdf" "$tmp/a.pdf"
  cat >"$tmp/in.jsonl" <<'END'
{"id":1,"images":["a.pdf"],"pages":"1-2","prompt":"What?"}
{"id":2,"messages":[{"role":"user","content":[{"type":"pdf","path":"a.pdf","pages":"1-2"},{"type":"text","text":"What?"}]}]}
{"id":3,"images":["a.pdf"],"pages":"2","prompt":"And?"}
{"id":4,"images":["a.pdf"],"pages":"4","prompt":"And?"}
END
  expect 1 batch "$model" "$tmp/in.jsonl" -n 2
  [ "$(sed -n 1p "$tmp/out" | sed 's/.*"tokens": \(\[[^]]*\]\).*/\1/')" = "$a" ] || fail "pages in a batch line"
  [ "$(sed -n 2p "$tmp/out" | sed 's/.*"tokens": \(\[[^]]*\]\).*/\1/')" = "$a" ] || fail "pages in a batch line's messages"
  [ "$(ms 3)" = 0.0 ] || fail "a page was encoded again"
  sed -n 4p "$tmp/out" | grep -q '"error": "' || fail "a page that is not there"
  expect 0 tiles "$model" "$pdf" --pages 2-3 --json
  has "$tmp/out" '"page": 2, "frame": null, "tile": 1' '"page": 3, "frame": null, "tile": 5'
  grep -q '"page": 1,' "$tmp/out" && fail "page 1 was not asked for"
  expect 0 tiles "$model" "$pdf" --dpi 72 --detail low
  expect 1 tiles "$model" "$pdf" --pages 4
  has "$tmp/err" "page 4"
else
  echo "skip: PDF files, pdftoppm or pdfinfo is not installed (poppler-utils)"
fi

# clips
if [ -x /usr/bin/ffmpeg ] && [ -x /usr/bin/ffprobe ]; then
  /usr/bin/ffmpeg -v error -f lavfi -i testsrc=size=96x64:rate=10:duration=6 -pix_fmt yuv420p "$tmp/a.avi" </dev/null ||
    fail "no clip was made"
  expect 0 run "$model" "$tmp/a.avi" "What?" -n 2 --json
  is image_tokens 96
  expect 0 run "$model" --video "$tmp/a.avi" --fps 2 --max-frames 5 -p "What?" -n 2 --json
  is image_tokens 80
  expect 0 tiles "$model" "$tmp/a.avi" --max-frames 2
  head -c 300 "$tmp/a.avi" >"$tmp/cut.avi"
  expect 1 run "$model" "$tmp/cut.avi" "What?"
  has "$tmp/err" cut.avi
else
  echo "skip: clips, ffmpeg or ffprobe is not installed"
fi
finish
