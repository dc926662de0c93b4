#!/bin/sh
# check_layers.sh ROOT: reads every #include of src/ and apps/ against the table of rooms
# (docs/ARCHITECTURE.md).  A quoted path names its room; one without a room lies in the same folder.
set -eu
root=${1:-.}
cd "$root"
find src apps -name '*.[ch]' -exec grep -HnE '^[[:space:]]*#[[:space:]]*include' {} + | awk '
BEGIN {
    # room: the rooms it may include beside itself
    may["base"]    = ""
    may["format"]  = "base"
    may["kernel"]  = "base/half.h base/num.h"
    may["backend"] = "base kernel"
    may["token"]   = "base format"
    may["prompt"]  = "base format token"
    may["image"]   = "base"
    may["quant"]   = "base"
    may["constrain"] = "base format"
    may["model"]   = "base format backend image"
    may["media"]   = "base image"
    may["engine"]  = "base format kernel backend token prompt image quant constrain model"
    may["docgen"]  = "base"
    may["apps"]    = "base docgen" # documents are drawn beside the engine, not through it
    # public headers
    public["base"] = "vlm.h"
    public["engine"] = "vlm.h vlm_tools.h vlm_quantize.h"
    public["media"] = "vlm.h vlm_tools.h vlm_media.h"
    public["apps"] = "vlm.h vlm_tools.h vlm_media.h vlm_quantize.h"
    # libraries a room may use; all others only libc
    library["token"] = "pcre2.h utf8proc.h"
    library["image"] = "jpeglib.h jerror.h png.h webp/decode.h immintrin.h" # SSE2 is in every x86-64
    library["model"] = "jansson.h"
    library["constrain"] = "jansson.h"
    library["docgen"] = "ft2build.h freetype/*"
    library["kernel"] = "immintrin.h arm_neon.h cpuid.h"
    for (r in may) n_rooms++
}
function has(list, word,    k, n, w) {
    n = split(list, w, " ")
    for (k = 1; k <= n; k++)
        if (w[k] == word || (w[k] ~ /\*$/ && index(word, substr(w[k], 1, length(w[k]) - 1)) == 1))
            return 1
    return 0
}
function bad(what) {
    printf "%s: %s\n", where, what
    failed = 1
}
{
    split($0, part, ":")
    file = part[1]
    where = file ":" part[2]
    n_lines++
    if ($0 ~ /include[[:space:]]+FT_[A-Z_]+H/) next # how FreeType wants it, behind its ft2build.h
    name = $0
    sub(/^[^<"]*[<"]/, "", name)
    sub(/[>"].*$/, "", name)
    system_header = ($0 ~ /include[[:space:]]*</)
    folder = file
    sub(/\/[^\/]*$/, "", folder)
    room = file
    if (file ~ /^apps\//) room = "apps"
    else { sub(/^src\//, "", room); sub(/\/.*$/, "", room) }
    if (!(room in may)) { bad("room " room " is not in the table"); next }
    seen[room] = 1
    if (system_header) {
        # the operating system has one door
        if (room != "apps" && name ~ /^(unistd|fcntl|dirent|dlfcn|signal|spawn|poll|termios|locale)\.h$|^sys\// &&
            !(file ~ /^src\/base\/os_[a-z]*\.c$/) && !(room == "kernel" && name == "sys/auxv.h"))
            bad("<" name "> outside of base/os_*.c")
        if (room != "apps" && name ~ /^(pcre2|utf8proc|jpeglib|jerror|png|jansson|immintrin|arm_neon|cpuid|ft2build)\.h$|^(freetype|webp)\// &&
            !has(library[room], name))
            bad("room " room " may not use <" name ">")
        next
    }
    if (name == "vlm.h" || name == "vlm_tools.h" || name == "vlm_media.h" || name == "vlm_quantize.h") {
        # base passes vlm.h on: status codes and the allocator are part of the contract
        if (!has(public[room], name)) bad("room " room " may not include " name)
        next
    }
    if (name !~ /\//) {
        if (system("test -f " folder "/" name) != 0)
            bad("\"" name "\" is not in " folder)
        next
    }
    target = name
    sub(/\/.*$/, "", target)
    if (target == room) next
    if (room == "apps" && target != "base" && system("test -f " folder "/" name) == 0) next
    if (!has(may[room], target) && !has(may[room], name))
        bad("room " room " may not include \"" name "\"")
}
END {
    for (r in seen) n_seen++
    printf "%d includes of %d rooms\n", n_lines, n_seen
    if (n_lines < 100 || n_seen < 9) { print "too few: is this the right folder?"; failed = 1 }
    exit failed
}'
