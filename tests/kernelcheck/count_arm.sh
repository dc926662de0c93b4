#!/bin/sh
# Instructions of a product on AArch64, counted by qemu-user one by one, per 1000 multiply-adds:
# the difference between doing it once and twice.
# Usage: count_arm.sh FOLDER, where run_arm.sh left its objects (BUILD=FOLDER run_arm.sh).
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
set --
for o in "$build"/*.o; do
    case $o in */kernelcheck.o) ;; *) set -- "$@" "$o" ;; esac
done
"${CROSS:-aarch64-linux-gnu-gcc}" -O2 -static -I"$root/src" "$root/tests/kernelcheck/count.c" "$@" -lm -o "$build/count"
lines() { # every instruction a block of its own, every block a line of the log
    qemu-aarch64 -cpu max -singlestep -d exec,nochain -D /dev/stdout "$build/count" "$@" | wc -l
}
columns=32 length=256
echo "level type rows instructions/1000 multiply-adds"
for level in neon neon-dotprod neon-i8mm; do
    for type in Q4_0 Q8_0 Q4_K Q6_K; do
        for rows in 1 4 48; do
            once=$(lines $level $type $rows $columns $length 1)
            twice=$(lines $level $type $rows $columns $length 2)
            echo "$level $type $rows $(((twice - once) * 1000 / (rows * columns * length)))"
        done
    done
done
