#!/bin/sh
# Builds the scalar and NEON kernels and kernelcheck with a cross compiler and runs them under qemu-user.
# Twice: for plain ARMv8.0, and with the dot product instructions of ARMv8.2.
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
for f in kernel scalar scalar_int8 roof; do
    "$cross" $flags -O2 -c "$root/src/kernel/$f.c" -o "$build/$f.o"
done
"$cross" $flags -O2 -c "$root/src/base/num.c" -o "$build/num.o"
[ $# -gt 0 ] || set -- --quick
for arch in armv8-a armv8.2-a+dotprod; do
    "$cross" $flags -O3 -march=$arch -c "$root/src/kernel/arm/neon.c" -o "$build/neon.o"
    "$cross" $flags -O2 -static -DVLM_TEST_DATA="\"$root/tests/data\"" "$root/tests/kernelcheck/kernelcheck.c" "$build"/*.o -lm -o "$build/kernelcheck"
    echo "$arch"
    qemu-aarch64 "$build/kernelcheck" "$@"
done
