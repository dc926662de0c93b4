#!/bin/sh
# vlm plan beside what vlm run takes: total_bytes against peak_rss_bytes of a run whose prompt fills the
# context, over contexts, types of keys and values, and pictures.  One line a cell; fails beyond PERCENT.
# A system that maps whole folios of the page cache (Linux from 6.18) makes resident what lies around the
# weights that are read, if the file was just written: a peak may be higher by the weights that are not.
#
#     plan_matrix.sh VLM MODEL [MMPROJ.gguf]
#     CTX="512 2048" KV="f32 f16 bf16" PICTURES="0 1 2" PERCENT=5 THREADS=2 plan_matrix.sh vlm 500M
#
# A cell whose pictures do not fit into the context is left out.  Full-size models take minutes a cell.
set -u
here=$(cd "$(dirname "$0")" && pwd)
vlm=${1:?usage: plan_matrix.sh VLM MODEL [MMPROJ]}
model=${2:?usage: plan_matrix.sh VLM MODEL [MMPROJ]}
mmproj=${3:-}
percent=${PERCENT:-5}
tower=${mmproj:+--mmproj $mmproj}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0

number() { # of a JSON field
  grep -o "\"$1\": *[0-9]*" "$2" | head -n 1 | grep -o '[0-9]*$'
}

# the text of N tokens drawn from the whole vocabulary; read again they may be some more
words() {
  awk -v n="$1" -v vocab="$vocab" 'BEGIN { srand(7); for (i = 0; i < n; i++) printf "%s%d", i ? "," : "[", 20 + rand() * (vocab - 80); print "]" }' |
    "$vlm" detokenize "$model" $tower | tr -cd 'a-zA-Z0-9 .,'
}

others() { # bytes of the plan that are not weights
  sum=0
  for field in process_bytes engine_bytes kv_bytes vision_bytes compute_bytes; do
    sum=$((sum + $(number $field "$tmp/plan")))
  done
  echo $sum
}

run() { # WORDS TOKENS
  words "$1" >"$tmp/text"
  "$vlm" run "$model" $pictures -p - -n "$2" $common --json <"$tmp/text" >"$tmp/run" 2>"$tmp/err"
}

cell() { # CTX KV N_PICTURES
  pictures="" sizes=""
  [ "$3" -ge 1 ] && pictures="--image $here/../data/golden/page_1536x1152.png" sizes="--image 1536x1152"
  [ "$3" -ge 2 ] && pictures="$pictures --image $tmp/second.png" sizes="$sizes --image $second"
  common="--ctx $1 --kv $2 --threads ${THREADS:-2} $tower"
  "$vlm" plan "$model" $common $sizes --json >"$tmp/plan" || return 1
  run 1 0 || return 0 # the pictures alone are too many
  base=$(number prompt_tokens "$tmp/run")
  run 41 0 || return 0
  many=$(number prompt_tokens "$tmp/run")
  n=$(((($1 - 2 - base) * 40) / (many - base)))
  while ! run "$n" 0; do n=$((n - n / 50 - 1)); done
  run "$n" 1 || return 1
  awk -v name="$(basename "$model")" -v ctx="$1" -v kv="$2" -v pics="$3" -v used="$(number prompt_tokens "$tmp/run")" \
    -v plan="$(number total_bytes "$tmp/plan")" -v peak="$(number peak_rss_bytes "$tmp/run")" -v percent="$percent" \
    -v weights="$(number weights_bytes "$tmp/plan")" -v rest="$(others)" 'BEGIN {
      unread = weights - (plan - rest)
      if (unread < 0) unread = 0
      off = (plan - peak) / peak * 100
      bad = (off > percent || (plan + unread - peak) / peak * 100 < -percent)
      printf "%-26s %6d %-5s %d pictures %6d used  plan %8.1f MB  peak %8.1f MB  %+6.1f %%%s\n", name, ctx, kv, pics, used,
        plan / 1e6, peak / 1e6, off, (bad ? "  FAILED" : "")
      exit bad }'
}

"$vlm" make-docs --kind invoice --seed 3 --count 1 "$tmp/docs" >/dev/null 2>&1 && mv "$tmp"/docs/*.png "$tmp/second.png"
side() { od -An -tu1 -j"$1" -N4 "$tmp/second.png" | awk '{ print ($1 * 256 + $2) * 65536 + $3 * 256 + $4 }'; }
second=$(side 16)x$(side 20)

"$vlm" inspect "$model" $tower --json >"$tmp/model" || exit 1
vocab=$(number vocab_size "$tmp/model")

for kv in ${KV:-f32 f16 bf16}; do
  for ctx in ${CTX:-512 2048 8192}; do
    for n in ${PICTURES:-0 1 2}; do
      cell "$ctx" "$kv" "$n" || { status=1; [ -s "$tmp/err" ] && cat "$tmp/err"; }
    done
  done
done
exit $status
