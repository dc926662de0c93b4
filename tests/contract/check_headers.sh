#!/bin/sh
# check_headers.sh INCLUDE CC [CXX]: each public header compiles alone, twice included, as C99, C11,
# C++11 and C++17, without a warning; with the build's compilers and with gcc and clang where they are.
set -eu
include=$1
compilers="$2 gcc clang" cxx_compilers="${3:-} g++ clang++"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
flags="-Wall -Wextra -Wpedantic -Werror -I$include -c -o /dev/null"
n=0 n_cxx=0
for header in "$include"/*.h; do
  name=$(basename "$header")
  printf '#include "%s"\n#include "%s"\nint main(void) { return 0; }\n' "$name" "$name" >"$tmp/one.c"
  cp "$tmp/one.c" "$tmp/one.cc"
  for std in c99 c11; do
    for cc in $compilers; do
      command -v "$cc" >/dev/null || continue
      $cc -std=$std -Wstrict-prototypes $flags "$tmp/one.c"
      n=$((n + 1))
    done
  done
  for std in c++11 c++17; do
    for cxx in $cxx_compilers; do
      command -v "$cxx" >/dev/null || continue
      $cxx -std=$std $flags "$tmp/one.cc"
      n_cxx=$((n_cxx + 1))
    done
  done
done
[ "$n_cxx" -gt 0 ] || echo "skip: headers as C++, no C++ compiler"
# the program in the comment at the top of vlm.h
{
  printf '#include <stdio.h>\n#include <vlm.h>\nint main(void)\n{\n'
  sed -n '/^ \*     vlm_error err;/,/vlm_engine_close/s/^ \*     //p' "$include/vlm.h" | sed 's,//.*,,'
  printf 'return 0;\nfail:\nreturn 1;\n}\n'
} >"$tmp/top.c"
grep -q vlm_session_next "$tmp/top.c" || { echo "vlm.h: no program at its top"; exit 1; }
$2 -std=c99 $flags "$tmp/top.c"
lines=$(wc -l <"$include/vlm.h")
if [ "$lines" -gt 440 ]; then
  echo "vlm.h has $lines lines, at most 440 are promised"
  exit 1
fi
[ "$n" -ge 6 ]
echo "$n compilations as C, $n_cxx as C++"
