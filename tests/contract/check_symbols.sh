#!/bin/sh
# check_symbols.sh LIBVLM.A LIBVLM.SO INCLUDE: what the library promises about its symbols.
#  1. every global symbol of the archive begins with vlm_
#  2. none of our objects asks for a function that exits, prints, reads the environment, has hidden
#     state or touches the process
#  3. no object has writable data: no mutable globals
#  4. the shared library exports exactly what the public headers declare with VLM_API
set -eu
archive=$1 shared=$2 include=$3
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0
report() { # title, file with one finding a line
  if [ -s "$2" ]; then
    echo "$1:"
    sed 's/^/  /' "$2"
    failed=1
  fi
}

nm -A --defined-only -g "$archive" >"$tmp/defined" 2>/dev/null
[ "$(wc -l <"$tmp/defined")" -gt 50 ] || { echo "$archive: too few symbols to be the library"; exit 1; }
awk '$NF !~ /^vlm_/ { print }' "$tmp/defined" >"$tmp/prefix"
report "global symbols without vlm_" "$tmp/prefix"

forbidden='exit|_exit|_Exit|quick_exit|abort|atexit|printf|vprintf|puts|putchar|fputs|fprintf|vfprintf|perror|stdout|stderr'
forbidden="$forbidden|__printf_chk|__fprintf_chk|__vprintf_chk|__vfprintf_chk|getenv|secure_getenv|setenv|putenv"
forbidden="$forbidden|rand|srand|rand_r|random|drand48|strtok|setlocale|signal|sigaction|raise|kill|system|popen|fork"
forbidden="$forbidden|localtime|gmtime|ctime|asctime|strerror|tmpnam|chdir|umask|fesetround|feenableexcept"
nm -A -u "$archive" 2>/dev/null | awk -v f="^($forbidden)\$" '{ s = $NF; sub(/@.*/, "", s);
  if ($0 ~ /:os_child\.c\.o:/ && s ~ /^(fork|kill|sigaction)$/) next # decoders run in children, and only there
  if (s ~ f) print }' >"$tmp/calls"
report "calls the library must not make" "$tmp/calls"

size -A "$archive" | awk '/ex .*\.a\)?:$|^[^ ]+\.o / { object = $1 }
  $1 ~ /^\.(data|bss|tdata|tbss)(\.|$)/ && $1 !~ /^\.data\.rel\.ro/ && $2 > 0 { print object, $1, $2 " bytes" }' >"$tmp/data"
nm -A "$archive" 2>/dev/null | awk '$(NF - 1) == "C" { print }' >>"$tmp/data"
report "writable data" "$tmp/data"

nm -D --defined-only "$shared" | awk '$2 != "A" { s = $NF; sub(/@.*/, "", s); print s }' | sort -u >"$tmp/exported"
# a declaration's first function-like name is the function; callbacks in its arguments are not
cat "$include"/*.h | grep -v '^#' | tr '\n' ' ' | grep -o 'VLM_API [^;]*;' | sed 's/^VLM_API [^(]*\b\(vlm_[a-z0-9_]*\) *(.*/\1/' |
  sort -u >"$tmp/declared"
[ "$(wc -l <"$tmp/declared")" -gt 20 ] || { echo "$include: too few declarations"; exit 1; }
comm -13 "$tmp/declared" "$tmp/exported" >"$tmp/more"
report "exported, not in a public header" "$tmp/more"
comm -23 "$tmp/declared" "$tmp/exported" >"$tmp/less"
report "declared, not exported" "$tmp/less"

echo "$(wc -l <"$tmp/defined") global symbols, $(wc -l <"$tmp/exported") exported"
exit $failed
