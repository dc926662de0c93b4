# lib.sh: what the command's tests share.  Sourced as: vlm=$1 root=$2; . "$(dirname "$0")/lib.sh"
# Owns a fresh folder $tmp, removed at the end.  The verdict is the exit status: `finish`.
LC_ALL=C
export LC_ALL
tmp=$(mktemp -d "${TMPDIR:-/tmp}/vlm-cli.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
model=$root/tests/data/golden/gqa-f32/model
failures=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# expect STATUS ARGS...: runs vlm, checks the exit status; stdout in $tmp/out, stderr in $tmp/err.
# 0 and 130 leave stderr empty, 1 one line "vlm: ...: found, expected", 2 that and the hint.
expect() {
  want=$1
  shift
  got=0
  "$vlm" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || got=$?
  check "$want" "vlm $*"
}
# The same with standard input: expect_in FILE STATUS ARGS...
expect_in() {
  input=$1 want=$2
  shift 2
  got=0
  "$vlm" "$@" >"$tmp/out" 2>"$tmp/err" <"$input" || got=$?
  check "$want" "vlm $* <$input"
}
check() {
  lines=0
  while IFS= read -r _; do lines=$((lines + 1)); done <"$tmp/err"
  case $1 in 0 | 130) want_lines=0 ;; *) want_lines=$1 ;; esac
  if [ "$got" != "$1" ]; then
    fail "$2: exit status $got, expected $1: $(head -n 1 "$tmp/err")"
  elif [ "$lines" != "$want_lines" ]; then
    fail "$2: $lines lines on stderr, expected $want_lines: $(cat "$tmp/err")"
  fi
  case $1 in
    1 | 2)
      { read -r first; read -r second; } <"$tmp/err"
      case $first in "vlm: "?*) ;; *) fail "$2: stderr does not begin with 'vlm: '" ;; esac
      case $1$second in 1 | "2see 'vlm "*"--help'") ;; *) fail "$2: no hint on stderr" ;; esac
      ;;
  esac
}

# has FILE TEXT...: every fixed string is in the file
has() {
  file=$1
  shift
  for text in "$@"; do
    grep -qF -e "$text" "$file" || fail "'$text' is not in: $(head -c 400 "$file")"
  done
}

# Every line of the file is JSON: the command's own strict reader is the judge (it then wants a prompt).
is_json_lines() {
  while IFS= read -r json_line; do
    printf '%s\n' "$json_line" >"$tmp/json"
    "$vlm" render "$model" --jsonl "$tmp/json" 2>&1 >/dev/null | grep -q 'no valid JSON' && fail "no JSON: $json_line"
  done <"$1"
}

finish() {
  [ "$failures" = 0 ] && echo "all as expected"
  [ "$failures" = 0 ]
  exit
}
