/* parse.c: statements.  Names of filters and tests are checked here, so that a template that cannot
 * run is refused when it is opened. */
#include <string.h>

#include "prompt/jinja.h"

static bool parse_body(struct vlm_parser *p, struct vlm_node **out, const char *const *ends);

static const char
    *const end_for[] = {"endfor", "else", NULL},
           *const end_for_else[] = {"endfor", NULL},
           *const end_if[] = {"endif", "elif", "else", NULL}, *const end_else[] = {"endif", NULL},
           *const end_set[] = {"endset", NULL}, *const end_macro[] = {"endmacro", NULL},
           *const end_call[] = {"endcall", NULL}, *const end_filter[] = {"endfilter", NULL},
           *const end_with[] = {"endwith", NULL}, *const end_generation[] = {"endgeneration", NULL};

/* After the head of a block tag: the body and, when one end alone is possible, that end. */
static bool parse_block(struct vlm_parser *p, struct vlm_node **out, const char *const *ends)
{
    vlm_parse_skip(p, VLM_T_COLON);
    if (!vlm_parse_expect(p, VLM_T_BLOCK_END, "'%}'") || !parse_body(p, out, ends))
        return false;
    if (p->at->kind == VLM_T_EOF)
        return vlm_parse_fail(p, ends[0]);
    if (!ends[1])
        p->at++;
    return true;
}

static struct vlm_node *parse_for(struct vlm_parser *p)
{
    struct vlm_node *n = vlm_parse_node(p, VLM_N_FOR, p->at->line);
    bool more;

    p->at++;
    if (!n || !(n->a = vlm_parse_target(p, false, "in")))
        return NULL;
    if (!vlm_parse_is(p, "in"))
        return vlm_parse_fail(p, "'in'"), NULL;
    p->at++;
    if (!(n->b = vlm_parse_tuple(p, false, "recursive")))
        return NULL;
    if (vlm_parse_is(p, "if")) {
        p->at++;
        if (!(n->c = vlm_parse_expression(p)))
            return NULL;
    }
    if (vlm_parse_is(p, "recursive"))
        return vlm_parse_fail(p, "a loop that is not recursive"), NULL;
    p->loops++;
    more = parse_block(p, &n->list, end_for);
    p->loops--;
    if (!more)
        return NULL;
    more = vlm_parse_is(p, "else");
    p->at++;
    return !more || parse_block(p, &n->list2, end_for_else) ? n : NULL;
}

/* One if with its elifs, which do not nest. */
static struct vlm_node *parse_if(struct vlm_parser *p)
{
    struct vlm_node *first = NULL, **place = &first;

    for (;;) {
        struct vlm_node *n = vlm_parse_node(p, VLM_N_IF, p->at->line);
        bool elif;
        if (!n)
            return NULL;
        n->op = first != NULL;
        p->at++;
        *place = n;
        if (!(n->a = vlm_parse_tuple(p, false, NULL)) || !parse_block(p, &n->list, end_if))
            return NULL;
        elif = vlm_parse_is(p, "elif");
        if (!elif) {
            bool has_else = vlm_parse_is(p, "else");
            p->at++;
            return !has_else || parse_block(p, &n->list2, end_else) ? first : NULL;
        }
        place = &n->list2;
    }
}

static struct vlm_node *parse_set(struct vlm_parser *p)
{
    unsigned line = p->at->line;
    struct vlm_node *n, *target;

    p->at++;
    target = vlm_parse_target(p, true, NULL);
    if (!target)
        return NULL;
    if (vlm_parse_skip(p, VLM_T_ASSIGN)) {
        n = vlm_parse_node(p, VLM_N_SET, line);
        if (!n || !(n->b = vlm_parse_tuple(p, true, NULL)))
            return NULL;
        n->a = target;
        return n;
    }
    n = vlm_parse_node(p, VLM_N_SETBLOCK, line);
    if (!n)
        return NULL;
    n->a = target;
    if (p->at->kind == VLM_T_PIPE && !(n->b = vlm_parse_filters(p, NULL, false)))
        return NULL;
    return parse_block(p, &n->list, end_set) ? n : NULL;
}

