#!/bin/sh
# What is made of the tables: completion scripts, tried in the shells that are here; manual pages,
# read by the formatters that are here; and styles, which only a terminal gets.
set -u
vlm=$1 root=$2 pty=${3:-}
. "$(dirname "$0")/lib.sh"
verbs=$("$vlm" completion bash | sed -n "s/^      _vlm_words '\(run .*\) --help --version' ;;/\1/p")
[ -n "$verbs" ] || fail "the completion for bash names no verbs"

# ---- completion
for shell in bash zsh fish; do
  expect 0 completion $shell
  cp "$tmp/out" "$tmp/vlm.$shell"
  if command -v $shell >/dev/null; then
    $shell -n "$tmp/vlm.$shell" || fail "$shell does not read its completion"
  else
    echo "skip: completion in $shell, which is not here"
  fi
done
mkdir "$tmp/d" "$tmp/d/a model"
: >"$tmp/d/a page.png"
: >"$tmp/d/m.gguf"
: >"$tmp/d/notes.txt"
# completes EXPECTED WORDS...: what bash offers for the last word, in one line
completes() {
  want=$1
  shift
  got=$(cd "$tmp/d" && bash -c '
    . "$0"
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _vlm 2>/dev/null
    [ ${#COMPREPLY[@]} -eq 0 ] || printf "%s|" "${COMPREPLY[@]}"' "$tmp/vlm.bash" "$@")
  case $got in $want) ;; *) fail "completion of '$*' is '$got', expected '$want'" ;; esac
}
if command -v bash >/dev/null; then
  completes 'run|render|' vlm r
  completes '*run|*help|--help|--version|' vlm ''
  completes 'f32|f16|bf16|q8_0|q4_0|' vlm run --kv ''
  completes 'f16|' vlm run --kv = f1
  completes '*avx2|*' vlm run --isa av
  completes '*receipt|*' vlm make-docs --kind ''
  completes 'q8_0|' vlm quantize a b --type q8
  completes '--temp|' vlm run --tem
  completes '--temp|' vlm --threads 2 run --tem
  completes '' vlm inspect --tem
  completes '' vlm run --temp ''
  completes 'a page.png|a model|' vlm run 'a '
  completes '*m.gguf|*' vlm run --image ''
  completes 'a model|m.gguf|pocket|' vlm inspect ''
  completes 'a model|' vlm trace --out ''
  completes 'bash|zsh|fish|' vlm completion ''
  completes 'batch|' vlm help ba
fi
# the types that quantize offers are those it takes
"$vlm" quantize a b --type none 2>&1 | sed -n 's/.*expected one of //p' | tr -d , >"$tmp/types"
grep -qF -- "--type) _vlm_words '$(cat "$tmp/types")'" "$tmp/vlm.bash" || fail "types of quantize: $(cat "$tmp/types")"
if command -v fish >/dev/null; then
  got=$(cd "$tmp/d" && HOME=$tmp fish -c "source $tmp/vlm.fish; complete -C 'vlm run --kv '" 2>/dev/null | cut -f1 | tr '\n' '|')
  [ "$got" = 'bf16|f16|f32|q4_0|q8_0|' ] || fail "fish offers '$got' for --kv"
fi

# ---- manual pages: one a verb, as its help
expect 0 man --out "$tmp/man1"
[ "$(ls "$tmp/man1" | wc -l)" = $(($(echo "$verbs" | wc -w) + 1)) ] || fail "not a page a verb: $(ls "$tmp/man1")"
expect 0 man run
cmp -s "$tmp/out" "$tmp/man1/vlm-run.1" || fail "man run prints another page than it writes"
expect 0 man
cmp -s "$tmp/out" "$tmp/man1/vlm.1" || fail "man prints another page than it writes"
has "$tmp/man1/vlm-run.1" '.SH EXAMPLES' '\-\-json\-schema' '.SH EXIT STATUS'
if command -v mandoc >/dev/null; then
  for page in "$tmp/man1"/*; do
    complaints=$(mandoc -Tlint -W warning "$page" 2>&1) || fail "mandoc: $complaints"
  done
else
  echo "skip: manual pages in mandoc, which is not here"
fi
if command -v groff >/dev/null; then
  for page in "$tmp/man1"/*; do
    complaints=$(groff -ww -man -Tutf8 "$page" 2>&1 >"$tmp/page")
    [ -z "$complaints" ] || fail "groff: $complaints"
    [ -s "$tmp/page" ] || fail "groff makes nothing of $page"
  done
else
  echo "skip: manual pages in groff, which is not here"
fi

# ---- styles
escape=$(printf '\033')
expect 0 help
grep -q "$escape" "$tmp/out" && fail "styles outside a terminal"
if [ -n "$pty" ]; then
  : >"$tmp/steps"
  got=0
  TERM=xterm NO_COLOR= "$pty" "$tmp/steps" "$vlm" help >"$tmp/screen" || got=$?
  if [ $got = 77 ]; then
    echo "skip: styles on a terminal, there is none"
  else
    grep -q "$escape" "$tmp/screen" || fail "no styles on a terminal"
    TERM=xterm NO_COLOR=1 "$pty" "$tmp/steps" "$vlm" help >"$tmp/screen"
    grep -q "$escape" "$tmp/screen" && fail "styles in spite of NO_COLOR"
    TERM=dumb "$pty" "$tmp/steps" "$vlm" help >"$tmp/screen"
    grep -q "$escape" "$tmp/screen" && fail "styles on a dumb terminal"
  fi
fi
finish
