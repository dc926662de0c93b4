/* lex.c: template source to tokens: text and tags with their white space control, and what stands
 * in tags.  Strings are not decoded here.  One pass, no look-ahead beyond the end of a tag's mark.
 */
#include <string.h>

#include "base/utf8.h"
#include "prompt/jinja.h"

struct lexer {
    struct vlm_run *run;
    struct vlm_lexemes *out;
    const char *p, *end;
    unsigned line;
    bool line_starting;                  /* the last match ended with a newline */
    char open[VLM_LIMIT_TEMPLATE_DEPTH]; /* brackets to be closed */
    size_t n_open;
};

static bool lex_fail(struct lexer *x, const char *what)
{
    x->run->line = x->line;
    return vlm_run_fail(x->run, VLM_ERR_FORMAT, "%s", what);
}

static bool lex_push(struct lexer *x, enum vlm_token_kind kind, const char *p, size_t n)
{
    struct vlm_lexemes *o = x->out;

    if (!vlm_grow(x->run->alloc, &o->data, &o->cap, o->n, sizeof *o->data)) {
        x->run->status = vlm_fail_memory(x->run->err, o->n * sizeof *o->data, "a chat template");
        return false;
    }
    o->data[o->n].kind = (uint8_t)kind;
    o->data[o->n].line = x->line;
    o->data[o->n].p = p;
    o->data[o->n++].n = n;
    return true;
}

/* Moves to q, counting lines. */
static void lex_to(struct lexer *x, const char *q)
{
    for (const char *p = x->p; p < q; p++)
        x->line += *p == '\n';
    if (q > x->p)
        x->line_starting = q[-1] == '\n';
    x->p = q;
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end) {
        uint32_t c;
        size_t k = vlm_utf8_decode(&c, p, (size_t)(end - p));
        if (c == VLM_UTF8_BAD || !vlm_char_space(c))
            break;
        p += k;
    }
    return p;
}

static const char *strip_right(const char *begin, const char *p)
{
    while (p > begin) {
        const char *q = p - 1;
        uint32_t c;
        while (q > begin && ((unsigned char)*q & 0xC0) == 0x80)
            q--;
        vlm_utf8_decode(&c, q, (size_t)(p - q));
        if (!vlm_char_space(c))
            break;
        p = q;
    }
    return p;
}

static bool starts(const struct lexer *x, const char *p, const char *s)
{
    size_t n = strlen(s);

    return (size_t)(x->end - p) >= n && memcmp(p, s, n) == 0;
}

/* The text before a tag at q whose sign is given; '{' in kind tells variables. */
static bool lex_data(struct lexer *x, const char *q, char sign, bool variable)
{
    const char *end = q;

    if (sign == '-') {
        end = strip_right(x->p, q);
    } else if (sign != '+' && !variable) {
        const char *l = q;
        while (l > x->p && l[-1] != '\n')
            l--;
        if ((l > x->p || x->line_starting) && skip_space(l, q) == q)
            end = l;
    }
    if (end > x->p && !lex_push(x, VLM_T_DATA, x->p, (size_t)(end - x->p)))
        return false;
    lex_to(x, q);
    return true;
}

static char sign_at(const struct lexer *x, const char *p)
{
    return p < x->end && (*p == '-' || *p == '+') ? *p : 0;
}

/* Behind "%}" or "#}" at p, whose sign is given. */
static const char *tag_end(const struct lexer *x, const char *p, char sign)
{
    p += 2;
    if (sign == '-')
        return skip_space(p, x->end);
    return sign == 0 && p < x->end && *p == '\n' ? p + 1 : p;
}

static bool lex_comment(struct lexer *x)
{
    const char *q = x->p + 2;
    char sign;

    q += sign_at(x, q) != 0;
    for (const char *from = q; q < x->end; q++) {
        if (!starts(x, q, "#}"))
            continue;
        sign = q > from ? sign_at(x, q - 1) : 0;
        lex_to(x, tag_end(x, q, sign));
        return true;
    }
    return lex_fail(x, "a comment {# is not closed");
}