/* At "(": parameters into n->list2. */
static bool parse_signature(struct vlm_parser *p, struct vlm_node *n)
{
    struct vlm_node **tail = &n->list2;
    bool defaults = false;

    if (!vlm_parse_expect(p, VLM_T_LPAREN, "'('"))
        return false;
    while (p->at->kind != VLM_T_RPAREN) {
        struct vlm_node *param;
        if (n->list2 && !vlm_parse_expect(p, VLM_T_COMMA, "a comma"))
            return false;
        if (p->at->kind != VLM_T_NAME)
            return vlm_parse_fail(p, "the name of a parameter");
        param = vlm_parse_node(p, VLM_N_PARAM, p->at->line);
        if (!param || !(param->name = vlm_parse_intern(p, p->at->p, p->at->n)))
            return false;
        p->at++;
        if (vlm_parse_skip(p, VLM_T_ASSIGN)) {
            defaults = true;
            if (!(param->a = vlm_parse_expression(p)))
                return false;
        } else if (defaults) {
            return vlm_parse_fail(p, "a default, as parameters before it have");
        }
        *tail = param;
        tail = &param->next;
    }
    p->at++;
    return true;
}

/* The body of a macro: loops outside are not its own, and what it uses is noted. */
static bool parse_macro_body(struct vlm_parser *p, struct vlm_node *n, const char *const *ends)
{
    unsigned loops = p->loops;
    uint8_t uses = p->uses;
    bool ok;

    p->loops = 0;
    p->uses = 0;
    ok = parse_block(p, &n->list, ends);
    n->op = p->uses;
    for (const struct vlm_node *param = n->list2; param; param = param->next) {
        if (strcmp(param->name->p, "kwargs") == 0)
            n->op &= (uint8_t)~VLM_USES_KWARGS;
        if (strcmp(param->name->p, "varargs") == 0)
            n->op &= (uint8_t)~VLM_USES_VARARGS;
        if (strcmp(param->name->p, "caller") == 0)
            n->op &= (uint8_t)~VLM_USES_CALLER;
    }
    p->loops = loops;
    p->uses |= uses;
    return ok;
}

static struct vlm_node *parse_macro(struct vlm_parser *p)
{
    struct vlm_node *n = vlm_parse_node(p, VLM_N_MACRO, p->at->line);

    p->at++;
    if (!n)
        return NULL;
    if (p->at->kind != VLM_T_NAME)
        return vlm_parse_fail(p, "the name of a macro"), NULL;
    n->name = vlm_parse_intern(p, p->at->p, p->at->n);
    p->at++;
    return n->name && parse_signature(p, n) && parse_macro_body(p, n, end_macro) ? n : NULL;
}

static struct vlm_node *parse_call_block(struct vlm_parser *p)
{
    struct vlm_node *n = vlm_parse_node(p, VLM_N_CALLBLOCK, p->at->line);
    struct vlm_node *macro = vlm_parse_node(p, VLM_N_MACRO, p->at->line);

    p->at++;
    if (!n || !macro || !(macro->name = vlm_parse_intern(p, "caller", 6)))
        return NULL;
    if (p->at->kind == VLM_T_LPAREN && !parse_signature(p, macro))
        return NULL;
    if (!(n->a = vlm_parse_expression(p)))
        return NULL;
    if (n->a->kind != VLM_N_CALL)
        return vlm_parse_fail(p, "a call"), NULL;
    n->b = macro;
    return parse_macro_body(p, macro, end_call) ? n : NULL;
}

static struct vlm_node *parse_filter_block(struct vlm_parser *p)
{
    struct vlm_node *n = vlm_parse_node(p, VLM_N_FILTERBLOCK, p->at->line);

    p->at++;
    if (!n || !(n->a = vlm_parse_filters(p, NULL, true)))
        return NULL;
    return parse_block(p, &n->list, end_filter) ? n : NULL;
}

static struct vlm_node *parse_with(struct vlm_parser *p)
{
    struct vlm_node *n = vlm_parse_node(p, VLM_N_WITH, p->at->line), **tail;

    p->at++;
    if (!n)
        return NULL;
    tail = &n->list2;
    while (p->at->kind != VLM_T_BLOCK_END) {
        struct vlm_node *pair;
        if (n->list2 && !vlm_parse_expect(p, VLM_T_COMMA, "a comma"))
            return NULL;
        pair = vlm_parse_node(p, VLM_N_PAIR, p->at->line);
        if (!pair || !(pair->a = vlm_parse_target(p, false, NULL)))
            return NULL;
        if (!vlm_parse_expect(p, VLM_T_ASSIGN, "'='") || !(pair->b = vlm_parse_expression(p)))
            return NULL;
        *tail = pair;
        tail = &pair->next;
    }
    return parse_block(p, &n->list, end_with) ? n : NULL;
}

