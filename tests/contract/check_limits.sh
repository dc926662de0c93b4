#!/bin/sh
# check_limits.sh ROOT: every limit of limits.h is tried by some test (the test names it).
set -eu
cd "${1:-.}"
n=0 bad=0
for name in $(sed -n 's/^#define \(VLM_LIMIT_[A-Z_]*\) .*/\1/p' src/base/limits.h); do
  n=$((n + 1))
  grep -rqw "$name" tests/unit tests/abuse tests/api --include='*.c' || {
    echo "$name: no test names it"
    bad=1
  }
done
[ "$n" -gt 40 ] || bad=1
echo "$n limits"
exit $bad
