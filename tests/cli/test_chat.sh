#!/bin/sh
# vlm chat from a pipe and under a pseudo terminal (pty.c).
set -u
vlm=$1 root=$2 pty=${3:-}
. "$(dirname "$0")/lib.sh"
cp "$root/tests/data/golden/page_1536x1152.png" "$tmp/a page.png"
HOME=$tmp/home XDG_STATE_HOME=
export HOME XDG_STATE_HOME
mkdir "$HOME"
tokens() { sed -n 's/.*"tokens": \(\[[^]]*\]\).*/\1/p' "$1"; }
number() { sed -n "$2s/.*\"$1\": \([0-9.]*\).*/\1/p" "$tmp/out"; } # NAME LINE

# chat LINES STATUS ARGS...: the lines are typed into a pipe
chat() {
  printf "$1" >"$tmp/typed"
  shift
  want=$1
  shift
  expect_in "$tmp/typed" "$want" chat "$model" "$@"
}

# ---- a pipe: a line in, an answer out, nothing else
chat 'Hello\n\nAgain\n' 0 -n 5
[ "$(wc -l <"$tmp/out")" -ge 2 ] || fail "two messages gave fewer than two lines: $(cat "$tmp/out")"
chat 'Hello\nAgain' 0 -n 5 --json
is_json_lines "$tmp/out"
[ "$(wc -l <"$tmp/out")" = 2 ] || fail "two messages gave other than two objects"
sed -n 1p "$tmp/out" >"$tmp/first"
[ "$(number cached_tokens 2)" -ge "$(number prompt_tokens 1)" ] || fail "the first turn was read again"
expect 0 run "$model" -p Hello -n 5 --json
[ "$(tokens "$tmp/out")" = "$(tokens "$tmp/first")" ] || fail "chat answers otherwise than run"

# a page: looked at once, and the conversation's file is the same question to run
chat "/image $tmp/a page.png\nWhat?\nAnd this?\n/save $tmp/talk.json\n/quit\nnot asked\n" 0 -n 4 --json --system "Be brief."
[ "$(wc -l <"$tmp/out")" = 2 ] || fail "after /quit something was asked"
[ "$(number vision_ms 2)" = 0.0 ] || fail "the second question about a page looked at it again"
[ "$(number image_tokens 2)" -gt 0 ] || fail "the page is gone in the second turn"
[ "$(number cached_tokens 2)" -ge "$(number prompt_tokens 1)" ] || fail "the page was read again"
sed -n 1p "$tmp/out" >"$tmp/first"
is_json_lines "$tmp/out"
has "$tmp/talk.json" '"path": "a page.png"' '"role": "assistant"' '"content": "Be brief."' '"content": "And this?"'
cat >"$tmp/same.json" <<'END'
[{"role":"system","content":"Be brief."},
 {"role":"user","content":[{"type":"image","path":"a page.png"},{"type":"text","text":"What?"}]}]
END
expect 0 run "$model" --messages "$tmp/same.json" -n 4 --json
[ "$(tokens "$tmp/out")" = "$(tokens "$tmp/first")" ] || fail "a page in chat is another question than in run"
expect 0 run "$model" --messages "$tmp/talk.json" -n 2

# a file that was saved goes on elsewhere; one that ends with a question is answered
mkdir "$tmp/sub"
chat "/load $tmp/talk.json\nMore\n/save $tmp/sub/more.json\n" 0 -n 3 --json
[ "$(wc -l <"$tmp/out")" = 1 ] || fail "a conversation that ends with an answer was answered"
has "$tmp/sub/more.json" "\"path\": \"$(cd "$tmp" && pwd -P)/a page.png\"" '"content": "More"' '"content": "Be brief."'
expect 0 run "$model" --messages "$tmp/sub/more.json" -n 2
chat "/load $tmp/same.json\n" 0 -n 4 --json
[ "$(tokens "$tmp/out")" = "$(tokens "$tmp/first")" ] || fail "a loaded question is another"
chat "/load '$tmp/same.json'\n" 0 -n 1

# files of the command line, names in quotes and with backslashes, wrong ones
for name in "'$tmp/a page.png'" "\"$tmp/a page.png\"" "$tmp/a\\\\ page.png"; do
  chat "/image $name\nWhat?\n" 0 -n 4 --json --system "Be brief."
  [ "$(tokens "$tmp/out")" = "$(tokens "$tmp/first")" ] || fail "/image $name is another question"
done
chat 'What?\n' 0 "$tmp/a page.png" -n 4 --json --system "Be brief."
[ "$(tokens "$tmp/out")" = "$(tokens "$tmp/first")" ] || fail "a file of the command line is another question"
chat "/image $tmp/none.png\nHello\n" 1 -n 2
has "$tmp/err" "none.png"
[ -s "$tmp/out" ] || fail "a wrong file ended the chat"
chat "/image $tmp/typed\nHello\n" 1 -n 2 --json
[ "$(number image_tokens 1)" = 0 ] || fail "a file that was refused is part of the question"
chat 'Hello\n' 1 "$tmp/none.png"

