/* template.c: opening a chat template and running it on a conversation, with the texts of users
 * marked in the result. */
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/utf8.h"
#include "prompt/jinja.h"
#include "prompt/prompt.h"
#include "prompt/run.h"

struct vlm_template {
    const vlm_allocator *alloc;
    struct vlm_run run; /* holds the tree */
    struct vlm_tree tree;
    char *file;
    bool texts; /* contents are to be strings, not lists of parts */
};

/* Newlines become \n and one at the end is dropped, as jinja2 does. */
static char *normal_source(struct vlm_run *r, const char *source, size_t *n)
{
    char *copy = vlm_run_alloc(r, *n + 1, 1);
    size_t k = 0;

    for (size_t i = 0; copy && i < *n; i++) {
        if (source[i] == '\r') {
            copy[k++] = '\n';
            i += i + 1 < *n && source[i + 1] == '\n';
        } else {
            copy[k++] = source[i];
        }
    }
    if (copy && k && copy[k - 1] == '\n')
        k--;
    *n = k;
    return copy;
}

static int probe(vlm_template *t, vlm_error *err);

int vlm_template_open(vlm_template **out, const vlm_allocator *alloc, const char *source, size_t n,
                      const char *file, vlm_error *err)
{
    vlm_template *t;
    char *copy;
    int status = VLM_OK;

    if (n > VLM_LIMIT_TEMPLATE_BYTES)
        return vlm_fail(err, VLM_ERR_LIMIT,
                        "%s: the chat template has %zu bytes, expected at most %llu", file, n,
                        (unsigned long long)VLM_LIMIT_TEMPLATE_BYTES);
    if (n && !vlm_utf8_valid(source, n))
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: the chat template is not valid UTF-8", file);
    t = vlm_mem_zalloc(alloc, 1, sizeof *t);
    if (!t)
        return vlm_fail_memory(err, sizeof *t, "a chat template");
    t->alloc = alloc;
    t->file = vlm_mem_strndup(alloc, file, strlen(file));
    vlm_run_init(&t->run, alloc, t->file, err);
    copy = t->file ? normal_source(&t->run, source, &n) : NULL;
    if (!t->file)
        status = vlm_fail_memory(err, strlen(file), "a file name");
    else if (!copy || !vlm_jinja_parse(&t->run, &t->tree, copy, n))
        status = t->run.status;
    t->run.err = NULL;
    if (status == VLM_OK)
        status = probe(t, err);
    if (status != VLM_OK) {
        vlm_template_close(t);
        return status;
    }
    *out = t;
    return VLM_OK;
}

void vlm_template_close(vlm_template *t)
{
    if (!t)
        return;
    vlm_run_free(&t->run);
    vlm_mem_free(t->alloc, t->file);
    vlm_mem_free(t->alloc, t);
}

void vlm_prompt_text_init(struct vlm_prompt_text *p, const vlm_allocator *alloc)
{
    memset(p, 0, sizeof *p);
    vlm_buf_init(&p->text, alloc, VLM_LIMIT_TEMPLATE_OUTPUT_BYTES);
}

void vlm_prompt_text_free(struct vlm_prompt_text *p)
{
    vlm_mem_free(p->text.alloc, p->plain);
    vlm_buf_free(&p->text);
    p->plain = NULL;
    p->n_plain = p->cap_plain = 0;
}

/* ---- running
 * ------------------------------------------------------------------------------------- */

void vlm_template_begin(const vlm_template *t, struct vlm_run *r, const vlm_allocator *alloc,
                        vlm_error *err)
{
    vlm_run_init(r, alloc, t->file, err);
    r->loop_name = t->tree.loop;
    r->special = t->tree.special;
    r->now = (int64_t)time(NULL);
}

bool vlm_template_run(const vlm_template *t, struct vlm_run *r, const struct vlm_value *variables,
                      struct vlm_value *out)
{
    struct vlm_scope *globals = vlm_scope_new(r, NULL), *top = vlm_scope_new(r, globals);
    struct vlm_text text = {0};

