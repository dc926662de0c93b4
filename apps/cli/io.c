/* io.c: reading, printing, JSON.  Files that appear when complete are in file.c. */
#include "io.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "options.h"
#include "signals.h"

int cli_failed(const vlm_error *err)
{
    if (cli_interrupted() && err->status == VLM_ERR_CANCELLED)
        return CLI_INTERRUPTED;
    fprintf(stderr, "vlm: %s\n", err->message);
    return cli_interrupted() ? CLI_INTERRUPTED : CLI_FAILED;
}

const char *cli_shown(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

int cli_read(struct vlm_buf *out, const char *path, size_t limit, vlm_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    const char *shown = cli_shown(path);
    FILE *f = standard ? stdin : fopen(path, "rb");
    if (!f)
        return vlm_fail_os(err, errno, "%s: cannot open", shown);
    vlm_buf_init(out, &vlm_mem_system, limit);
    char block[16384];
    size_t n;
    int rc = VLM_OK;
    errno = 0;
    while (rc == VLM_OK && (n = fread(block, 1, sizeof block, f)) > 0)
        if (out->n + n > limit)
            rc =
                vlm_fail(err, VLM_ERR_LIMIT,
                         "%s: found more than %zu bytes, expected at most that many", shown, limit);
        else if (!vlm_buf_append(out, block, n))
            rc = vlm_fail_memory(err, out->n + n, shown);
    if (rc == VLM_OK && ferror(f))
        rc = vlm_fail_os(err, errno, "%s: cannot read", shown);
    if (!standard)
        fclose(f);
    if (rc < 0)
        vlm_buf_free(out);
    return rc;
}

int cli_read_line(struct vlm_buf *out, FILE *f, const char *where, vlm_error *err)
{
    int c;
    size_t n = 0;
    vlm_buf_clear(out);
    while ((c = getc_unlocked(f)) != EOF && n++ / 16 <= out->limit && c != '\n')
        vlm_buf_putc(out, (char)c);
    if (ferror(f))
        return vlm_fail_os(err, errno, "%s: cannot read", where);
    if (c == EOF && n == 0)
        return VLM_DONE;
    if (c != EOF && c != '\n')
        return vlm_fail(err, VLM_ERR_IO,
                        "%s: found a line without end, expected lines of at most %zu bytes", where,
                        out->limit);
    if (!out->ok)
        return vlm_fail(err, VLM_ERR_LIMIT,
                        "%s: found a line over %zu bytes, expected at most that many", where,
                        out->limit);
    if (out->n && out->data[out->n - 1] == '\r')
        out->data[--out->n] = 0;
    return VLM_OK;
}

/* jansson recurses: the nesting is counted before it sees the text. */
static bool depth_is_fine(const char *s, size_t n)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < n; i++) {
        if (in_string && s[i] == '\\')
            i++;
        else if (s[i] == '"')
            in_string = !in_string;
        else if (!in_string && (s[i] == '[' || s[i] == '{') && ++depth > VLM_LIMIT_JSON_DEPTH)
            return false;
        else if (!in_string && (s[i] == ']' || s[i] == '}') && depth)
            depth--;
    }
    return true;
}

int cli_json_parse(json_t **out, const char *data, size_t n, const char *where, vlm_error *err)
{
    if (!depth_is_fine(data, n))
        return vlm_fail(err, VLM_ERR_LIMIT,
                        "%s: found JSON nested deeper than %d, expected at most that", where,
                        (int)VLM_LIMIT_JSON_DEPTH);
    json_error_t e;
    json_t *value = json_loadb(data ? data : "", n,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    if (!value) {
        struct vlm_quoted q;
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: found no valid JSON (%s, line %d, column %d), expected it", where,
                        vlm_base_quote(&q, e.text, strlen(e.text)), e.line, e.column);
    }
    *out = value;
    return VLM_OK;
}

const char *cli_json_kind(const json_t *v)
{
    return !v                  ? "nothing"
           : json_is_null(v)   ? "null"
           : json_is_array(v)  ? "a list"
           : json_is_object(v) ? "an object"
           : json_is_string(v) ? "a string"
           : json_is_number(v) ? "a number"
                               : "true or false";
}

json_t *cli_json_string(const void *bytes, size_t n)
{
    const char *s = bytes;
    if (n == 0 || vlm_utf8_valid(s, n))
        return json_stringn(n ? s : "", n);
    struct vlm_buf b;
    vlm_buf_init(&b, &vlm_mem_system, SIZE_MAX / 2);
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        i += vlm_utf8_decode(&cp, s + i, n - i);
        vlm_buf_utf8(&b, cp == VLM_UTF8_BAD ? 0xFFFD : cp);
    }
    json_t *j = b.ok ? json_stringn(b.data, b.n) : NULL;
    vlm_buf_free(&b);
    return j;
}

json_t *cli_json_ms(double ms)
{
    return json_real(isfinite(ms) ? round(ms * 1000) / 1000 : 0);
}

int cli_json_print(FILE *f, json_t *value, vlm_error *err)
{
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(value);
    if (!text)
        return vlm_fail_memory(err, 0, "the result");
    fputs(text, f);
    putc('\n', f);
    free(text);
    return VLM_OK;
}

/* C0 but newline and tab, DEL, and the C1 controls (some terminals obey them as UTF-8 too). */
static bool is_control(uint32_t cp)
{
    return (cp < 0x20 && cp != '\n' && cp != '\t') || (cp >= 0x7F && cp < 0xA0) ||
           cp == VLM_UTF8_BAD;
}

void cli_put_text(FILE *f, const char *text, size_t n)
{
    if (!isatty(fileno(f))) {
        fwrite(text, 1, n, f);
        return;
    }
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        size_t used = vlm_utf8_decode(&cp, text + i, n - i);
        if (is_control(cp))
            for (size_t k = 0; k < used; k++)
                fprintf(f, "\\x%02x", (unsigned char)text[i + k]);
        else
            fwrite(text + i, 1, used, f);
        i += used;
    }
}

const char *cli_style(FILE *f, enum cli_style style)
{
    static const char *const codes[] = {"\033[0m", "\033[1m", "\033[2m"};
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    bool plain = (no && *no) || !term || strcmp(term, "dumb") == 0 || !isatty(fileno(f));
    return plain ? "" : codes[style];
}

int cli_flush(FILE *f, const char *path, vlm_error *err)
{
    errno = 0;
    if (fflush(f) == 0 && !ferror(f))
        return VLM_OK;
    return vlm_fail_os(err, errno ? errno : EIO, "%s: cannot write", path);
}
