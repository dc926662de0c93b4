#!/bin/sh
# check_install.sh BUILD OUTSIDE CC VERSION ROOT [CXX]: installs into an empty prefix, moves it, and builds
# programs that know nothing of this tree, with pkg-config (shared and static) and with CMake: one that
# prints the version, the examples with the command in their head comments, and the README's program.
set -eu
build=$1 outside=$2 cc=$3 version=$4 root=$5 cxx=${6:-}
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
for header in "$root"/include/*.h; do
  find "$prefix" -name "$(basename "$header")" | grep -q . || { echo "$header is not installed"; exit 1; }
done
$cc -std=c99 -Wall -Werror "$outside/outside.c" $(pkg-config --cflags --libs vlm) -o "$tmp/shared"
check "pkg-config, shared" "$tmp/shared"
$cc -std=c99 -Wall -Werror "$outside/outside.c" $(pkg-config --cflags vlm) "$lib/libvlm.a" \
  $(pkg-config --static --libs-only-l vlm | sed 's/-lvlm//') -pthread -o "$tmp/static"
LD_LIBRARY_PATH= check "pkg-config, static" "$tmp/static"
cmake -S "$outside" -B "$tmp/cmake" -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$prefix" \
  -DEXAMPLES="$root/examples" ${cxx:+-DCMAKE_CXX_COMPILER="$cxx"} >"$tmp/log" 2>&1 &&
  cmake --build "$tmp/cmake" >>"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
check "CMake, shared" "$tmp/cmake/outside"
check "CMake, static" "$tmp/cmake/outside_static"
for program in outside_ask ${cxx:+outside_cpp_vlm outside_cpp_vlm_static}; do
  "$tmp/cmake/$program" "$tmp/none" x y >/dev/null 2>"$tmp/err" && exit 1
  grep -q none "$tmp/err" || { cat "$tmp/err"; exit 1; }
  echo "CMake: $program"
done
# the build line of each example, as it stands there; cc and c++ are the build's own compilers
cp "$root"/examples/*.c "$root"/examples/*.cpp "$tmp/"
for example in "$tmp"/*.c "$tmp"/*.cpp; do
  line=$(sed -n 's/^[ *\/]* \(\(cc\|c++\) .*pkg-config.*\)$/\1/p' "$example" | head -1)
  [ -n "$line" ] || continue
  case $line in "c++ "*) [ -n "$cxx" ] || continue; line="$cxx ${line#c++ }" ;; *) line="$cc ${line#cc }" ;; esac
  (cd "$tmp" && eval "$line -Wall -Werror") || { echo "$example: its build line fails: $line"; exit 1; }
  echo "built: $line"
done
for program in ask ask_cpp; do # they run: an error in one line for a model that is not there
  [ -x "$tmp/$program" ] || continue
  ! "$tmp/$program" "$tmp/none" x y >/dev/null 2>"$tmp/err" && grep -q none "$tmp/err" || { cat "$tmp/err"; exit 1; }
done
[ -x "$tmp/ask" ] && [ -x "$tmp/score" ]

# the README's program: its first block of C, built with the line that follows it
awk '/^```c$/ { on = 1; next } on && /^```$/ { exit } on' "$root/README.md" >"$tmp/app.c"
grep -q vlm_session_sync "$tmp/app.c" || { echo "README.md: no program"; exit 1; }
line=$(sed -n 's/^cc \(app\.c .*pkg-config.*\)$/\1/p' "$root/README.md" | head -1)
(cd "$tmp" && eval "$cc -Wall -Wextra -Werror $line -o app") || { echo "README.md: its program does not build"; exit 1; }
if [ -d "$root/models/pocket" ] && [ -x "$build/vlm" ]; then
  picture=$root/tests/data/golden/mixed-shards/wide/wide.png
  (cd "$tmp" && ./app "$root/models/pocket" "$picture" "What is the total?") >"$tmp/said"
  "$build/vlm" run "$root/models/pocket" --image "$picture" -p "What is the total?" >"$tmp/expected"
  tr -d '\n' <"$tmp/expected" >"$tmp/expected1"
  tr -d '\n' <"$tmp/said" | cmp -s - "$tmp/expected1" || { echo "README.md: its program says"; cat "$tmp/said"; exit 1; }
  echo "README.md: its program answers as the command"
fi
if [ -x "$prefix/bin/vlm" ]; then
  "$prefix/bin/vlm" --version | grep -q "$version"
  for f in man/man1/vlm.1 man/man1/vlm-run.1 bash-completion/completions/vlm zsh/site-functions/_vlm \
    fish/vendor_completions.d/vlm.fish; do
    [ -s "$prefix/share/$f" ] || { echo "not installed: share/$f"; exit 1; }
  done
  echo "command: $("$prefix/bin/vlm" --version | head -1)"
fi
