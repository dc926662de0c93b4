#!/bin/sh
# vlm and llama.cpp on the same GGUF file, in turn: medians of REPS runs of each, tokens a second.
#
#     THREADS=1 REPS=5 PROMPT=512 GEN=64 beside.sh VLM PEER MODEL.gguf [MMPROJ.gguf]
#
# One thread is timed by the processor (vlm bench --cpu-time), several by the clock.
# PEER is peer.cpp built as README.md says (PEER_LIBS set).  Both keep keys and values in F16; the first
# run of each warms up and does not count.
set -eu
vlm=$1 peer=$2 model=$3 mmproj=${4:-}
threads=${THREADS:-1} prompt=${PROMPT:-512} gen=${GEN:-64}
cpu=
[ "$threads" = 1 ] && cpu=--cpu-time
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

median() { sort -g "$1" | awk '{ v[NR] = $1 } END { printf "%8.2f (%.2f .. %.2f)", (v[int((NR + 1) / 2)] + v[int(NR / 2 + 1)]) / 2, v[1], v[NR] }'; }

for i in $(seq "${REPS:-5}"); do
  "$vlm" bench "$model" ${mmproj:+--mmproj "$mmproj"} --threads "$threads" $cpu --kv f16 --chunk 512 --prompt "$prompt" \
    --gen "$gen" --reps 1 --json | tr '{' '\n' >"$tmp/run"
  for test in prompt generate; do
    grep "\"test\": \"$test\"" "$tmp/run" | sed 's/.*_per_s": \([0-9.]*\).*/\1/' >>"$tmp/vlm.$test"
    grep "\"test\": \"$test\"" "$tmp/run" | sed 's/.*_of_roof": \([0-9.]*\).*/\1/' >>"$tmp/part.$test"
  done
  "$peer" bench "$model" "$threads" "$prompt" "$gen" >"$tmp/run" 2>/dev/null
  cut -d' ' -f1 "$tmp/run" >>"$tmp/peer.prompt"
  cut -d' ' -f2 "$tmp/run" >>"$tmp/peer.generate"
done
echo "$(basename "$model"), $threads threads, prompt $prompt, generate $gen, ${REPS:-5} runs each, load $(cut -d' ' -f1 /proc/loadavg)"
for test in prompt generate; do
  echo "  $test: vlm $(median "$tmp/vlm.$test"), $(median "$tmp/part.$test") of its limit; llama.cpp $(median "$tmp/peer.$test")"
done
