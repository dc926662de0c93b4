/* value.c: the memory and budgets of a run, and the making of values.  The arena only grows; a run
 * is short and its size is bounded by VLM_RUN_BYTES. */
#include "prompt/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/utf8.h"

struct vlm_chunk {
    struct vlm_chunk *next;
    size_t used, size;
};
enum { ALIGN = 16, CHUNK = 16384, HEADER = (sizeof(struct vlm_chunk) + ALIGN - 1) / ALIGN * ALIGN };

void vlm_run_init(struct vlm_run *r, const vlm_allocator *alloc, const char *file, vlm_error *err)
{
    memset(r, 0, sizeof *r);
    r->alloc = alloc;
    r->file = file;
    r->err = err;
    r->steps = VLM_LIMIT_TEMPLATE_STEPS;
}

void vlm_run_free(struct vlm_run *r)
{
    while (r->chunks) {
        struct vlm_chunk *next = r->chunks->next;
        vlm_mem_free(r->alloc, r->chunks);
        r->chunks = next;
    }
}

bool vlm_run_fail(struct vlm_run *r, vlm_status status, const char *fmt, ...)
{
    char text[224];
    va_list ap;

    if (r->status)
        return false;
    r->status = status;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (r->line)
        vlm_fail(r->err, status, "%s: line %u: %s", r->file, r->line, text);
    else
        vlm_fail(r->err, status, "%s: %s", r->file, text);
    return false;
}

static bool run_pay(struct vlm_run *r, uint64_t cost)
{
    if (r->steps < cost) {
        r->steps = 0;
        return vlm_run_fail(r, VLM_ERR_LIMIT, "the template takes more than %llu steps",
                            (unsigned long long)VLM_LIMIT_TEMPLATE_STEPS);
    }
    r->steps -= cost;
    return true;
}

bool vlm_run_step(struct vlm_run *r)
{
    return run_pay(r, 1);
}

bool vlm_run_work(struct vlm_run *r, size_t n)
{
    uint64_t cost = n / 256;

    r->owed += n % 256;
    cost += r->owed / 256;
    r->owed %= 256;
    return run_pay(r, cost);
}

static bool run_chunk(struct vlm_run *r, size_t need)
{
    /* doubling keeps the number of chunks small and the last one no larger than all before */
    size_t size = vlm_max_size(CHUNK, vlm_min_size(r->bytes, (size_t)1 << 20));
    struct vlm_chunk *c;

    size = vlm_max_size(size, need) + HEADER;
    if (size > VLM_RUN_BYTES - r->bytes)
        return vlm_run_fail(r, VLM_ERR_LIMIT, "the template makes more than %llu bytes of values",
                            (unsigned long long)VLM_RUN_BYTES);
    c = vlm_mem_alloc(r->alloc, 1, size);
    if (!c) {
        r->status = vlm_fail_memory(r->err, size, "a chat template");
        return false;
    }
    c->next = r->chunks;
    c->size = size - HEADER;
    c->used = 0;
    r->chunks = c;
    r->bytes += size;
    return true;
}

void *vlm_run_alloc(struct vlm_run *r, size_t n, size_t size)
{
    size_t bytes;
    char *p;

    if (r->status)
        return NULL;
    if (!vlm_mul_size(&bytes, n, size) || bytes > VLM_RUN_BYTES) {
        vlm_run_fail(r, VLM_ERR_LIMIT, "the template makes more than %llu bytes of values",
                     (unsigned long long)VLM_RUN_BYTES);
        return NULL;
    }
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (!r->chunks || r->chunks->size - r->chunks->used < bytes) {
        if (!run_chunk(r, bytes))
            return NULL;
    }
    p = (char *)r->chunks + HEADER + r->chunks->used;
    r->chunks->used += bytes;
    memset(p, 0, bytes);
    return p;
}

/* ---- text
 * ---------------------------------------------------------------------------------------- */

static bool text_reserve(struct vlm_run *r, struct vlm_text *t, size_t more)
{
    size_t cap;
    char *p;

    if (more <= t->cap - t->n)
        return true;
    if (more > VLM_LIMIT_TEMPLATE_OUTPUT_BYTES || t->n + more > VLM_LIMIT_TEMPLATE_OUTPUT_BYTES)
        return vlm_run_fail(r, VLM_ERR_LIMIT, "the template writes more than %llu bytes",
                            (unsigned long long)VLM_LIMIT_TEMPLATE_OUTPUT_BYTES);
    cap = vlm_max_size(t->n + more, t->cap ? 2 * t->cap : 48);
    p = vlm_run_alloc(r, cap, 1);
    if (!p)
        return false;
    if (t->n)
        memcpy(p, t->p, t->n);
    t->p = p;
    t->cap = cap;
    return true;
}

