/* say.c: readers of what ffprobe, pdfinfo and PPM writers print.  The programs decode files of
 * strangers, so their output is a stranger's, too. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "media/media.h"

/* ---- numbers, independent of the locale ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* All n bytes, as a number that fits. */
static bool read_u64(uint64_t *out, const char *s, size_t n)
{
    uint64_t v = 0;
    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_digit(s[i]) || __builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
            return false;
    *out = v;
    return true;
}

static bool read_i64(int64_t *out, const char *s, size_t n)
{
    uint64_t v;
    bool minus = n > 0 && s[0] == '-';
    if (!read_u64(&v, s + minus, n - minus) || v > INT64_MAX)
        return false;
    *out = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

/* "[-]digits[.digits]": what the programs print of lengths and times, read to about 1e-9. */
static bool read_decimal(double *out, const char *s, size_t n)
{
    double v = 0, unit = 1;
    size_t i = n > 0 && s[0] == '-', first = i;
    bool point = false;
    for (; i < n; i++) {
        if (s[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(s[i]))
            return false;
        v = v * 10 + (s[i] - '0');
        unit *= point ? 10 : 1;
    }
    if (n - first - point == 0 || n > 64)
        return false;
    *out = (first ? -v : v) / unit;
    return true;
}

/* ---- ffprobe ---- */

struct field {
    const char *key, *value;
    size_t n_key, n_value;
};

/* Cuts the next "key=value" off a line of fields between bars. */
static bool next_field(struct field *f, const char **at, const char *end)
{
    if (*at >= end)
        return false;
    const char *stop = memchr(*at, '|', (size_t)(end - *at));
    if (!stop)
        stop = end;
    const char *equals = memchr(*at, '=', (size_t)(stop - *at));
    f->key = *at;
    f->n_key = (size_t)((equals ? equals : stop) - *at);
    f->value = equals ? equals + 1 : stop;
    f->n_value = (size_t)(stop - f->value);
    *at = stop < end ? stop + 1 : end;
    return true;
}

static bool is(const struct field *f, const char *key)
{
    return strlen(key) == f->n_key && memcmp(f->key, key, f->n_key) == 0;
}

static bool refuse(struct vlm_media_clip *c, const char *what)
{
    c->what = what;
    return false;
}

static struct vlm_media_stream *stream_of(struct vlm_media_clip *c, uint64_t index)
{
    for (size_t i = 0; i < c->n_streams; i++)
        if (c->streams[i].index == index)
            return &c->streams[i];
    if (c->n_streams == sizeof c->streams / sizeof *c->streams)
        return NULL;
    struct vlm_media_stream *s = &c->streams[c->n_streams++];
    *s = (struct vlm_media_stream){.index = index, .timed = true};
    return s;
}

static void note_seconds(struct vlm_media_clip *c, double t)
{
    if (!c->any_seconds)
        c->first_seconds = c->last_seconds = t;
    c->any_seconds = true;
    c->first_seconds = fmin(c->first_seconds, t);
    c->last_seconds = fmax(c->last_seconds, t);
}

static bool add_packet(struct vlm_media_clip *c, const char *at, const char *end)
{
    struct field f;
    uint64_t index = UINT64_MAX;
    int64_t pts = 0, dts = 0, duration = 0;
    bool has_pts = false, has_dts = false, discarded = false;
    double seconds;
    while (next_field(&f, &at, end)) {
        if (is(&f, "stream_index"))
            index = read_u64(&index, f.value, f.n_value) ? index : UINT64_MAX;
        else if (is(&f, "pts"))
            has_pts = read_i64(&pts, f.value, f.n_value);
        else if (is(&f, "dts"))
            has_dts = read_i64(&dts, f.value, f.n_value);
        else if (is(&f, "duration"))
            duration = read_i64(&duration, f.value, f.n_value) ? duration : 0;
        else if (is(&f, "pts_time") && read_decimal(&seconds, f.value, f.n_value))
            note_seconds(c, seconds);
        else if (is(&f, "flags"))
            discarded = memchr(f.value, 'D', f.n_value) != NULL;
    }
    if (index == UINT64_MAX)
        return refuse(c, "a packet of no stream");
    if (discarded) /* decoded for others' sake, never shown */
        return true;
    struct vlm_media_stream *s = stream_of(c, index);
    if (!s)
        return refuse(c, "too many streams");
    int64_t time = has_pts ? pts : dts, stop;
    s->timed &= has_pts || has_dts;
    if (__builtin_add_overflow(time, duration, &stop))
        return refuse(c, "a time out of range");
    s->first = s->n_frames && s->first < time ? s->first : time;
    s->end = s->n_frames && s->end > stop ? s->end : stop;
    s->n_frames++;
    return true;
}

static bool add_stream(struct vlm_media_clip *c, const char *at, const char *end)
{
    struct field f;
    struct vlm_media_stream d = {.index = UINT64_MAX};
    while (next_field(&f, &at, end)) {
        const char *slash = memchr(f.value, '/', f.n_value);
        if (is(&f, "index"))
            d.index = read_u64(&d.index, f.value, f.n_value) ? d.index : UINT64_MAX;
        else if (is(&f, "width"))
            read_u64(&d.width, f.value, f.n_value);
        else if (is(&f, "height"))
            read_u64(&d.height, f.value, f.n_value);
        else if (is(&f, "bit_rate"))
            read_u64(&d.bit_rate, f.value, f.n_value);
        else if (is(&f, "time_base") && slash) {
            size_t n = (size_t)(slash - f.value);
            if (!read_i64(&d.num, f.value, n) || !read_i64(&d.den, slash + 1, f.n_value - n - 1))
                d.num = d.den = 0;
        } else if (is(&f, "disposition:default"))
            d.is_default = f.n_value == 1 && f.value[0] == '1';
        else if (is(&f, "disposition:attached_pic"))
            d.attached = f.n_value == 1 && f.value[0] == '1';
    }
    struct vlm_media_stream *s = d.index == UINT64_MAX ? NULL : stream_of(c, d.index);
    if (!s)
        return refuse(c, d.index == UINT64_MAX ? "a stream without number" : "too many streams");
    d.n_frames = s->n_frames;
    d.first = s->first;
    d.end = s->end;
    d.timed = s->timed;
    d.described = true;
    *s = d;
    return true;
}

static bool add_line(struct vlm_media_clip *c)
{
    const char *end = c->line + c->n_line;
    if (c->n_line >= 7 && memcmp(c->line, "packet|", 7) == 0)
        return add_packet(c, c->line + 7, end);
    if (c->n_line >= 7 && memcmp(c->line, "stream|", 7) == 0)
        return add_stream(c, c->line + 7, end);
    return true; /* side data and empty lines */
}

void vlm_media_clip_begin(struct vlm_media_clip *c)
{
    memset(c, 0, sizeof *c);
}

bool vlm_media_clip_add(struct vlm_media_clip *c, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n && !c->what; i++) {
        if (bytes[i] == '\n') {
            add_line(c);
            c->n_line = 0;
        } else if (c->n_line == sizeof c->line) {
            refuse(c, "a line without end");
        } else {
            c->line[c->n_line++] = bytes[i];
        }
    }
    return c->what == NULL;
}

bool vlm_media_clip_end(struct vlm_media_clip *c)
{
    if (!c->what && c->n_line > 0)
        add_line(c);
    c->n_line = 0;
    return c->what == NULL;
}

/* As av_find_best_stream: what the container calls default, moving pictures before covers, then the
 * higher bit rate, then the first. */
const struct vlm_media_stream *vlm_media_clip_best(const struct vlm_media_clip *c)
{
    const struct vlm_media_stream *best = NULL;
    for (size_t i = 0; i < c->n_streams; i++) {
        const struct vlm_media_stream *s = &c->streams[i];
        if (!s->described || s->attached)
            continue;
        bool better = !best || (s->is_default != best->is_default ? s->is_default
                                : s->bit_rate != best->bit_rate   ? s->bit_rate > best->bit_rate
                                                                  : s->index < best->index);
        if (better)
            best = s;
    }
    return best;
}

/* ---- PPM ---- */

int vlm_media_ppm(const uint8_t *p, size_t n, uint32_t *width, uint32_t *height, size_t *used)
{
    uint64_t v[3];
    size_t at = 2;
    if (n >= 1 && (p[0] != 'P' || (n >= 2 && p[1] != '6')))
        return -1;
    for (int i = 0; i < 3; i++) {
        size_t digits = 0;
        v[i] = 0;
        while (at < n && (p[at] == ' ' || p[at] == '\n' || p[at] == '\r' || p[at] == '\t'))
            if (++at > 64)
                return -1;
        for (; at < n && is_digit((char)p[at]); at++, digits++)
            v[i] = v[i] * 10 + (uint64_t)(p[at] - '0');
        if (at >= n)
            return digits <= 9 && at <= 64 ? 0 : -1;
        if (digits == 0 || digits > 9)
            return -1;
    }
    if (v[0] == 0 || v[1] == 0 || v[2] != 255 ||
        (p[at] != '\n' && p[at] != ' ' && p[at] != '\t' && p[at] != '\r'))
        return -1;
    *width = (uint32_t)v[0];
    *height = (uint32_t)v[1];
    *used = at + 1;
    return 1;
}

/* ---- pdfinfo ---- */

/* The next line of text, without its end; NULL after the last. */
static const char *next_line(const char **at, const char *end, size_t *n)
{
    const char *line = *at;
    if (line >= end)
        return NULL;
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    *n = (size_t)((stop ? stop : end) - line);
    *at = stop ? stop + 1 : end;
    return line;
}

/* Words between blanks: the next one, or false. */
static bool next_word(struct field *w, const char **at, const char *end)
{
    while (*at < end && (**at == ' ' || **at == '\r'))
        ++*at;
    w->value = *at;
    while (*at < end && **at != ' ' && **at != '\r')
        ++*at;
    w->n_value = (size_t)(*at - w->value);
    return w->n_value > 0;
}

static bool word_is(const struct field *w, const char *s)
{
    return strlen(s) == w->n_value && memcmp(w->value, s, w->n_value) == 0;
}

/* A title may hold a line that looks like this one; the true one comes after all titles. */
bool vlm_media_pdf_pages(uint64_t *pages, const char *text, size_t n)
{
    const char *at = text, *line;
    size_t len;
    bool found = false;
    while ((line = next_line(&at, text + n, &len)) != NULL) {
        struct field w;
        const char *p = line;
        uint64_t v;
        if (next_word(&w, &p, line + len) && w.value == line && word_is(&w, "Pages:") &&
            next_word(&w, &p, line + len) && read_u64(&v, w.value, w.n_value)) {
            *pages = v;
            found = true;
        }
    }
    return found;
}

/* "Page N what: numbers" */
static bool page_line(const char *line, size_t len, size_t page, const char *what, double *v,
                      size_t n_v)
{
    struct field w;
    const char *p = line, *end = line + len;
    uint64_t number;
    if (!next_word(&w, &p, end) || w.value != line || !word_is(&w, "Page") ||
        !next_word(&w, &p, end) || !read_u64(&number, w.value, w.n_value) || number != page ||
        !next_word(&w, &p, end) || !word_is(&w, what))
        return false;
    for (size_t i = 0; i < n_v; i++)
        if (!next_word(&w, &p, end) || !read_decimal(&v[i], w.value, w.n_value))
            return false;
    return true;
}

bool vlm_media_pdf_size(double *width, double *height, const char *text, size_t n, size_t page)
{
    const char *at = text, *line;
    size_t len;
    double box[4] = {0}, turned = 0, v[4];
    bool has_box = false;
    while ((line = next_line(&at, text + n, &len)) != NULL) {
        if (page_line(line, len, page, "rot:", v, 1))
            turned = v[0];
        if (page_line(line, len, page, "MediaBox:", v, 4)) {
            memcpy(box, v, sizeof box);
            has_box = true;
        }
    }
    double w = fabs(box[2] - box[0]), h = fabs(box[3] - box[1]);
    bool swap = fmod(fabs(turned), 180) == 90;
    *width = swap ? h : w;
    *height = swap ? w : h;
    return has_box && isfinite(w) && isfinite(h);
}