/* Is there, at p behind "{%" and sign, "word" and "%}"?  Returns where "%}" (or its '-') begins. */
static const char *bare_tag(const struct lexer *x, const char *p, const char *word)
{
    p = skip_space(p, x->end);
    if (!starts(x, p, word))
        return NULL;
    p = skip_space(p + strlen(word), x->end);
    return starts(x, p, "%}") || starts(x, p, "-%}") || starts(x, p, "+%}") ? p : NULL;
}

/* At "{% raw %}", whose end mark begins at body.  Everything up to "{% endraw %}" is text. */
static bool lex_raw(struct lexer *x, const char *body)
{
    bool strip = *body == '-';

    body += strip ? 3 : 2;
    lex_to(x, strip ? skip_space(body, x->end) : body);
    for (const char *q = x->p; q < x->end; q++) {
        const char *close;
        char sign;
        if (!starts(x, q, "{%"))
            continue;
        sign = sign_at(x, q + 2);
        close = bare_tag(x, q + 2 + (sign != 0), "endraw");
        if (!close)
            continue;
        if (!lex_data(x, q, sign, false))
            return false;
        sign = sign_at(x, close);
        lex_to(x, tag_end(x, close + (sign != 0), sign));
        return true;
    }
    return lex_fail(x, "{% raw %} is not closed");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool is_word(char c)
{
    return is_digit(c) || c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* Digits with single "_" between. */
static const char *digits(const struct lexer *x, const char *p)
{
    while (p < x->end && (is_digit(*p) || (*p == '_' && p + 1 < x->end && is_digit(p[1]))))
        p++;
    return p;
}

static bool lex_number(struct lexer *x)
{
    const char *q = digits(x, x->p), *e;
    bool real = false, index = x->p[-1] == '.'; /* a.0.1: behind a dot stands no float */

    if (x->p[0] == '0' && x->p + 1 < x->end && x->p[1] && strchr("bBoOxX", x->p[1])) {
        q = x->p + 2;
        while (q < x->end && (is_digit(*q) || *q == '_' || ((*q | 32) >= 'a' && (*q | 32) <= 'f')))
            q++;
        index = true;
    }
    if (!index && starts(x, q, ".") && q + 1 < x->end && is_digit(q[1])) {
        q = digits(x, q + 1);
        real = true;
    }
    e = q;
    if (!index && e < x->end && (*e | 32) == 'e') {
        e++;
        e += sign_at(x, e) != 0;
        if (e < x->end && is_digit(*e)) {
            q = digits(x, e);
            real = true;
        }
    }
    if (!lex_push(x, real ? VLM_T_FLOAT : VLM_T_INT, x->p, (size_t)(q - x->p)))
        return false;
    lex_to(x, q);
    return true;
}

static bool lex_string(struct lexer *x)
{
    const char *q = x->p + 1;

    while (q < x->end && *q != *x->p)
        q += *q == '\\' && q + 1 < x->end ? 2 : 1;
    if (q >= x->end)
        return lex_fail(x, "a string is not closed");
    if (!lex_push(x, VLM_T_STRING, x->p + 1, (size_t)(q - x->p - 1)))
        return false;
    lex_to(x, q + 1);
    return true;
}

static bool lex_bracket(struct lexer *x, char c)
{
    if (c == '(' || c == '[' || c == '{') {
        if (x->n_open == sizeof x->open)
            return vlm_run_fail(x->run, VLM_ERR_LIMIT, "brackets nest more than %zu deep",
                                sizeof x->open);
        x->open[x->n_open++] = c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
        if (x->n_open == 0 || x->open[x->n_open - 1] != c)
            return lex_fail(x, "a bracket is closed that is not open");
        x->n_open--;
    }
    return true;
}

static bool lex_operator(struct lexer *x)
{
    static const struct {
        char text[3];
        uint8_t kind;
    } table[] = {
        {"//", VLM_T_FLOORDIV}, {"**", VLM_T_POW},      {"==", VLM_T_EQ},    {"!=", VLM_T_NE},
        {">=", VLM_T_GE},       {"<=", VLM_T_LE},       {"+", VLM_T_ADD},    {"-", VLM_T_SUB},
        {"/", VLM_T_DIV},       {"*", VLM_T_MUL},       {"%", VLM_T_MOD},    {"~", VLM_T_TILDE},
        {"[", VLM_T_LBRACKET},  {"]", VLM_T_RBRACKET},  {"(", VLM_T_LPAREN}, {")", VLM_T_RPAREN},
        {"{", VLM_T_LBRACE},    {"}", VLM_T_RBRACE},    {">", VLM_T_GT},     {"<", VLM_T_LT},
        {"=", VLM_T_ASSIGN},    {".", VLM_T_DOT},       {":", VLM_T_COLON},  {"|", VLM_T_PIPE},
        {",", VLM_T_COMMA},     {";", VLM_T_SEMICOLON},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!starts(x, x->p, table[i].text))
            continue;
        if (!lex_bracket(x, *x->p) || !lex_push(x, table[i].kind, x->p, strlen(table[i].text)))
            return false;
        lex_to(x, x->p + strlen(table[i].text));
        return true;
    }
    return lex_fail(x, "a character that means nothing inside a tag");
}

/* Behind "{{" or "{%": everything up to and with the closing mark. */
static bool lex_tag(struct lexer *x, bool variable)
{
    x->n_open = 0;
    while (x->p < x->end) {
        char c = *x->p, sign = sign_at(x, x->p);
        const char *mark = x->p + (variable ? sign == '-' : sign != 0);
        if (x->n_open == 0 && starts(x, mark, variable ? "}}" : "%}")) {
            const char *q = variable ? sign == '-' ? skip_space(mark + 2, x->end) : mark + 2
                                     : tag_end(x, mark, sign);
            if (!lex_push(x, variable ? VLM_T_VAR_END : VLM_T_BLOCK_END, mark, 2))
                return false;
            lex_to(x, q);
            return true;
        }
        if (skip_space(x->p, x->end) > x->p) {
            lex_to(x, skip_space(x->p, x->end));
        } else if (is_digit(c)) {
            if (!lex_number(x))
                return false;
        } else if (is_word(c)) {
            const char *q = x->p;
            while (q < x->end && is_word(*q))
                q++;
            if (!lex_push(x, VLM_T_NAME, x->p, (size_t)(q - x->p)))
                return false;
            lex_to(x, q);
        } else if (c == '"' || c == '\'') {
            if (!lex_string(x))
                return false;
        } else if (!lex_operator(x)) {
            return false;
        }
    }
    return true; /* the parser finds the end where it expects more */
}

bool vlm_jinja_lex(struct vlm_run *r, struct vlm_lexemes *out, const char *source, size_t n)
{
    struct lexer x = {
        .run = r, .out = out, .p = source, .end = source + n, .line = 1, .line_starting = true};

    while (x.p < x.end) {
        const char *q = x.p, *body;
        char sign;
        bool variable;
        while (q < x.end && !(starts(&x, q, "{{") || starts(&x, q, "{%") || starts(&x, q, "{#")))
            q++;
        if (q == x.end) {
            if (!lex_push(&x, VLM_T_DATA, x.p, (size_t)(x.end - x.p)))
                return false;
            break;
        }
        sign = sign_at(&x, q + 2);
        variable = q[1] == '{';
        if (!lex_data(&x, q, sign, variable))
            return false;
        body = q[1] == '%' ? bare_tag(&x, q + 2 + (sign != 0), "raw") : NULL;
        if (body && *body != '+') {
            if (!lex_raw(&x, body))
                return false;
        } else if (q[1] == '#') {
            if (!lex_comment(&x))
                return false;
        } else {
            if (!lex_push(&x, variable ? VLM_T_VAR_BEGIN : VLM_T_BLOCK_BEGIN, q, 2))
                return false;
            lex_to(&x, q + 2 + (sign != 0));
            if (!lex_tag(&x, variable))
                return false;
        }
    }
    return lex_push(&x, VLM_T_EOF, x.end, 0);
}