    if (!globals || !top)
        return false;
    for (size_t i = 0; i < variables->u.dict->n; i++) {
        const struct vlm_pair *p = &variables->u.dict->pairs[i];
        const struct vlm_name *name = vlm_tree_name(&t->tree, p->key.u.s->p, p->key.u.s->n);
        if (name && !vlm_scope_set(r, globals, name, p->value))
            return false;
    }
    r->out = &text;
    if (vlm_exec(r, t->tree.body, top) == VLM_FLOW_ERROR)
        return false;
    r->out = NULL;
    return vlm_text_finish(r, &text, out);
}

/* s[begin, end) and its marks, appended to the caller's text. */
static bool copy_out(struct vlm_prompt_text *p, const struct vlm_str *s, size_t end)
{
    size_t base = p->text.n;

    for (size_t i = 0, k; i < end; i = k) {
        bool user = s->mask ? s->mask[i] : s->user;
        for (k = s->mask ? i + 1 : end; k < end && s->mask[k] == s->mask[i]; k++)
            ;
        if (!user)
            continue;
        if (!vlm_grow(p->text.alloc, &p->plain, &p->cap_plain, p->n_plain, sizeof *p->plain))
            return false;
        p->plain[p->n_plain].begin = base + i;
        p->plain[p->n_plain++].end = base + k;
    }
    return vlm_buf_append(&p->text, s->p, end);
}

static bool make_part(struct vlm_run *r, const vlm_part *part, const char *tag, size_t n_tag,
                      struct vlm_value *out)
{
    struct vlm_value kind, text;
    bool is_text = part->kind == VLM_PART_TEXT;
    const char *type = is_text ? "text" : part->kind == VLM_PART_VIDEO ? "video" : "image";

    if (!vlm_v_dict(r, out, VLM_V_DICT, 2) || !vlm_v_string(r, &kind, type, strlen(type), false) ||
        !vlm_v_puts(r, out, "type", kind))
        return false;
    if (!is_text)
        return true;
    if (n_tag) {
        struct vlm_text t = {0};
        if (!vlm_v_user_string(r, &text, part->text, part->n_text) ||
            !vlm_text_str(r, &t, text.u.s) || !vlm_text_append(r, &t, tag, n_tag, true) ||
            !vlm_text_finish(r, &t, &text))
            return false;
    } else if (!vlm_v_user_string(r, &text, part->text, part->n_text)) {
        return false;
    }
    return vlm_v_puts(r, out, "text", text);
}

/* The parts one behind the other, pictures and videos as the slots that the template lacks. */
static bool make_text(struct vlm_run *r, const vlm_message *m, const char *tag, size_t n_tag,
                      struct vlm_value *out)
{
    struct vlm_text t = {0};
    struct vlm_value part;
    bool ok = true;

    for (size_t i = 0; ok && i < m->n_parts; i++) {
        if (m->parts[i].kind != VLM_PART_TEXT)
            ok = vlm_text_puts(r, &t, m->parts[i].kind == VLM_PART_IMAGE ? "<image>" : "<video>");
        else
            ok = vlm_v_user_string(r, &part, m->parts[i].text, m->parts[i].n_text) &&
                 vlm_text_str(r, &t, part.u.s);
    }
    return ok && (!n_tag || vlm_text_append(r, &t, tag, n_tag, true)) &&
           vlm_text_finish(r, &t, out);
}

static bool make_message(struct vlm_run *r, const vlm_message *m, bool texts, const char *tag,
                         size_t n_tag, struct vlm_value *out)
{
    struct vlm_value role, content, part;
    size_t last = m->n_parts;

    for (size_t i = 0; i < m->n_parts; i++)
        last = m->parts[i].kind == VLM_PART_TEXT ? i : last;
    if (n_tag && last == m->n_parts)
        return vlm_run_fail(r, VLM_ERR_ARGUMENT, "a message to be continued has no text");
    if (m->n_parts > VLM_LIMIT_PARTS)
        return vlm_run_fail(r, VLM_ERR_LIMIT, "a message has %zu parts, expected at most %llu",
                            m->n_parts, (unsigned long long)VLM_LIMIT_PARTS);
    if (!vlm_v_dict(r, out, VLM_V_DICT, 2) ||
        !vlm_v_user_string(r, &role, m->role, strlen(m->role)) || !vlm_v_puts(r, out, "role", role))
        return false;
    if (texts)
        return make_text(r, m, tag, n_tag, &content) && vlm_v_puts(r, out, "content", content);
    if (!vlm_v_list(r, &content, VLM_V_LIST, m->n_parts))
        return false;
    for (size_t i = 0; i < m->n_parts; i++) {
        if (!make_part(r, &m->parts[i], tag, i == last ? n_tag : 0, &part) ||
            !vlm_v_push(r, &content, part))
            return false;
    }
    return vlm_v_puts(r, out, "content", content);
}