/* From here on (or at a larger size) marks are kept byte by byte. */
static bool text_mark(struct vlm_run *r, struct vlm_text *t)
{
    uint8_t *mask;

    if (t->mask && t->mask_cap >= t->cap)
        return true;
    mask = vlm_run_alloc(r, t->cap, 1);
    if (!mask)
        return false;
    if (t->mask)
        memcpy(mask, t->mask, t->n);
    else
        memset(mask, t->user, t->n);
    t->mask = mask;
    t->mask_cap = t->cap;
    return true;
}

static bool text_append(struct vlm_run *r, struct vlm_text *t, const char *p, size_t n,
                        const uint8_t *mask, bool user)
{
    if (n == 0)
        return true;
    if (!vlm_run_work(r, 8) || !vlm_run_work(r, n) || !text_reserve(r, t, n))
        return false;
    if (t->n == 0 && !mask && !t->mask)
        t->user = user;
    if (t->mask || mask || t->user != user) {
        if (!text_mark(r, t))
            return false;
        if (mask)
            memcpy(t->mask + t->n, mask, n);
        else
            memset(t->mask + t->n, user, n);
    }
    memcpy(t->p + t->n, p, n);
    t->n += n;
    return true;
}

bool vlm_text_append(struct vlm_run *r, struct vlm_text *t, const char *p, size_t n, bool user)
{
    return text_append(r, t, p, n, NULL, user);
}

bool vlm_text_puts(struct vlm_run *r, struct vlm_text *t, const char *s)
{
    return text_append(r, t, s, strlen(s), NULL, false);
}

bool vlm_text_str(struct vlm_run *r, struct vlm_text *t, const struct vlm_str *s)
{
    return text_append(r, t, s->p, s->n, s->mask, s->user);
}

static bool string_new(struct vlm_run *r, struct vlm_value *out, struct vlm_str s)
{
    struct vlm_str *copy = vlm_run_alloc(r, 1, sizeof *copy);

    if (!copy)
        return false;
    *copy = s;
    *out = vlm_v_of(VLM_V_STRING);
    out->u.s = copy;
    return true;
}

bool vlm_text_finish(struct vlm_run *r, struct vlm_text *t, struct vlm_value *out)
{
    struct vlm_str s = {t->p ? t->p : "", t->n, t->mask, t->user, t->markup};

    return string_new(r, out, s);
}

/* ---- making
 * -------------------------------------------------------------------------------------- */

bool vlm_v_string(struct vlm_run *r, struct vlm_value *out, const char *p, size_t n, bool user)
{
    struct vlm_str s = {n ? p : "", n, NULL, user, false};

    return string_new(r, out, s);
}

bool vlm_v_user_string(struct vlm_run *r, struct vlm_value *out, const char *p, size_t n)
{
    struct vlm_text t = {.user = true};
    size_t i = 0;

    if (n == 0 || vlm_utf8_valid(p, n))
        return vlm_v_string(r, out, p, n, true);
    while (i < n) {
        uint32_t c;
        size_t k = vlm_utf8_decode(&c, p + i, n - i);
        bool good = c != VLM_UTF8_BAD;
        if (!vlm_text_append(r, &t, good ? p + i : "\xEF\xBF\xBD", good ? k : 3, true))
            return false;
        i += k;
    }
    return vlm_text_finish(r, &t, out);
}

bool vlm_v_slice(struct vlm_run *r, struct vlm_value *out, const struct vlm_str *s, size_t begin,
                 size_t end)
{
    struct vlm_str part = {s->p + begin, end - begin, s->mask ? s->mask + begin : NULL, s->user,
                           s->markup};

    return string_new(r, out, part);
}

bool vlm_v_undefined(struct vlm_run *r, struct vlm_value *out, const char *owner, const char *name,
                     size_t n)
{
    struct vlm_undefined *u = vlm_run_alloc(r, 1, sizeof *u);

    if (!u)
        return false;
    u->owner = owner;
    u->name = name;
    u->n = n;
    *out = vlm_v_of(VLM_V_UNDEFINED);
    out->u.undefined = u;
    return true;
}

