#!/bin/sh
# Wrong usage is exit status 2: one line and the hint.  Help and the like are 0.
set -u
vlm=$1 root=$2
. "$(dirname "$0")/lib.sh"

for verb in run chat batch score embed tokenize detokenize render trace tiles inspect plan bench quantize make-docs show limits completion man version help; do
  expect 0 $verb --help
  has "$tmp/out" "usage: vlm $verb" "Options:" "Examples:"
  case $(tail -n 1 "$tmp/out") in *vlm*) ;; *) fail "help of $verb does not end with examples" ;; esac
done
expect 0 --help
expect 0 help
expect 0 help run
expect 0 --version
expect 0 version --json
has "$tmp/out" '"version"' '"commit"' '"compiler"' '"isa"' '"libraries"' '"scalar"'
is_json_lines "$tmp/out"
expect 0 limits --json
has "$tmp/out" '"IMAGES": 16' '"JSON_DEPTH": 64'
is_json_lines "$tmp/out"
expect 0 --threads 2 --json limits

expect 2
has "$tmp/out" "vlm run " "vlm chat " "vlm help"
for verb in quantize serve score embed nonsense ''; do
  expect 2 "$verb"
done
expect 2 --nonsense
expect 2 run
expect 2 run --nonsense -p x
expect 2 run --temperature 1 -p x
has "$tmp/err" "like --temp"
expect 2 run -p
expect 2 run -p x --json=yes
expect 2 run -p x --messages "$tmp/m.json"
expect 2 run one two three
expect 2 run --image a.png --messages m.json
expect 2 run --image - -p -
expect 2 batch
expect 2 batch a b c
expect 2 tokenize
expect 2 render "$model"
expect 2 render "$model" --messages a --jsonl b
expect 2 trace "$model" -p x
expect 2 trace -p x --out "$tmp/t"
expect 2 trace "$model" -p x --ids 1 --out "$tmp/t"
expect 2 trace "$model" --ids 1 --image a.png --out "$tmp/t"
for value in '' 0 -1 x 1x 99999999999; do
  for option in --gen --prompt --sessions --image; do expect 2 bench "$model" $option "$value"; done
done
expect 2 bench "$model" --depth x
expect 2 bench "$model" --against "$model" --against-isa scalar
expect 2 bench "$model" --against-repack --against-isa scalar
expect 2 tiles
expect 2 tiles a.png b.png c.png
expect 2 tiles a.png b.png --video c.gif
for size in 0x1 1x0 1 x 1x1x1 -1x1 1x16385 99999x1 ''; do expect 2 plan "$model" --image "$size"; done
expect 2 limits more
expect 2 completion
expect 2 completion tcsh
expect 2 completion bash zsh
expect 2 man nonsense
expect 2 run -p x --choices 2 --parallel 2
expect 2 make-docs --kind nonsense "$tmp/d"
expect 2 make-docs "$tmp/d"
for value in "" nan -0.1 1.1 x; do expect 2 make-docs --kind label --strength "$value" "$tmp/d"; done

# Every number: not a number, empty, NaN, infinite, negative, with blanks; then each beyond its range.
# One parser serves all: the forms are tried on one option of each type.
for option in --seed --temp --max-memory; do
  for value in '' ' 1' '1 ' abc nan inf 0x10 1e999 99999999999999999999999 -1 '1;2'; do
    expect 2 run -p x $option "$value"
  done
  expect 2 run -p x $option=
done
beyond() {
  option=$1
  shift
  for value in "$@"; do expect 2 run -p x "$option=$value"; done
}
beyond --threads 0 257
beyond --chunk 0 65537
beyond --max-tiles 0 1025
beyond --ctx 0 1048577
beyond -n -1 1048577
beyond --max-tokens 1.5 +1
beyond --top-k -1 1048577
beyond --logprobs 21
beyond --choices 0 257
beyond --seed 1.5 18446744073709551616
beyond --temp 100.1 -0.1
beyond --top-p 1.01 -0.1
beyond --min-p 1.01 -0.1
beyond --repeat-penalty 0 101
beyond --fps 0 1001
beyond --max-frames 0 257
beyond --dpi 0 2401
beyond --max-memory 0 1X 1KK K 99999999999G
for pair in --kv=q8 --kv=q5_1 --kv= --detail=middle --log=loud --isa=nonsense --stop= --pages=0 --pages=2-1 --pages=1, --pages=a --pages=; do
  expect 2 run -p x "$pair"
done
expect 2 run -p x --stop "$(printf '%0257d' 0)"
set --
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do set -- "$@" --stop "$i"; done
expect 2 run -p x "$@"

finish