/* transformers continues a message by putting this behind its last text and cutting there. */
static const char tag_text[] = "CONTINUE_FINAL_MESSAGE_TAG ";

static bool cut_at_tag(struct vlm_run *r, const struct vlm_str *s, size_t *end)
{
    size_t n = sizeof tag_text - 1, at = s->n;
    struct vlm_value left;
    bool whole;

    while (at >= n - 1 && memcmp(s->p + at - (n - 1), tag_text, n - 1) != 0)
        at--;
    if (at < n - 1)
        return vlm_run_fail(r, VLM_ERR_FORMAT,
                            "the template does not write out the message to be continued");
    whole = at < s->n && s->p[at] == ' ';
    *end = at - (n - 1);
    if (whole)
        return true;
    /* the template trims texts: so is what is continued */
    if (!vlm_v_slice(r, &left, s, 0, *end) || !vlm_str_strip(r, left.u.s, NULL, false, true, &left))
        return false;
    *end = left.u.s->n;
    return true;
}

/* Members of the JSON message that the message itself does not have. */
static bool add_members(struct vlm_run *r, struct vlm_value *m, const struct vlm_value *json)
{
    if (json->kind != VLM_V_DICT)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "a message is no JSON object");
    for (size_t i = 0; i < json->u.dict->n; i++) {
        const struct vlm_pair *p = &json->u.dict->pairs[i];
        bool content = vlm_str_is(p->key.u.s, "content");
        if (vlm_str_is(p->key.u.s, "role") || vlm_str_is(p->key.u.s, "prefix") ||
            (content && p->value.kind != VLM_V_NONE))
            continue;
        if (!vlm_v_put(r, m, p->key, p->value))
            return false;
    }
    return true;
}

/* A JSON list, or none. */
static bool read_list(struct vlm_run *r, struct vlm_value *out, const char *json, const char *what)
{
    *out = vlm_v_none();
    if (!json)
        return true;
    if (!vlm_v_json(r, out, json, strlen(json), what))
        return false;
    return out->kind == VLM_V_LIST || vlm_run_fail(r, VLM_ERR_FORMAT, "%s are no JSON list", what);
}

struct conversation {
    const vlm_message *messages;
    size_t n;
    const struct vlm_prompt_data *data;
    bool generation, prefix, texts;
};

static bool make_variables(struct vlm_run *r, const struct conversation *c, struct vlm_value *out)
{
    struct vlm_value list, m, tools, members;

    if (!vlm_v_dict(r, out, VLM_V_DICT, 4) || !vlm_v_list(r, &list, VLM_V_LIST, c->n) ||
        !read_list(r, &tools, c->data->tools, "tools") ||
        !read_list(r, &members, c->data->messages, "messages"))
        return false;
    if (c->data->messages && members.u.seq->n != c->n)
        return vlm_run_fail(r, VLM_ERR_ARGUMENT, "%zu messages in JSON, expected %zu",
                            members.u.seq->n, c->n);
    for (size_t i = 0; i < c->n; i++) {
        if (!make_message(r, &c->messages[i], c->texts, tag_text,
                          c->prefix && i + 1 == c->n ? sizeof tag_text - 1 : 0, &m) ||
            (c->data->messages && !add_members(r, &m, &members.u.seq->items[i])) ||
            !vlm_v_push(r, &list, m))
            return false;
    }
    return vlm_v_puts(r, out, "messages", list) && vlm_v_puts(r, out, "tools", tools) &&
           vlm_v_puts(r, out, "documents", vlm_v_none()) &&
           vlm_v_puts(r, out, "add_generation_prompt", vlm_v_bool(c->generation && !c->prefix));
}

