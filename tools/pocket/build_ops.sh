#!/bin/sh
# Builds the operations that training on a CPU takes from C, for this processor: build_ops.sh OUT.so
set -e
cd "$(dirname "$0")/../.."
out=${1:-build/libpocketops.so}
mkdir -p "$(dirname "$out")"
gcc -std=gnu11 -O3 -march=native -shared -fPIC -pthread -Wall -Wextra tools/pocket/ops.c tools/pocket/ops_amx.c -lm -o "$out"