# commands
chat '/system One.\nHello\n/reset\nHello\n/system\nHello\n/reset\nHello\n' 0 -n 3 --json
[ "$(number prompt_tokens 1)" = "$(number prompt_tokens 2)" ] || fail "/reset forgets the system message"
[ "$(number prompt_tokens 3)" -gt "$(number prompt_tokens 4)" ] || fail "/reset does not forget"
[ "$(number prompt_tokens 1)" -gt "$(number prompt_tokens 4)" ] || fail "/system without a text stays"
expect 0 run "$model" -p Hello -n 5 --temp 1 --seed 7 --json
cp "$tmp/out" "$tmp/sampled"
chat '/temp 1\n/seed 7\nHello\n/temp 0\nAgain\n' 0 -n 5 --json
sed -n 1p "$tmp/out" >"$tmp/first"
[ "$(tokens "$tmp/first")" = "$(tokens "$tmp/sampled")" ] || fail "/temp and /seed are not the options"
[ "$(number cached_tokens 2)" -ge "$(number prompt_tokens 1)" ] || fail "/temp forgets what was read"
chat '"""two\nlines"""\n//slash\n"""\n"""\n/save '"$tmp/s.json"'\n' 0 -n 1
has "$tmp/s.json" '"content": "two\nlines"' '"content": "/slash"' '"content": ""'
for line in /nonsense '/image' '/temp x' '/temp 101' '/seed -1' '/reset now' "/load $tmp/none.json" "/load $tmp/typed" \
  "/save $tmp/no/dir.json" '"""open'; do
  chat "$line\n" 1
done
chat '' 0
printf '/help\n/stats\n' | "$vlm" chat "$model" >"$tmp/out" 2>"$tmp/err" || fail "/help and /stats end the chat"
has "$tmp/err" "/image FILE" "no answer yet"
[ -s "$tmp/out" ] && fail "/help is among the answers"
chat 'Hello\n' 0 -n 2 --regex '[0-9]{2}'
grep -qE '^[0-9][0-9]$' "$tmp/out" || fail "not of the pattern's form: $(cat "$tmp/out")"
echo '{"type":"boolean"}' >"$tmp/schema.json"
chat 'Hello\nAgain\n' 0 --json-schema "$tmp/schema.json"
[ "$(grep -cE '^ ?(true|false)$' "$tmp/out")" = 2 ] || fail "not of the schema's form: $(cat "$tmp/out")"

# a context that is full: one line, and the conversation stands as before
chat 'Hello\na question that is much too long for that, as it goes on and on and on, and on and on and on\n' 1 --ctx 40 -n 2
has "$tmp/err" "context of 40" "/reset"
chat 'a question that is much too long for that, as it goes on and on and on, and on and on and on\nHello\n' 1 --ctx 40 -n 2 --json
[ "$(wc -l <"$tmp/out")" = 1 ] || fail "after a question that was too long nothing is answered"

expect 2 chat --nonsense
expect 2 chat - "$model"
expect 2 chat "$model" "$model"
expect 1 chat "$tmp/none"
expect 1 chat "$model" --regex '('
expect 1 chat "$model" --ctx 1000000

# ---- a terminal
[ -n "$pty" ] || { echo "skip: chat under a terminal, no pty program"; finish; }
# terminal NAME STATUS ARGS...: steps on standard input
with=$model
terminal() {
  name=$1 want=$2
  shift 2
  cat >"$tmp/steps"
  got=0
  TERM=xterm "$pty" "$tmp/steps" "$vlm" chat "$with" "$@" >"$tmp/screen" 2>"$tmp/err" </dev/null || got=$?
  [ "$got" = 77 ] && { echo "skip: chat under a terminal, there is none"; finish; }
  [ "$got" = "$want" ] || fail "$name: exit status $got, expected $want: $(cat "$tmp/err"): $(tail -c 600 "$tmp/screen")"
}
terminal "a talk" 0 -n 3 --verbose --image "$tmp/a page.png" <<END
< /help
< >
> Hello
< tokens of prompt, 0 of them cached
< >
> Again
< of them cached
< >
> /image $tmp/none.png
< none.png: cannot open
< >
> /stats
< of them cached
< >
> /quit
END
terminal "the end of the input" 0 -n 3 <<'END'
< >
> """one
< ...
> two"""
< >
= \cD
END
if [ -f "$root/models/pocket/model.safetensors" ]; then # slow enough to be interrupted
  with=pocket
  terminal "Ctrl-C ends the answer, not the program" 0 --min-tokens 100000 -n 100000 --temp 1 <<'END'
< >
> Hello
< reading
= \cC
< (interrupted)
< >
= half a line\cC
< >
> /temp 0
< >
> /quit
END
  with=$model
else
  echo "skip: Ctrl-C during an answer, models/pocket has no weights"
fi
if "$vlm" version --json | grep -q libedit; then
  terminal "editing, history, completion" 0 -n 3 --history <<END
< >
> /temp x
< found 'x'
< >
= \cP\cH
> 0.5
< >
= /ima\t$tmp/a\t
< page.png
>
< goes with the next message
< >
= /s\t
< /system
< /stats
= \cA\cK/quit
>
END
  grep -q '^/temp.*0\.5' "$HOME/.local/state/vlm/history" || fail "the history was not kept"
  case $(ls -l "$HOME/.local/state/vlm/history") in -rw-------*) ;; *) fail "others can read the history" ;; esac
  rm -r "$HOME/.local"
  terminal "no history without being asked" 0 <<END
< >
> /help
< /quit
= \cD
END
  [ -e "$HOME/.local" ] && fail "a history that nobody asked for"
else
  echo "skip: line editing, this build has no libedit"
fi
finish
