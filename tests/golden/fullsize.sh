#!/bin/sh
# Full-size checkpoints with random weights: each opens and answers about a 1536x1152 page, with a peak
# memory of no more than its weight files + 0.8 GB.  Not part of make test (18 GB of files).
#
#     fullsize.sh VLM CHECKPOINTS [NAME...]      NAME: 256M 500M 2.2B-BF16 2.2B-F32
#
# CHECKPOINTS/NAME is made by tools/make_checkpoint.py (Python with numpy) where it is missing.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
vlm=${1:?usage: fullsize.sh VLM CHECKPOINTS [NAME...]}
dir=${2:?usage: fullsize.sh VLM CHECKPOINTS [NAME...]}
shift 2
[ $# -gt 0 ] || set -- 256M 500M 2.2B-BF16 2.2B-F32
python=${PYTHON:-python3}
page=$root/tests/data/golden/page_1536x1152.png
room=800000000
status=0
mkdir -p "$dir"

number() { # of a JSON field, from standard input
    grep -o "\"$1\": *[0-9.]*" | head -n 1 | grep -o '[0-9.]*$'
}

for name; do
    case $name in
    *-BF16) type=BF16 ;;
    *) type=F32 ;;
    esac
    if [ ! -f "$dir/$name/config.json" ]; then
        "$python" "$root/tools/make_checkpoint.py" "${name%-*F*}" "$dir/$name" --type $type || exit 1
    fi
    weights=$(wc -c "$dir/$name"/*.safetensors | awk 'END { print $1 }')
    out=$("$vlm" run "$dir/$name" --image "$page" -p "What is the total?" -n 8 --json) || {
        echo "FAILED $name: vlm run ended with $?"
        status=1
        continue
    }
    peak=$(echo "$out" | number peak_rss_bytes)
    tokens=$(echo "$out" | number completion_tokens)
    over=$((peak - weights))
    verdict=ok
    if [ "$over" -gt $room ] || [ "$tokens" -lt 1 ]; then
        verdict=FAILED
        status=1
    fi
    echo "$verdict $name: file $weights, peak $peak: $over over the file (room $room);" \
        "$(echo "$out" | number prompt_tokens) prompt tokens, $tokens generated, vision" \
        "$(echo "$out" | number vision_ms) ms, prefill $(echo "$out" | number prefill_ms) ms, decode" \
        "$(echo "$out" | number decode_ms) ms"
done
exit $status
