/* json.c: the pull reader of json.h.
 *
 * One state says what may come next; the stack says of each open container whether it is an object.
 * A key or string is checked while it is passed over (escapes, control characters, UTF-8), so that
 * decoding it later cannot fail for what it holds. */
#include "format/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum state {
    WANT_VALUE,   /* at the beginning, and behind ',' in an array */
    WANT_FIRST,   /* behind '[' or '{': a value or a key, or the end */
    WANT_KEY,     /* behind ',' in an object */
    WANT_COLON,   /* behind a key: ':' and a value */
    WANT_COMMA,   /* behind a value in a container: ',' or the end */
    WANT_NOTHING, /* behind the value that is the document */
    FAILED
};

/* the two errors that are limits, known by their address */
static const char too_deep[] = "nested too deep";
static const char too_long[] = "string too long";
static const char cut_short[] = "unexpected end";
static const char bad_char[] = "unexpected character";

void vlm_json_init(struct vlm_json *j, const void *data, size_t n)
{
    memset(j, 0, sizeof *j);
    j->begin = j->at = n ? data : "";
    j->end = j->begin + n;
    j->state = WANT_VALUE;
}

static enum vlm_json_kind fail(struct vlm_json *j, const char *what)
{
    j->what = what;
    j->state = FAILED;
    return VLM_JSON_ERROR;
}