bool vlm_v_list(struct vlm_run *r, struct vlm_value *out, enum vlm_value_kind kind, size_t cap)
{
    struct vlm_seq *seq = vlm_run_alloc(r, 1, sizeof *seq);

    if (!seq)
        return false;
    if (cap) {
        seq->items = vlm_run_alloc(r, cap, sizeof *seq->items);
        if (!seq->items)
            return false;
        seq->cap = cap;
    }
    *out = vlm_v_of(kind);
    out->u.seq = seq;
    return true;
}

bool vlm_v_push(struct vlm_run *r, struct vlm_value *list, struct vlm_value item)
{
    struct vlm_seq *seq = list->u.seq;

    if (!vlm_run_step(r))
        return false;
    if (seq->n == seq->cap) {
        size_t cap = seq->cap ? 2 * seq->cap : 4;
        struct vlm_value *items = vlm_run_alloc(r, cap, sizeof *items);
        if (!items)
            return false;
        if (seq->n)
            memcpy(items, seq->items, seq->n * sizeof *items);
        seq->items = items;
        seq->cap = cap;
    }
    seq->items[seq->n++] = item;
    return true;
}

bool vlm_v_dict(struct vlm_run *r, struct vlm_value *out, enum vlm_value_kind kind, size_t cap)
{
    struct vlm_dict *dict = vlm_run_alloc(r, 1, sizeof *dict);

    if (!dict)
        return false;
    if (cap) {
        dict->pairs = vlm_run_alloc(r, cap, sizeof *dict->pairs);
        if (!dict->pairs)
            return false;
        dict->cap = cap;
    }
    *out = vlm_v_of(kind);
    out->u.dict = dict;
    return true;
}

static bool hashable(const struct vlm_value *v, unsigned depth)
{
    if (v->kind == VLM_V_LIST || v->kind == VLM_V_DICT || depth > VLM_LIMIT_TEMPLATE_DEPTH)
        return false;
    if (v->kind == VLM_V_TUPLE) {
        for (size_t i = 0; i < v->u.seq->n; i++) {
            if (!hashable(&v->u.seq->items[i], depth + 1))
                return false;
        }
    }
    return true;
}

bool vlm_v_find(struct vlm_run *r, const struct vlm_value *dict, const struct vlm_value *key,
                struct vlm_value **out)
{
    struct vlm_dict *d = dict->u.dict;

    *out = NULL;
    if (!hashable(key, 0))
        return vlm_run_fail(r, VLM_ERR_FORMAT, "unhashable type: '%s'", vlm_v_type(key));
    /* dicts of messages and tools are small; large ones pay for the search */
    for (size_t i = 0; i < d->n; i++) {
        const struct vlm_value *k = &d->pairs[i].key;
        bool same;
        if (k->kind == VLM_V_STRING && key->kind == VLM_V_STRING) {
            if ((i & 15) == 15 && !vlm_run_step(r))
                return false;
            if (k->u.s->n != key->u.s->n)
                continue;
        }
        if (!vlm_v_equal(r, &same, k, key))
            return false;
        if (same) {
            *out = &d->pairs[i].value;
            return true;
        }
    }
    return true;
}

bool vlm_v_put(struct vlm_run *r, struct vlm_value *dict, struct vlm_value key,
               struct vlm_value value)
{
    struct vlm_dict *d = dict->u.dict;
    struct vlm_value *old;

    if (!vlm_v_find(r, dict, &key, &old))
        return false;
    if (old) {
        *old = value;
        return true;
    }
    if (d->n == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 4;
        struct vlm_pair *pairs = vlm_run_alloc(r, cap, sizeof *pairs);
        if (!pairs)
            return false;
        if (d->n)
            memcpy(pairs, d->pairs, d->n * sizeof *pairs);
        d->pairs = pairs;
        d->cap = cap;
    }
    d->pairs[d->n].key = key;
    d->pairs[d->n++].value = value;
    return true;
}

bool vlm_v_puts(struct vlm_run *r, struct vlm_value *dict, const char *key, struct vlm_value value)
{
    struct vlm_value k;

    return vlm_v_string(r, &k, key, strlen(key), false) && vlm_v_put(r, dict, k, value);
}
