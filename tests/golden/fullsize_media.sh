#!/bin/sh
# Full-size GGUF files with random weights and tower: each answers about a page, a 3-page PDF and a clip
# of 60 seconds, and says what that takes.  Not part of make test (5 GB of files; minutes to an hour).
#
#     fullsize_media.sh VLM MODEL.gguf MMPROJ.gguf [page pages clip]
#
# The files are those of mkgguf.py (shapes of SmolVLM2-500M and -2.2B); OPTIONS is handed to vlm run.
set -u
here=$(cd "$(dirname "$0")" && pwd)
data=$here/../data
vlm=${1:?usage: fullsize_media.sh VLM MODEL MMPROJ [page pages clip]}
model=${2:?usage: fullsize_media.sh VLM MODEL MMPROJ [page pages clip]}
mmproj=${3:?usage: fullsize_media.sh VLM MODEL MMPROJ [page pages clip]}
shift 3
[ $# -gt 0 ] || set -- page pages clip
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0

number() { # of a JSON field
    grep -o "\"$1\": *[0-9.]*" "$tmp/out" | head -n 1 | grep -o '[0-9.]*$'
}

for what; do
    case $what in
    page) input="--image $data/golden/page_1536x1152.png" ;;
    pages) input="--pdf $data/media/three-pages.pdf --pages 1-3" ;;
    clip)
        /usr/bin/ffmpeg -v error -f lavfi -i testsrc2=size=640x360:rate=24:duration=60 -pix_fmt yuv420p \
            "$tmp/clip.mp4" </dev/null || exit 1
        input="--video $tmp/clip.mp4"
        ;;
    *) exit 2 ;;
    esac
    # shellcheck disable=SC2086
    "$vlm" run "$model" --mmproj "$mmproj" $input -p "What is this?" -n 8 --json ${OPTIONS:-} >"$tmp/out" || {
        echo "FAILED $what: vlm run ended with $?"
        status=1
        continue
    }
    [ "$(number completion_tokens)" -ge 1 ] || status=1
    echo "$what: $(number prompt_tokens) prompt tokens, $(number image_tokens) of pictures; preprocess" \
        "$(number preprocess_ms) ms, vision $(number vision_ms) ms, prefill $(number prefill_ms) ms, decode" \
        "$(number decode_ms) ms for $(number completion_tokens) tokens; peak $(number peak_rss_bytes) bytes, files" \
        "$(cat "$model" "$mmproj" | wc -c)"
done
exit $status
