#!/bin/sh
# Builds the scalar and NEON kernels and kernelcheck with a cross compiler and runs them under qemu-user:
# as a processor that has every level's instructions, and as one that has plain ARMv8.0.
# Usage: run_arm.sh [kernelcheck options]; CROSS names another compiler, BUILD a folder for the results.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cross=${CROSS:-aarch64-linux-gnu-gcc}
if ! command -v "$cross" >/dev/null || ! command -v qemu-aarch64 >/dev/null; then
    echo "SKIPPED kernelcheck on AArch64: needs $cross and qemu-aarch64 (scripts/setup)"
    exit 0
fi
build=${BUILD:-$(mktemp -d)}
[ -n "${BUILD:-}" ] || trap 'rm -rf "$build"' EXIT
flags="-std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
       -fno-math-errno -fno-trapping-math -ffp-contract=off -I$root/src"
for f in "$root"/src/kernel/*.c "$root/src/base/num.c"; do
    "$cross" $flags -O2 -c "$f" -o "$build/$(basename "$f" .c).o"
done
for f in "$root"/src/kernel/arm/*.c; do
    case $f in # as CMakeLists.txt has it
    *i8mm*) arch=armv8.2-a+dotprod+i8mm ;;
    *dotprod*) arch=armv8.2-a+dotprod ;;
    *) arch=armv8-a ;;
    esac
    "$cross" $flags -O3 -march=$arch -c "$f" -o "$build/$(basename "$f" .c).o"
done
"$cross" $flags -O2 -static -DVLM_TEST_DATA="\"$root/tests/data\"" "$root/tests/kernelcheck/kernelcheck.c" "$build"/*.o -lm -o "$build/kernelcheck"
[ $# -gt 0 ] || set -- --quick
qemu-aarch64 -cpu max "$build/kernelcheck" "$@"
if [ "$*" = --quick ]; then
    echo "plain ARMv8.0"
    qemu-aarch64 -cpu cortex-a53 "$build/kernelcheck" "$@" >"$build/plain" || { cat "$build/plain"; exit 1; }
    cat "$build/plain"
    if grep -q neon- "$build/plain"; then
        echo "FAIL: levels that ARMv8.0 does not have"
        exit 1
    fi
fi
