#!/bin/sh
# check_install.sh BUILD OUTSIDE CC VERSION: installs into an empty prefix, moves it, and builds a program
# that knows nothing of this tree, with pkg-config (shared and static) and with CMake.
set -eu
build=$1 outside=$2 cc=$3 version=$4
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cmake --install "$build" --prefix "$tmp/first" >"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
mv "$tmp/first" "$tmp/moved"
prefix=$tmp/moved
lib=$(dirname "$(find "$prefix" -name libvlm.so | head -1)")
[ -f "$lib/libvlm.a" ] && [ -f "$lib/pkgconfig/vlm.pc" ] && [ -f "$lib/cmake/vlm/vlmConfig.cmake" ]
export PKG_CONFIG_PATH="$lib/pkgconfig"
export LD_LIBRARY_PATH="$lib"

check() { # name, program
  said=$("$2")
  [ "$said" = "vlm $version" ] || { echo "$1 said '$said', expected 'vlm $version'"; exit 1; }
  echo "$1: $said"
}
[ "$(pkg-config --modversion vlm)" = "$version" ]
$cc -std=c99 -Wall -Werror "$outside/outside.c" $(pkg-config --cflags --libs vlm) -o "$tmp/shared"
check "pkg-config, shared" "$tmp/shared"
$cc -std=c99 -Wall -Werror "$outside/outside.c" $(pkg-config --cflags vlm) "$lib/libvlm.a" \
  $(pkg-config --static --libs-only-l vlm | sed 's/-lvlm//') -pthread -o "$tmp/static"
LD_LIBRARY_PATH= check "pkg-config, static" "$tmp/static"
cmake -S "$outside" -B "$tmp/cmake" -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$prefix" >"$tmp/log" 2>&1 &&
  cmake --build "$tmp/cmake" >>"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
check "CMake, shared" "$tmp/cmake/outside"
check "CMake, static" "$tmp/cmake/outside_static"
if [ -x "$prefix/bin/vlm" ]; then
  "$prefix/bin/vlm" --version | grep -q "$version"
  echo "command: $("$prefix/bin/vlm" --version | head -1)"
fi
