#!/bin/sh
# Runs the levels with AVX-512 and VNNI on machines that have AVX2 only: their files are compiled against
# tests/kernelcheck/avx512/immintrin.h, where each instruction is a function in plain C.  What it cannot
# show is what the compiler makes of the real intrinsics; kernelcheck does on machines that have them.
# Usage: run_avx512.sh [kernelcheck options]; CC names another compiler, BUILD a folder for the results.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cc=${CC:-cc}
if ! grep -q avx2 /proc/cpuinfo 2>/dev/null || [ "$(uname -m)" != x86_64 ]; then
    echo "SKIPPED kernelcheck of AVX-512 without it: needs AVX2"
    exit 0
fi
build=${BUILD:-$(mktemp -d)}
[ -n "${BUILD:-}" ] || trap 'rm -rf "$build"' EXIT
flags="-std=gnu11 -w -Wno-psabi -fno-math-errno -fno-trapping-math -ffp-contract=off -I$root/src" # the build warns
jobs=""
compile() { # FILE options..
    file=$1
    shift
    $cc $flags "$@" -c "$file" -o "$build/$(basename "$file" .c).o" &
    jobs="$jobs $!"
}
for f in "$root"/src/kernel/*.c; do
    compile "$f" -O2 -include "$root/tests/kernelcheck/avx512/every_level.h"
done
compile "$root/src/base/num.c" -O2
compile "$root/tests/kernelcheck/kernelcheck.c" -O2 "-DVLM_TEST_DATA=\"$root/tests/data\""
for f in "$root"/src/kernel/x86/*.c; do
    vectors="-mavx2 -mfma -mf16c"
    emulate="-O1 -isystem $root/tests/kernelcheck/avx512"
    case $f in
    *avx512*vnni* | *avxvnni*) compile "$f" $vectors $emulate -DEMULATE_VNNI ;;
    *avx512*) compile "$f" $vectors $emulate ;;
    *) compile "$f" $vectors -O3 ;;
    esac
done
for job in $jobs; do
    wait "$job"
done
$cc "$build"/*.o -lm -o "$build/kernelcheck"
[ $# -gt 0 ] || set -- --quick
"$build/kernelcheck" "$@"
