#!/bin/sh
# Builds the document generator as a shared object for Python: build_docgen.sh OUT.so
set -e
cd "$(dirname "$0")/../.."
out=${1:-build/libdocgen.so}
mkdir -p "$(dirname "$out")"
gcc -std=gnu11 -O3 -g -shared -fPIC -fvisibility=default -D_GNU_SOURCE -ffp-contract=off -Wall -Wextra -Iinclude -Isrc \
    src/docgen/*.c src/base/mem.c src/base/buf.c src/base/rng.c src/base/status.c src/base/utf8.c \
    $(pkg-config --cflags --libs freetype2) -lm -o "$out"