/* Runs within steps; what it took to make the variables is not the template's. */
static bool render(const vlm_template *t, struct vlm_run *run, const struct conversation *c,
                   uint64_t steps, struct vlm_value *text)
{
    struct vlm_value variables;

    if (!make_variables(run, c, &variables))
        return false;
    run->steps = steps;
    return vlm_template_run(t, run, &variables, text);
}

int vlm_prompt_render_data(struct vlm_prompt_text *out, const vlm_template *t,
                           const vlm_message *messages, size_t n_messages,
                           bool add_generation_prompt, const struct vlm_prompt_data *data,
                           vlm_error *err)
{
    bool prefix = n_messages && messages[n_messages - 1].prefix, ok;
    const struct conversation c = {messages, n_messages, data, add_generation_prompt,
                                   prefix,   t->texts};
    struct vlm_run run;
    struct vlm_value text;
    size_t end = 0;
    int status;

    if (n_messages > VLM_LIMIT_MESSAGES)
        return vlm_fail(err, VLM_ERR_LIMIT, "%zu messages, expected at most %llu", n_messages,
                        (unsigned long long)VLM_LIMIT_MESSAGES);
    vlm_template_begin(t, &run, out->text.alloc, err);
    ok = render(t, &run, &c, VLM_LIMIT_TEMPLATE_STEPS, &text);
    run.line = 0;
    if (ok) {
        end = text.u.s->n;
        ok = !prefix || cut_at_tag(&run, text.u.s, &end);
    }
    status = run.status;
    if (ok && !copy_out(out, text.u.s, end))
        status = vlm_fail_memory(err, end, "a prompt");
    vlm_run_free(&run);
    return status;
}

int vlm_prompt_render(struct vlm_prompt_text *out, const vlm_template *t,
                      const vlm_message *messages, size_t n_messages, bool add_generation_prompt,
                      vlm_error *err)
{
    static const struct vlm_prompt_data none = {NULL, NULL};

    return vlm_prompt_render_data(out, t, messages, n_messages, add_generation_prompt, &none, err);
}

/* ---- lists of parts, or texts? ---- */

#define PROBE "vlm probe"

/* Is the text written out, and not as a part of a list that is printed? */
static bool shows(const vlm_template *t, bool texts, bool *as_list, int *status)
{
    static const struct vlm_prompt_data none = {NULL, NULL};
    const vlm_part part = {VLM_PART_TEXT, PROBE, sizeof PROBE - 1, NULL, NULL};
    const vlm_message message = {"user", &part, 1, 0};
    const struct conversation c = {&message, 1, &none, true, false, texts};
    struct vlm_run run;
    struct vlm_value text;
    bool found = false;

    vlm_template_begin(t, &run, t->alloc, NULL);
    if (render(t, &run, &c, 20000, &text)) {
        const struct vlm_str *s = text.u.s;
        const char *at = s->n ? memmem(s->p, s->n, PROBE, sizeof PROBE - 1) : NULL;
        found = at != NULL;
        *as_list = at > s->p && (at[-1] == '\'' || at[-1] == '"') &&
                   memmem(s->p, (size_t)(at - s->p), "type", 4);
    }
    *status = run.status;
    vlm_run_free(&run);
    return found;
}

/* A template that prints a list of parts as such, or nothing of it, but a text as it is, wants
 * texts.  What it does else is for the conversation to see. */
static int probe(vlm_template *t, vlm_error *err)
{
    bool as_list = false;
    int status = VLM_OK, other = VLM_OK;

    if (!shows(t, false, &as_list, &status) || as_list)
        t->texts = shows(t, true, &as_list, &other) && !as_list;
    return status == VLM_ERR_MEMORY || other == VLM_ERR_MEMORY
               ? vlm_fail_memory(err, 0, "a chat template")
               : VLM_OK;
}