static struct vlm_node *parse_bare(struct vlm_parser *p, enum vlm_node_kind kind)
{
    if (kind != VLM_N_GENERATION && p->loops == 0)
        return vlm_parse_fail(p, "a loop around it"), NULL;
    p->at++;
    return vlm_parse_node(p, kind, p->at->line);
}

static struct vlm_node *parse_print(struct vlm_parser *p)
{
    struct vlm_node *n = vlm_parse_node(p, VLM_N_OUTPUT, p->at->line);

    p->at++;
    if (!n || !(n->a = vlm_parse_expression(p)))
        return NULL;
    return n;
}

static struct vlm_node *parse_statement(struct vlm_parser *p)
{
    struct vlm_node *n = NULL;

    if (!vlm_parse_enter(p))
        return NULL;
    if (vlm_parse_is(p, "for"))
        n = parse_for(p);
    else if (vlm_parse_is(p, "if"))
        n = parse_if(p);
    else if (vlm_parse_is(p, "set"))
        n = parse_set(p);
    else if (vlm_parse_is(p, "macro"))
        n = parse_macro(p);
    else if (vlm_parse_is(p, "call"))
        n = parse_call_block(p);
    else if (vlm_parse_is(p, "filter"))
        n = parse_filter_block(p);
    else if (vlm_parse_is(p, "with"))
        n = parse_with(p);
    else if (vlm_parse_is(p, "print"))
        n = parse_print(p);
    else if (vlm_parse_is(p, "break"))
        n = parse_bare(p, VLM_N_BREAK);
    else if (vlm_parse_is(p, "continue"))
        n = parse_bare(p, VLM_N_CONTINUE);
    else if (vlm_parse_is(p, "generation")) {
        n = parse_bare(p, VLM_N_GENERATION);
        if (n && !parse_block(p, &n->list, end_generation))
            n = NULL;
    } else {
        vlm_parse_fail(p, "a statement that is understood");
    }
    p->depth--;
    return n;
}

static struct vlm_node *parse_output(struct vlm_parser *p)
{
    struct vlm_node *n = vlm_parse_node(p, VLM_N_OUTPUT, p->at->line);

    p->at++;
    if (!n || !(n->a = vlm_parse_tuple(p, true, NULL)))
        return NULL;
    return vlm_parse_expect(p, VLM_T_VAR_END, "'}}'") ? n : NULL;
}

static struct vlm_node *parse_data(struct vlm_parser *p)
{
    struct vlm_node *n = vlm_parse_node(p, VLM_N_DATA, p->at->line);

    if (!n || !vlm_v_string(p->run, &n->value, p->at->p, p->at->n, false))
        return NULL;
    p->at++;
    return n;
}

/* Statements up to one of the ends (then that name is the next token) or to the template's end. */
static bool parse_body(struct vlm_parser *p, struct vlm_node **out, const char *const *ends)
{
    struct vlm_node **tail = out;

    while (p->at->kind != VLM_T_EOF) {
        struct vlm_node *n;
        if (p->at->kind == VLM_T_DATA) {
            n = parse_data(p);
        } else if (p->at->kind == VLM_T_VAR_BEGIN) {
            n = parse_output(p);
        } else {
            p->at++; /* BLOCK_BEGIN: nothing else stands outside tags */
            for (size_t i = 0; ends && ends[i]; i++) {
                if (vlm_parse_is(p, ends[i]))
                    return true;
            }
            n = parse_statement(p);
            if (n && !vlm_parse_expect(p, VLM_T_BLOCK_END, "'%}'"))
                n = NULL;
        }
        if (!n)
            return false;
        *tail = n;
        tail = &n->next;
    }
    return true;
}

bool vlm_jinja_parse(struct vlm_run *r, struct vlm_tree *out, const char *source, size_t n)
{
    struct vlm_lexemes tokens = {NULL, 0, 0};
    struct vlm_parser p = {.run = r, .tree = out};
    bool ok = vlm_jinja_lex(r, &tokens, source, n);

    memset(out, 0, sizeof *out);
    if (ok) {
        p.at = tokens.data;
        ok = parse_body(&p, &out->body, NULL);
    }
    if (ok) {
        out->loop = vlm_parse_intern(&p, "loop", 4);
        out->special[0] = vlm_parse_intern(&p, "caller", 6);
        out->special[1] = vlm_parse_intern(&p, "kwargs", 6);
        out->special[2] = vlm_parse_intern(&p, "varargs", 7);
    }
    vlm_mem_free(r->alloc, tokens.data);
    return ok && !r->status;
}
