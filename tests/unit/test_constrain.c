/* Constraints: words in and out of the language, refusals by name, limits, forgetting.  That every
 * text made under a schema validates is tried against a public validator by
 * tools/golden/check_schemas.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/limits.h"
#include "constrain/constrain.h"

/* one id a byte, then a few longer ones */
static uint8_t bytes[512];
static uint32_t begin[300];
static struct vlm_vocabulary vocabulary = {0, begin, bytes};

static void make_vocabulary(void)
{
    static const char *const more[] = {"{\"", "\":", "\",\"",    "true",
                                       "12",  "abc", "\xc3\xa9", "]}"};
    size_t at = 0, n = 0;
    for (int i = 0; i < 256; i++) {
        begin[n++] = (uint32_t)at;
        bytes[at++] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        begin[n++] = (uint32_t)at;
        memcpy(bytes + at, more[i], strlen(more[i]));
        at += strlen(more[i]);
    }
    begin[n] = (uint32_t)at;
    vocabulary.n = n;
}

struct opened {
    struct vlm_grammar *g;
    struct vlm_matcher *m;
};

static struct opened open_it(const char *source, bool regex)
{
    struct opened o;
    vlm_error err = {0};
    int rc = regex ? vlm_grammar_from_regex(&o.g, &vlm_mem_system, source, strlen(source), &err)
                   : vlm_grammar_from_schema(&o.g, &vlm_mem_system, source, strlen(source), &err);
    if (rc < 0)
        fail_msg("%s: %s", source, err.message);
    rc = vlm_matcher_open(&o.m, &vlm_mem_system, o.g, &vocabulary, &err);
    if (rc < 0)
        fail_msg("%s: %s", source, err.message);
    return o;
}

static void close_it(struct opened *o)
{
    vlm_matcher_close(o->m);
    vlm_grammar_free(o->g);
}

static bool is_word(struct vlm_matcher *m, const char *text)
{
    struct vlm_place p;
    bool complete = false;
    if (vlm_matcher_find(&p, m, text, strlen(text), NULL) < 0)
        return false;
    assert_non_null(vlm_matcher_mask(m, p, &complete));
    return complete;
}

struct language {
    const char *source, *in[5], *out[7];
};

static void check_language(const struct language *l, bool regex)
{
    struct opened o = open_it(l->source, regex);
    for (size_t i = 0; i < 5 && l->in[i]; i++)
        if (!is_word(o.m, l->in[i]))
            fail_msg("%s refuses %s", l->source, l->in[i]);
    for (size_t i = 0; i < 7 && l->out[i]; i++)
        if (is_word(o.m, l->out[i]))
            fail_msg("%s takes %s", l->source, l->out[i]);
    close_it(&o);
}

