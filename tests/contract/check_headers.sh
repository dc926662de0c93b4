#!/bin/sh
# check_headers.sh INCLUDE CC [CXX]: each public header compiles alone, twice included, as C99, C11 and
# C++11, without a warning.
set -eu
include=$1 cc=$2 cxx=${3:-}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
flags="-Wall -Wextra -Wpedantic -Werror -I$include -c -o /dev/null"
n=0
for header in "$include"/*.h; do
  name=$(basename "$header")
  printf '#include "%s"\n#include "%s"\nint main(void) { return 0; }\n' "$name" "$name" >"$tmp/one.c"
  cp "$tmp/one.c" "$tmp/one.cc"
  for std in c99 c11; do
    $cc -std=$std -Wstrict-prototypes $flags "$tmp/one.c"
    n=$((n + 1))
  done
  if [ -n "$cxx" ]; then
    for std in c++11 c++17; do
      $cxx -std=$std $flags "$tmp/one.cc"
      n=$((n + 1))
    done
  fi
done
[ -n "$cxx" ] || echo "skip: headers as C++, no C++ compiler"
lines=$(wc -l <"$include/vlm.h")
if [ "$lines" -gt 400 ]; then
  echo "vlm.h has $lines lines, at most 400 are promised"
  exit 1
fi
echo "$n compilations"