static enum vlm_json_kind unexpected(struct vlm_json *j)
{
    return fail(j, j->at == j->end ? cut_short : bad_char);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Behind a backslash: passes over the rest of the escape. */
static bool pass_escape(struct vlm_json *j)
{
    if (j->at == j->end)
        return false;
    char c = *j->at;
    if (c == 'u') {
        if (j->end - j->at < 5)
            return false;
        for (int i = 1; i <= 4; i++)
            if (hex_digit(j->at[i]) < 0)
                return false;
        j->at += 5;
        return true;
    }
    if (c == 0 || !strchr("\"\\/bfnrt", c))
        return false;
    j->at++;
    return true;
}

/* At the opening quote. */
static enum vlm_json_kind pass_string(struct vlm_json *j, enum vlm_json_kind kind)
{
    const char *start = ++j->at;
    j->escaped = false;
    while (j->at < j->end && *j->at != '"') {
        unsigned char c = (unsigned char)*j->at;
        if (c < 0x20)
            return fail(j, "control character in a string");
        if (c == '\\') {
            j->escaped = true;
            j->at++;
            if (!pass_escape(j))
                return fail(j, "bad escape in a string");
        } else if (c < 0x80) {
            j->at++;
        } else {
            uint32_t cp;
            size_t used = vlm_utf8_decode(&cp, j->at, (size_t)(j->end - j->at));
            if (cp == VLM_UTF8_BAD)
                return fail(j, "invalid UTF-8 in a string");
            j->at += used;
        }
    }
    if (j->at == j->end)
        return fail(j, cut_short);
    if ((uint64_t)(j->at - start) > VLM_LIMIT_JSON_STRING_BYTES)
        return fail(j, too_long);
    j->text = start;
    j->n_text = (size_t)(j->at - start);
    j->at++;
    return kind;
}

static bool pass_digits(struct vlm_json *j)
{
    const char *start = j->at;
    while (j->at < j->end && is_digit(*j->at))
        j->at++;
    return j->at > start;
}

static enum vlm_json_kind pass_number(struct vlm_json *j)
{
    const char *start = j->at;
    if (*j->at == '-')
        j->at++;
    if (j->at < j->end && *j->at == '0')
        j->at++; /* no digit may follow: the next call then finds no ',' */
    else if (!pass_digits(j))
        return unexpected(j);
    if (j->at < j->end && *j->at == '.') {
        j->at++;
        if (!pass_digits(j))
            return unexpected(j);
    }
    if (j->at < j->end && (*j->at | 0x20) == 'e') {
        j->at++;
        if (j->at < j->end && (*j->at == '+' || *j->at == '-'))
            j->at++;
        if (!pass_digits(j))
            return unexpected(j);
    }
    j->text = start;
    j->n_text = (size_t)(j->at - start);
    return VLM_JSON_NUMBER;
}

static enum vlm_json_kind pass_word(struct vlm_json *j, const char *word, enum vlm_json_kind kind)
{
    size_t n = strlen(word);
    if ((size_t)(j->end - j->at) < n || memcmp(j->at, word, n) != 0)
        return fail(j, bad_char);
    j->at += n;
    return kind;
}

static void value_ends(struct vlm_json *j)
{
    if (j->state != FAILED)
        j->state = j->depth ? WANT_COMMA : WANT_NOTHING;
}

static enum vlm_json_kind open_container(struct vlm_json *j, bool object)
{
    if (j->depth >= VLM_LIMIT_JSON_DEPTH)
        return fail(j, too_deep);
    j->stack[++j->depth] = object;
    j->at++;
    j->state = WANT_FIRST;
    return object ? VLM_JSON_OBJECT : VLM_JSON_ARRAY;
}

static enum vlm_json_kind close_container(struct vlm_json *j)
{
    bool object = j->stack[j->depth--];
    j->at++;
    value_ends(j);
    return object ? VLM_JSON_OBJECT_END : VLM_JSON_ARRAY_END;
}

static enum vlm_json_kind pass_value(struct vlm_json *j)
{
    enum vlm_json_kind kind;
    if (j->at == j->end)
        return unexpected(j);
    switch (*j->at) {
    case '{':
        return open_container(j, true);
    case '[':
        return open_container(j, false);
    case '"':
        kind = pass_string(j, VLM_JSON_STRING);
        break;
    case 't':
        kind = pass_word(j, "true", VLM_JSON_TRUE);
        break;
    case 'f':
        kind = pass_word(j, "false", VLM_JSON_FALSE);
        break;
    case 'n':
        kind = pass_word(j, "null", VLM_JSON_NULL);
        break;
    default:
        if (*j->at != '-' && !is_digit(*j->at))
            return unexpected(j);
        kind = pass_number(j);
    }
    value_ends(j);
    return kind;
}

static void pass_space(struct vlm_json *j)
{
    while (j->at < j->end && (*j->at == ' ' || *j->at == '\n' || *j->at == '\t' || *j->at == '\r'))
        j->at++;
}

static enum vlm_json_kind pass_key(struct vlm_json *j)
{
    if (j->at == j->end || *j->at != '"')
        return unexpected(j);
    enum vlm_json_kind kind = pass_string(j, VLM_JSON_KEY);
    if (kind == VLM_JSON_KEY)
        j->state = WANT_COLON;
    return kind;
}

enum vlm_json_kind vlm_json_next(struct vlm_json *j)
{
    if (j->state == FAILED)
        return VLM_JSON_ERROR;
    pass_space(j);
    if (j->state == WANT_NOTHING)
        return j->at == j->end ? VLM_JSON_END : fail(j, "something behind the document");
    if (j->state == WANT_VALUE)
        return pass_value(j);
    if (j->state == WANT_COLON) {
        if (j->at == j->end || *j->at != ':')
            return unexpected(j);
        j->at++;
        pass_space(j);
        return pass_value(j);
    }
    bool object = j->stack[j->depth];
    if (j->at < j->end && *j->at == (object ? '}' : ']'))
        return close_container(j);
    if (j->state == WANT_COMMA) {
        if (j->at == j->end || *j->at != ',')
            return unexpected(j);
        j->at++;
        pass_space(j);
        j->state = object ? WANT_KEY : WANT_VALUE;
    }
    return object ? pass_key(j) : pass_value(j);
}

bool vlm_json_skip(struct vlm_json *j)
{
    unsigned outside = j->depth;
    if (j->state == WANT_FIRST)
        outside--;
    else if (j->state == WANT_COLON)
        vlm_json_next(j);
    while (j->state != FAILED && j->depth > outside)
        vlm_json_next(j);
    return j->state != FAILED;
}

static uint32_t hex4(const char *s)
{
    uint32_t u = 0;
    for (int i = 0; i < 4; i++)
        u = u << 4 | (uint32_t)hex_digit(s[i]);
    return u;
}

/* One character, escaped or plain, of a checked string: its bytes in out, their number returned. */
static size_t take_char(char out[4], const char **at, const char *end)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *s = *at;
    if (*s != '\\') {
        out[0] = *s;
        *at = s + 1;
        return 1;
    }
    if (s[1] != 'u') {
        out[0] = to[strchr(from, s[1]) - from];
        *at = s + 2;
        return 1;
    }
    uint32_t u = hex4(s + 2);
    *at = s + 6;
    if (u >= 0xD800 && u < 0xDC00 && end - s >= 12 && s[6] == '\\' && s[7] == 'u') {
        uint32_t low = hex4(s + 8);
        if (low >= 0xDC00 && low < 0xE000) {
            *at = s + 12;
            return vlm_utf8_encode(out, 0x10000 + ((u - 0xD800) << 10) + (low - 0xDC00));
        }
    }
    return vlm_utf8_encode(out, u >= 0xD800 && u < 0xE000 ? 0xFFFD : u);
}

bool vlm_json_string(struct vlm_buf *out, const struct vlm_json *j)
{
    if (!j->escaped)
        return vlm_buf_append(out, j->text, j->n_text);
    const char *at = j->text, *end = at + j->n_text;
    while (at < end) {
        char c[4];
        size_t n = take_char(c, &at, end);
        if (!vlm_buf_append(out, c, n))
            return false;
    }
    return true;
}