static void test_schemas(void **state)
{
    static const struct language table[] = {
        {"{\"type\":\"boolean\"}", {"true", " false"}, {"", "t", "True", "  true", "truetrue"}},
        {"{\"type\":\"null\"}", {"null"}, {"nul", "0"}},
        {"{\"type\":\"string\"}",
         {"\"\"", "\"a\\\"b\"", "\"\\u00e9\xc3\xa9\"", "\"\\ud7ff\""},
         {"\"", "a", "\"\n\"", "\"\\x\"", "\"\\ud800\"", "\"\xff\"", "\"\xc3\""}},
        {"{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}",
         {"\"ab\"", "\"\xc3\xa9\\n\"", "\"abc\""},
         {"\"a\"", "\"\"", "\"abcd\""}},
        {"{\"type\":\"string\",\"pattern\":\"^a+$\"}", {"\"a\"", "\"aaa\""}, {"\"\"", "\"ab\""}},
        {"{\"type\":\"string\",\"pattern\":\"b\"}", {"\"b\"", "\"abc\""}, {"\"ac\"", "\"\""}},
        {"{\"type\":\"string\",\"pattern\":\"^\\\"$\"}", {"\"\\\"\""}, {"\"\"\"", "\"a\""}},
        {"{\"type\":\"integer\"}", {"0", "-12", "999"}, {"-0", "01", "1.0", "", "-", "1e3"}},
        {"{\"type\":\"integer\",\"minimum\":-17,\"maximum\":2345}",
         {"-17", "0", "2345", "999", "-1"},
         {"-18", "2346", "9999", "-20", "3000"}},
        {"{\"type\":\"integer\",\"exclusiveMinimum\":9,\"exclusiveMaximum\":101}",
         {"10", "100", "55"},
         {"9", "101", "1", "-10", "0"}},
        {"{\"type\":\"number\",\"minimum\":0.5,\"maximum\":12.25}",
         {"0.5", "12.25", "12.250", "0.50001", "7"},
         {"0.4", "12.26", "12.2500001", "0", "13", "-1", "0.49"}},
        {"{\"type\":\"number\",\"exclusiveMinimum\":-3,\"exclusiveMaximum\":-0.125}",
         {"-2", "-0.1250001", "-2.999", "-0.5"},
         {"-3", "-0.125", "0", "-3.0", "-0.1", "2"}},
        {"{\"type\":\"number\",\"minimum\":2,\"exclusiveMinimum\":1}", {"2", "2.0"}, {"1.5", "1"}},
        {"{\"type\":\"integer\",\"multipleOf\":7}", {"0", "7", "-14", "700"}, {"1", "8", "07"}},
        {"{\"enum\":[\"x\",1.5,null,{\"a\":[1]}]}",
         {"\"x\"", "1.5", "null", "{\"a\":[1]}"},
         {"x", "1", "{}"}},
        {"{\"enum\":[0.1,19.99,1e3,0.30000000000000004]}",
         {"0.1", "19.99", "1000.0", "0.30000000000000004"},
         {"0.10000000000000001", "0.3"}},
        {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":1,\"maxItems\":2}",
         {"[1]", "[1,2]", "[1, 2]"},
         {"[]", "[1,2,3]", "[1,]", "[1 ,2]", "[true]"}},
        {"{\"type\":\"array\",\"prefixItems\":[{\"const\":1},{\"const\":2}],\"items\":false}",
         {"[]", "[1]", "[1,2]"},
         {"[2]", "[1,2,3]", "[1,1]"}},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"const\":1},\"b\":{\"const\":2},"
         "\"c\":{\"const\":3}},\"required\":[\"b\"]}",
         {"{\"b\":2}", "{\"a\": 1, \"b\":2,\"c\":3}", "{\"b\":2,\"c\":3}"},
         {"{}", "{\"a\":1}", "{\"b\":2,\"a\":1}", "{\"b\":2,\"d\":1}", "{\"b\":2,}", "{,\"b\":2}"}},
        {"{\"type\":\"object\",\"properties\":{\"ab\":{\"const\":1}},"
         "\"additionalProperties\":{\"const\":0}}",
         {"{}", "{\"ab\":1}", "{\"a\":0}", "{\"abc\":0,\"b\":0}", "{\"ab\":1,\"x\":0}"},
         {"{\"ab\":0}", "{\"a\":1}", "{\"\":0}", "{\"x\":0,\"ab\":0}"}},
        {"{\"type\":\"object\",\"minProperties\":1,\"maxProperties\":2,"
         "\"additionalProperties\":{\"const\":0}}",
         {"{\"a\":0}", "{\"a\":0,\"b\":0}"},
         {"{}", "{\"a\":0,\"b\":0,\"c\":0}"}},
        {"{\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"next\":{\"anyOf\":[{\"$ref\":"
         "\"#/$defs/n\"},{\"type\":\"null\"}]}},\"required\":[\"next\"]}},\"$ref\":\"#/$defs/n\"}",
         {"{\"next\":null}", "{\"next\":{\"next\":null}}"},
         {"{\"next\":{}}", "null"}},
        {"{\"allOf\":[{\"properties\":{\"a\":{\"const\":1}},\"required\":[\"a\"]},"
         "{\"properties\":{\"b\":{\"const\":2}}}]}",
         {"{\"a\":1}", "{\"a\":1,\"b\":2}"},
         {"{\"b\":2}", "{}"}},
        {"{\"oneOf\":[{\"type\":\"string\",\"maxLength\":1},{\"type\":\"integer\"}]}",
         {"\"a\"", "12"},
         {"true", "1.5"}},
        {"{\"type\":[\"string\",\"null\"],\"maxLength\":1}", {"null", "\"a\""}, {"\"ab\"", "1"}},
        {"{}", {"null", "[1,{\"a\": \"b\"}]", "{\"k\":[]}", "-1.5"}, {"", "nul", "{]"}},
        {"{\"type\":\"string\",\"format\":\"date\"}",
         {"\"2024-02-28\""},
         {"\"2024-13-01\"", "\"\""}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        check_language(&table[i], false);
}

static void test_regexes(void **state)
{
    static const struct language table[] = {
        {"abc", {"abc"}, {"ab", "abcd", ""}},
        {"a|b|", {"a", "b", ""}, {"c", "ab"}},
        {"(ab)*c?", {"", "c", "abab", "abc"}, {"a", "ac"}},
        {"(?:a|bc){2,3}", {"aa", "abc", "bcbcbc"}, {"a", "aaaa"}},
        {"[^a-c]+", {"d", "\xc3\xa9x", "\n"}, {"a", "xa", ""}},
        {"\\d{3}-\\w\\s", {"123-x "}, {"12-x ", "123-- "}},
        {"[\\]\\-\\\\]", {"]", "-", "\\"}, {"[", "a"}},
        {"[\xc3\xa0-\xc3\xbf]{2}", {"\xc3\xa9\xc3\xa0"}, {"\xc3\xa9", "ab", "\xc4\x80\xc3\xa9"}},
        {"\\u00e9\\x41",
         {"\xc3\xa9"
          "A"},
         {"eA"}},
        {".", {"a", "\xf0\x9f\x98\x80"}, {"\n", "", "ab"}},
        {"^a$", {"a"}, {"aa", "^a$"}},
        {"a+?b*?", {"a", "aab"}, {"b", ""}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        check_language(&table[i], true);
}

static void refused(const char *source, bool regex, const char *by)
{
    struct vlm_grammar *g;
    vlm_error err = {0};
    int rc = regex ? vlm_grammar_from_regex(&g, &vlm_mem_system, source, strlen(source), &err)
                   : vlm_grammar_from_schema(&g, &vlm_mem_system, source, strlen(source), &err);
    if (rc >= 0)
        fail_msg("%.80s is not refused", source);
    if (!strstr(err.message, by))
        fail_msg("%.80s: %s does not say %s", source, err.message, by);
}

static void test_refusals(void **state)
{
    (void)state;
    refused("{\"not\":{}}", false, "'not'");
    refused("{\"type\":\"array\",\"uniqueItems\":true}", false, "uniqueItems");
    refused("{\"type\":\"object\",\"properties\":{\"a\":{}},\"patternProperties\":{\"b\":{}}}",
            false, "patternProperties");
    refused("{\"properties\":{\"a\":{\"if\":{}}}}", false, "at '/a'");
    refused("{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"integer\"}]}", false, "oneOf");
    refused("{\"$ref\":\"http://x/y\"}", false, "http://x/y");
    refused("{\"$ref\":\"file:///etc/passwd\"}", false, "outside");
    refused("{\"$ref\":\"#/$defs/x\"}", false, "#/$defs/x");
    refused("{\"type\":\"text\"}", false, "'text'");
    refused("{\"type\":\"integer\",\"minimum\":5,\"maximum\":4}", false, "minimum");
    refused("{\"type\":\"string\",\"minLength\":5,\"maxLength\":4}", false, "maxLength");
    refused("{\"type\":\"string\",\"format\":\"regex\"}", false, "regex");
    refused("{\"type\":\"string\",\"pattern\":\"(?<=x)*\"}", false, "group");
    refused("{\"type\":\"array\",\"items\":[{}],\"prefixItems\":[{}]}", false, "prefixItems");
    refused("{\"enum\":[]}", false, "enum");
    refused("false", false, "false");
    refused("{\"type\":\"string\"", false, "schema");
    refused("{\"a\":1,\"a\":2}", false, "schema");
    refused("a(b", true, "without its )");
    refused("a)b", true, "without its (");
    refused("*a", true, "repetition of nothing");
    refused("(?=a)", true, "group");
    refused("a\\bc", true, "escape");
    refused("(a)\\1", true, "escape");
    refused("[b-a]", true, "backwards");
    refused("[a", true, "]");
    refused("[\\", true, "backslash");
    refused("[a-\\", true, "backwards");
    refused("a{2,1}", true, "repetition");
    refused("a^b", true, "anchor");
    refused("\xff", true, "UTF-8");
}

/* A ref that leads to itself without a byte between has no word. */
static void test_endless(void **state)
{
    static const char *const table[] = {
        "{\"$ref\":\"#\"}", "{\"anyOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}",
        "{\"type\":\"array\",\"minItems\":1,\"items\":{\"$ref\":\"#\"}}"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct vlm_grammar *g;
        struct vlm_matcher *m;
        vlm_error err = {0};
        if (vlm_grammar_from_schema(&g, &vlm_mem_system, table[i], strlen(table[i]), &err) < 0)
            continue;
        if (vlm_matcher_open(&m, &vlm_mem_system, g, &vocabulary, &err) >= 0) {
            /* an array of arrays ... : the nesting ends at the limit, with no way out */
            char deep[VLM_LIMIT_GRAMMAR_DEPTH + 8];
            memset(deep, '[', sizeof deep);
            struct vlm_place p;
            assert_true(vlm_matcher_find(&p, m, deep, sizeof deep, &err) < 0);
            vlm_matcher_close(m);
        }
        vlm_grammar_free(g);
    }
}

static char *repeated(const char *first, const char *again, size_t n, const char *last)
{
    size_t la = strlen(again);
    char *s = calloc(1, strlen(first) + n * la + strlen(last) + 1), *p = s;
    p += sprintf(p, "%s", first);
    for (size_t i = 0; i < n; i++, p += la)
        memcpy(p, again, la);
    strcpy(p, last);
    return s;
}

static void try_schema(char *source, bool good)
{
    struct vlm_grammar *g;
    vlm_error err = {0};
    int rc = vlm_grammar_from_schema(&g, &vlm_mem_system, source, strlen(source), &err);
    if (rc >= 0)
        vlm_grammar_free(g);
    if ((rc >= 0) != good)
        fail_msg("%.60s...: %s", source, err.message);
    free(source);
}

static void try_regex(char *source, bool good)
{
    struct vlm_grammar *g;
    vlm_error err = {0};
    int rc = vlm_grammar_from_regex(&g, &vlm_mem_system, source, strlen(source), &err);
    if (rc >= 0)
        vlm_grammar_free(g);
    if ((rc >= 0) != good)
        fail_msg("%.60s...: %s", source, err.message);
    free(source);
}

static char *text_of(const char *fmt, unsigned long long n)
{
    char *s = calloc(1, strlen(fmt) + 32);
    snprintf(s, strlen(fmt) + 32, fmt, n);
    return s;
}

static char *properties(size_t n)
{
    char *s = malloc(n * 24 + 64), *p = s + sprintf(s, "{\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; i < n; i++)
        p += sprintf(p, "%s\"p%zu\":true", i ? "," : "", i);
    strcpy(p, "}}");
    return s;
}

static char *references(size_t n)
{
    char *s = malloc(n * 64 + 64), *p = s + sprintf(s, "{\"$defs\":{");
    for (size_t i = 0; i < n; i++)
        p += sprintf(p, "%s\"d%zu\":{\"const\":%zu}", i ? "," : "", i, i);
    memcpy(p, "},\"anyOf\":[", 11);
    p += 11;
    for (size_t i = 0; i < n; i++)
        p += sprintf(p, "%s{\"$ref\":\"#/$defs/d%zu\"}", i ? "," : "", i);
    strcpy(p, "]}");
    return s;
}

/* Each of n alternatives is compared with those before it, twice, and built: n * n steps. */
static char *alternatives(size_t n)
{
    char *s = malloc(n * 32 + 64), *p = s + sprintf(s, "{\"oneOf\":[");
    for (size_t i = 0; i < n; i++)
        p += sprintf(p, "%s{\"const\":%zu}", i ? "," : "", i);
    strcpy(p, "]}");
    return s;
}

static void test_limits(void **state)
{
    const size_t pad = VLM_LIMIT_SCHEMA_BYTES - strlen("{\"const\":1}");
    (void)state;
    try_schema(repeated("{\"const\":1}", " ", pad, ""), true);
    try_schema(repeated("{\"const\":1}", " ", pad + 1, ""), false);
    try_schema(text_of("{\"type\":\"string\",\"minLength\":%llu}", VLM_LIMIT_GRAMMAR_REPEATS),
               true);
    try_schema(text_of("{\"type\":\"string\",\"minLength\":%llu}", VLM_LIMIT_GRAMMAR_REPEATS + 1),
               false);
    /* an upper end above the limit is cut to it */
    try_schema(text_of("{\"type\":\"string\",\"maxLength\":%llu}", VLM_LIMIT_GRAMMAR_REPEATS + 1),
               true);
    try_regex(text_of("a{%llu}", VLM_LIMIT_GRAMMAR_REPEATS), true);
    try_regex(text_of("a{%llu}", VLM_LIMIT_GRAMMAR_REPEATS + 1), false);
    /* n copies of a character, one node for its end, one that is dead */
    try_regex(text_of("(a{1000}){99}a{%llu}", VLM_LIMIT_GRAMMAR_NODES - 99000 - 2), true);
    try_regex(text_of("(a{1000}){99}a{%llu}", VLM_LIMIT_GRAMMAR_NODES - 99000 - 1), false);
    try_schema(properties(VLM_LIMIT_GRAMMAR_PROPERTIES), true);
    try_schema(properties(VLM_LIMIT_GRAMMAR_PROPERTIES + 1), false);
    try_schema(references(VLM_LIMIT_GRAMMAR_RULES), true);
    try_schema(references(VLM_LIMIT_GRAMMAR_RULES + 1), false);
    try_schema(alternatives(1000), true);
    try_schema(alternatives(1001), false);
    assert_int_equal(VLM_LIMIT_GRAMMAR_STEPS, 1000 * 1000);
    /* groups: one level each; the JSON reader bounds schemas before the grammar does */
    char *closing = repeated("", ")", VLM_LIMIT_GRAMMAR_DEPTH, "");
    try_regex(repeated("", "(", VLM_LIMIT_GRAMMAR_DEPTH, closing), true);
    try_regex(repeated("(", "(", VLM_LIMIT_GRAMMAR_DEPTH, closing), false);
    free(closing);
    try_regex(repeated("", "a", VLM_LIMIT_REGEX_BYTES, ""), true);
    try_regex(repeated("", "a", VLM_LIMIT_REGEX_BYTES + 1, ""), false);
}

/* Processor seconds that compiling and the first masks take; printed, because machines differ. */
static void try_slow(const char *what, char *source, bool regex)
{
    struct vlm_grammar *g;
    struct vlm_matcher *m;
    vlm_error err = {0};
    clock_t start = clock();
    int rc = regex ? vlm_grammar_from_regex(&g, &vlm_mem_system, source, strlen(source), &err)
                   : vlm_grammar_from_schema(&g, &vlm_mem_system, source, strlen(source), &err);
    double compiled = (double)(clock() - start) / CLOCKS_PER_SEC, used;
    if (rc >= 0) {
        rc = vlm_matcher_open(&m, &vlm_mem_system, g, &vocabulary, &err);
        if (rc >= 0) {
            struct vlm_place p = vlm_matcher_start(m);
            bool complete;
            for (int i = 0; i < 4; i++) /* a mask, a byte, the next */
                if (vlm_matcher_mask(m, p, &complete) && !vlm_matcher_advance(m, &p, "a", 1))
                    vlm_matcher_advance(m, &p, "\"", 1);
            vlm_matcher_close(m);
        }
        vlm_grammar_free(g);
    }
    used = (double)(clock() - start) / CLOCKS_PER_SEC;
    printf("%s: compiled in %.2f s, with four masks %.2f s: %s\n", what, compiled, used,
           rc < 0 ? err.message : "taken");
    if (used > 20) /* seconds under sanitizers, tenths without */
        fail_msg("%s takes %.1f s", what, used);
    free(source);
}

/* $defs whose joins double at every level. */
static char *doubling(const char *choice)
{
    char *s = malloc(8192), *p = s + sprintf(s, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
    for (int i = 0; i < 30; i++)
        p += sprintf(p,
                     "\"d%d\":{\"%s\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}],"
                     "\"minProperties\":1},",
                     i, choice, i + 1, i + 1);
    strcpy(p, "\"d30\":{\"properties\":{\"a\":{\"type\":\"integer\"}}}}}");
    return s;
}

static char *many_classes(void)
{
    char *s = malloc(900000), *p = s + sprintf(s, "{\"anyOf\":[");
    for (int i = 0; i < 200; i++) {
        p += sprintf(p, "%s{\"type\":\"string\",\"pattern\":\"", i ? "," : "");
        for (int k = 0; k < 250; k++)
            p += sprintf(p, "[%c-%c%c%c]", 'A' + k % 26, 'b' + (i + k) % 24, '0' + i % 10,
                         '!' + k % 8 + (k % 8 == 1));
        p += sprintf(p, "\"}");
    }
    strcpy(p, "]}");
    return s;
}

static char *long_keys(void)
{
    char *s = malloc(60000), *p = s + sprintf(s, "{\"additionalProperties\":true,\"properties\":{");
    for (int i = 0; i < 500; i++)
        p += sprintf(p, "%s\"%c%d%040d%c\":{\"type\":\"null\"}", i ? "," : "", 'a' + i % 26, i, i,
                     'z');
    strcpy(p, "}}");
    return s;
}

static void test_budget(void **state)
{
    (void)state;
    try_slow("allOf that doubles", doubling("allOf"), false);
    try_slow("anyOf that doubles", doubling("anyOf"), false);
    try_slow("oneOf that doubles", doubling("oneOf"), false);
    try_slow("many classes", many_classes(), false);
    try_slow("long keys", long_keys(), false);
    try_slow("nested repetitions", strdup("((((a{0,9}){0,9}){0,9}){0,9}){0,9}"), true);
    try_slow("many ways", strdup("(a{0,64}b{0,64}){0,60}"), true);
    try_slow("loops in loops", strdup("((((((a*)*)*|b)*)*)*)*"), true);
    try_slow(
        "a pattern with lengths",
        strdup("{\"type\":\"string\",\"pattern\":\"^([a-z]+ ?)*x{0,200}$\",\"maxLength\":4000}"),
        false);
    try_slow("many counts",
             strdup("{\"type\":\"object\",\"minProperties\":0,\"maxProperties\":4096,"
                    "\"additionalProperties\":{}}"),
             false);
}

/* ---- memory that ends ---- */

static size_t n_calls, fails_at, n_live;

static void *failing_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        n_live -= ptr != NULL;
        free(ptr);
        return NULL;
    }
    if (++n_calls == fails_at)
        return NULL;
    n_live += ptr == NULL;
    return realloc(ptr, new_size);
}

/* At whatever call memory ends: an error that says so, and nothing is left. */
static void test_memory(void **state)
{
    static const vlm_allocator failing = {failing_resize, NULL};
    static const char *const table[] = {
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"^[a-z]+$\","
        "\"maxLength\":9},\"b\":{\"type\":\"number\",\"multipleOf\":0.25,\"minimum\":1}},"
        "\"minProperties\":1,\"additionalProperties\":{\"$ref\":\"#\"}}",
        "{\"allOf\":[{\"type\":\"array\",\"items\":{\"enum\":[1,2,3]}},{\"uniqueItems\":true}]}"};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (fails_at = 1;; fails_at++) {
            struct vlm_grammar *g = NULL;
            struct vlm_matcher *m = NULL;
            vlm_error err = {0};
            n_calls = 0;
            int rc = vlm_grammar_from_schema(&g, &failing, table[i], strlen(table[i]), &err);
            if (rc >= 0)
                rc = vlm_matcher_open(&m, &failing, g, &vocabulary, &err);
            bool ended = n_calls >= fails_at;
            if (ended != (rc < 0) || (ended && err.status != VLM_ERR_MEMORY))
                fail_msg("call %zu of schema %zu: %s", fails_at, i, err.message);
            if (rc >= 0)
                vlm_matcher_close(m);
            vlm_grammar_free(g);
            assert_int_equal(n_live, 0);
            if (!ended)
                break;
        }
    printf("memory ended at each of %zu calls\n", fails_at - 1);
}

/* A mask says what advance does, for every id; and the text outlives forgotten states. */
static void check_masks(const char *schema, unsigned least_forgotten)
{
    struct opened o = open_it(schema, false);
    struct vlm_place p = vlm_matcher_start(o.m);
    char text[4096];
    size_t n = 0;
    uint64_t random = 88172645463325252u;
    unsigned forgotten = 0;
    while (n + 16 < sizeof text) {
        bool complete;
        const uint64_t *mask = vlm_matcher_mask(o.m, p, &complete);
        if (!mask) {
            forgotten++;
            assert_true(vlm_matcher_stale(o.m, p));
            assert_int_equal(vlm_matcher_find(&p, o.m, text, n, NULL), VLM_OK);
            mask = vlm_matcher_mask(o.m, p, &complete);
            assert_non_null(mask);
        }
        size_t allowed = 0, chosen = vocabulary.n;
        for (size_t i = 0; i < vocabulary.n; i++) {
            struct vlm_place q = p;
            bool may = vlm_matcher_advance(o.m, &q, bytes + begin[i], begin[i + 1] - begin[i]);
            if (vlm_matcher_stale(o.m, p))
                break;
            assert_int_equal(may, mask[i / 64] >> i % 64 & 1);
            allowed += may;
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            /* openings rather than ends, so that the nesting grows */
            bool opens = chosen < vocabulary.n && bytes[begin[chosen]] == '[';
            if (may && !opens &&
                (chosen == vocabulary.n || random % allowed == 0 || bytes[begin[i]] == '['))
                chosen = i;
        }
        if (vlm_matcher_stale(o.m, p)) { /* forgotten in the middle: the same place again */
            forgotten++;
            assert_int_equal(vlm_matcher_find(&p, o.m, text, n, NULL), VLM_OK);
            if (chosen == vocabulary.n)
                continue;
        }
        if (chosen == vocabulary.n)
            break;
        memcpy(text + n, bytes + begin[chosen], begin[chosen + 1] - begin[chosen]);
        n += begin[chosen + 1] - begin[chosen];
        if (!vlm_matcher_advance(o.m, &p, bytes + begin[chosen], begin[chosen + 1] - begin[chosen]))
            assert_int_equal(vlm_matcher_find(&p, o.m, text, n, NULL), VLM_OK);
    }
    assert_true(n > 100);
    assert_true(forgotten >= least_forgotten);
    printf("%s: %zu bytes, states forgotten %u times\n", schema, n, forgotten);
    close_it(&o);
}

static void test_masks(void **state)
{
    (void)state;
    check_masks("{}", 0);
    check_masks("{\"type\":\"string\",\"minLength\":4000}", 1); /* a dozen states a character */
}

static int setup(void **state)
{
    (void)state;
    make_vocabulary();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schemas),  cmocka_unit_test(test_regexes),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_endless),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_budget),
        cmocka_unit_test(test_memory),   cmocka_unit_test(test_masks)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