bool vlm_json_equals(const struct vlm_json *j, const char *s)
{
    size_t n_s = strlen(s);
    if (!j->escaped)
        return j->n_text == n_s && memcmp(j->text, s, n_s) == 0;
    const char *at = j->text, *end = at + j->n_text;
    while (at < end) {
        char c[4];
        size_t n = take_char(c, &at, end);
        if (n > n_s || memcmp(c, s, n) != 0)
            return false;
        s += n;
        n_s -= n;
    }
    return n_s == 0;
}

bool vlm_json_u64(uint64_t *out, const struct vlm_json *j)
{
    uint64_t u = 0;
    for (size_t i = 0; i < j->n_text; i++) {
        if (!is_digit(j->text[i]) || __builtin_mul_overflow(u, (uint64_t)10, &u) ||
            __builtin_add_overflow(u, (uint64_t)(j->text[i] - '0'), &u))
            return false;
    }
    *out = u;
    return j->n_text > 0;
}

/* strtod reads the decimal point of the locale, so it is given none: the digits become an integer
 * with an exponent.  767 digits decide how a double rounds; of the rest only "not zero" counts. */
bool vlm_json_double(double *out, const struct vlm_json *j)
{
    enum { DIGITS = 800 };
    char buf[DIGITS + 32];
    size_t n = 0, i = 0;
    int64_t exponent = 0, written = 0;
    bool fraction = false, more = false, minus = j->text[0] == '-';
    for (i = minus; i < j->n_text && (j->text[i] | 0x20) != 'e'; i++) {
        char c = j->text[i];
        if (c == '.') {
            fraction = true;
            continue;
        }
        exponent -= fraction;
        if (n == 0 && c == '0')
            continue;
        if (n < DIGITS) {
            buf[n++] = c;
        } else {
            more |= c != '0';
            exponent++;
        }
    }
    if (n == 0)
        buf[n++] = '0';
    if (more) /* the last digit lies below those that count: any not-zero will do */
        buf[n - 1] = (char)(buf[n - 1] | 1);
    if (i < j->n_text) {
        bool down = j->text[++i] == '-';
        for (; i < j->n_text; i++)
            if (is_digit(j->text[i]) && written < 1000000000)
                written = written * 10 + (j->text[i] - '0');
        exponent += down ? -written : written;
    }
    if (exponent > 100000 || exponent < -100000)
        exponent = exponent < 0 ? -100000 : 100000;
    snprintf(buf + n, sizeof buf - n, "e%d", (int)exponent);
    double d = strtod(buf, NULL);
    if (!isfinite(d))
        return false;
    *out = minus ? -d : d;
    return true;
}

int vlm_json_fail(const struct vlm_json *j, const char *file, vlm_error *err)
{
    unsigned long long at = (unsigned long long)(j->at - j->begin);
    if (j->what == too_deep)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: byte %llu: JSON nested over %llu levels", file, at,
                        (unsigned long long)VLM_LIMIT_JSON_DEPTH);
    if (j->what == too_long)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: byte %llu: JSON string over %llu bytes", file, at,
                        (unsigned long long)VLM_LIMIT_JSON_STRING_BYTES);
    struct vlm_quoted q;
    if (j->what == bad_char) /* then there is one */
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: byte %llu: unexpected character \"%s\" in JSON",
                        file, at, vlm_base_quote(&q, j->at, 1));
    return vlm_fail(err, VLM_ERR_FORMAT, "%s: byte %llu: %s in JSON", file, at,
                    j->what ? j->what : "unexpected value");
}

int vlm_json_check(const void *data, size_t n, const char *file, vlm_error *err)
{
    uint32_t members[VLM_LIMIT_JSON_DEPTH + 1];
    struct vlm_json j;
    vlm_json_init(&j, data, n);
    for (;;) {
        enum vlm_json_kind kind = vlm_json_next(&j);
        if (kind == VLM_JSON_END)
            return VLM_OK;
        if (kind == VLM_JSON_ERROR)
            return vlm_json_fail(&j, file, err);
        if (kind == VLM_JSON_OBJECT)
            members[j.depth] = 0;
        else if (kind == VLM_JSON_KEY && ++members[j.depth] > VLM_LIMIT_JSON_MEMBERS)
            return vlm_fail(err, VLM_ERR_LIMIT, "%s: byte %llu: JSON object with over %llu members",
                            file, (unsigned long long)(j.at - j.begin),
                            (unsigned long long)VLM_LIMIT_JSON_MEMBERS);
    }
}
