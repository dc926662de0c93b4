/* abuse_limits.c: limits that only a whole model can reach, at the limit and one above.  The others
 * have their tests where they are enforced; contract.limits sees to it that none has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "model.h"
#include "vlm_tools.h"

static struct test_model good;

static int setup(void **state)
{
    (void)state;
    test_model_load(&good, VLM_TEST_DATA "/golden/v1-tokens/model");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_model_free(&good);
    return 0;
}

static int open_model(vlm_engine **engine, const struct test_model *m, int vocab_only,
                      vlm_error *err)
{
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.n_threads = 1;
    o.vocab_only = vocab_only;
    *engine = NULL;
    memset(err, 0, sizeof *err);
    return vlm_engine_open_files(engine, m->files, m->n, &o, err);
}

/* config.json with section.key = value; text from malloc. */
static char *edited(const char *file, const char *section, const char *key, uint64_t value,
                    size_t *n)
{
    const vlm_file *f = test_model_file(&good, file);
    json_t *root = json_loadb(f->data, f->size, 0, NULL), *at = root;
    assert_non_null(root);
    for (const char *p = section; *p;) {
        char name[64];
        size_t len = strcspn(p, ".");
        snprintf(name, sizeof name, "%.*s", (int)len, p);
        if (!json_object_get(at, name))
            json_object_set_new(at, name, json_object());
        at = json_object_get(at, name);
        p += len + (p[len] == '.');
    }
    json_object_set_new(at, key, json_integer((json_int_t)value));
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    *n = strlen(text);
    return text;
}

/* The value at the limit passes its own check (and then fails for its tensors); one more does not.
 */
static void hyper_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *section, *key;
        uint64_t limit;
    } cases[] = {
        {"text_config", "num_hidden_layers", VLM_LIMIT_LAYERS},
        {"text_config", "num_attention_heads", VLM_LIMIT_HEADS},
        {"text_config", "num_key_value_heads", VLM_LIMIT_HEADS},
        {"text_config", "head_dim", VLM_LIMIT_HEAD_DIM},
        {"text_config", "hidden_size", VLM_LIMIT_HIDDEN},
        {"text_config", "intermediate_size", VLM_LIMIT_FFN},
        {"text_config", "vocab_size", VLM_LIMIT_VOCAB},
        {"text_config", "max_position_embeddings", VLM_LIMIT_CONTEXT},
        {"vision_config", "num_hidden_layers", VLM_LIMIT_LAYERS},
        {"vision_config", "num_attention_heads", VLM_LIMIT_HEADS},
        {"vision_config", "hidden_size", VLM_LIMIT_HIDDEN},
        {"vision_config", "intermediate_size", VLM_LIMIT_FFN},
        {"vision_config", "image_size", VLM_LIMIT_TILE_SIDE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (uint64_t over = 0; over < 2; over++) {
            struct test_model m = good;
            vlm_file *f = test_model_file(&m, "config.json");
            char *text = edited("config.json", cases[i].section, cases[i].key,
                                cases[i].limit + over, &f->size);
            f->data = text;
            vlm_engine *e;
            vlm_error err;
            char range[64];
            snprintf(range, sizeof range, "to %llu", (unsigned long long)cases[i].limit);
            int rc = open_model(&e, &m, 0, &err);
            bool refused =
                rc < 0 && strstr(err.message, cases[i].key) && strstr(err.message, range);
            if (refused != (over == 1))
                fail_msg("%s.%s = %llu: %d %s", cases[i].section, cases[i].key,
                         (unsigned long long)(cases[i].limit + over), rc, err.message);
            vlm_engine_close(e);
            free(text);
        }
}

/* Patches of a tile: 256 x 256 of one pixel each are the limit. */
static void patches(void **state)
{
    (void)state;
    uint64_t side = 1;
    while ((side + 1) * (side + 1) <= VLM_LIMIT_PATCHES)
        side++;
    for (uint64_t over = 0; over < 2; over++) {
        json_t *root;
        struct test_model m = good;
        vlm_file *config = test_model_file(&m, "config.json"),
                 *proc = test_model_file(&m, "processor_config.json");
        char *a = edited("processor_config.json", "image_processor.max_image_size", "longest_edge",
                         side + over, &proc->size);
        root = json_loadb(config->data, config->size, 0, NULL);
        json_t *vision = json_object_get(root, "vision_config");
        json_object_set_new(vision, "patch_size", json_integer(1));
        json_object_set_new(vision, "image_size", json_integer((json_int_t)(side + over)));
        json_object_set_new(root, "scale_factor", json_integer(1));
        char *b = json_dumps(root, JSON_COMPACT);
        json_decref(root);
        root = json_loads(a, 0, NULL);
        json_object_del(root, "image_seq_len"); /* what it is now is not the question */
        free(a);
        a = json_dumps(root, JSON_COMPACT);
        json_decref(root);
        proc->data = a;
        proc->size = strlen(a);
        config->data = b;
        config->size = strlen(b);
        vlm_engine *e;
        vlm_error err;
        int rc = open_model(&e, &m, 0, &err);
        if (over ? rc != VLM_ERR_LIMIT : rc >= 0 || !strstr(err.message, "tensor"))
            fail_msg("%llu patches a side: %d %s", (unsigned long long)(side + over), rc,
                     err.message);
        free(a);
        free(b);
    }
}

/* Small files padded with blanks. */
static void file_sizes(void **state)
{
    (void)state;
    static const char *const files[] = {"config.json", "generation_config.json",
                                        "processor_config.json", "tokenizer_config.json"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (size_t over = 0; over < 2; over++) {
            struct test_model m = good;
            vlm_file *f = test_model_file(&m, files[i]);
            if (!f || (strcmp(files[i], "tokenizer_config.json") == 0 &&
                       test_model_file(&m, "chat_template.jinja")))
                continue; /* not read then */
            char *text = malloc(VLM_LIMIT_CONFIG_BYTES + 1);
            memset(text, ' ', VLM_LIMIT_CONFIG_BYTES + 1);
            memcpy(text, f->data, f->size);
            f->data = text;
            f->size = VLM_LIMIT_CONFIG_BYTES + over;
            vlm_engine *e;
            vlm_error err;
            int rc = open_model(&e, &m, 0, &err);
            if (rc != (over ? VLM_ERR_LIMIT : VLM_OK))
                fail_msg("%s of %zu bytes: %d %s", files[i], f->size, rc, err.message);
            vlm_engine_close(e);
            free(text);
        }
}

static int render(const char *template, vlm_error *err)
{
    struct test_model m = good;
    vlm_file *f = test_model_file(&m, "chat_template.jinja");
    f->data = template;
    f->size = strlen(template);
    vlm_engine *e;
    int rc = open_model(&e, &m, 1, err);
    if (rc < 0)
        return rc;
    vlm_part part = vlm_part_text("x");
    vlm_message message = {.role = "user", .parts = &part, .n_parts = 1};
    vlm_rendered r;
    rc = vlm_render(&r, e, &message, 1, 0, NULL, err);
    if (rc >= 0)
        vlm_rendered_free(&r);
    vlm_engine_close(e);
    return rc;
}

/* The interpreter counts in steps of its own: the largest loop and nesting it takes must lie below
 * the limit, near enough to be useful, and what is larger must be refused. */
static void template_budgets(void **state)
{
    (void)state;
    vlm_error err;
    char text[4096];
    uint64_t low = 1, high = VLM_LIMIT_TEMPLATE_STEPS / 1000 + 1;
    while (low + 1 < high) {
        uint64_t mid = (low + high) / 2;
        snprintf(
            text, sizeof text,
            "{%% for i in range(1000) %%}{%% for j in range(%llu) %%}{%% endfor %%}{%% endfor %%}",
            (unsigned long long)mid);
        int rc = render(text, &err);
        assert_true(rc == VLM_OK || rc == VLM_ERR_LIMIT);
        *(rc == VLM_OK ? &low : &high) = mid;
    }
    printf("%llu000 turns of a loop within %llu steps\n", (unsigned long long)low,
           (unsigned long long)VLM_LIMIT_TEMPLATE_STEPS);
    assert_true(low * 1000 <= VLM_LIMIT_TEMPLATE_STEPS &&
                low * 1000 >= VLM_LIMIT_TEMPLATE_STEPS / 20);
    size_t deepest = 0;
    for (size_t n = 1; n <= VLM_LIMIT_TEMPLATE_DEPTH + 8; n++) {
        char *p = text + sprintf(text, "{{ ");
        memset(p, '(', n);
        p[n] = '1';
        memset(p + n + 1, ')', n);
        strcpy(p + 2 * n + 1, " }}");
        int rc = render(text, &err);
        assert_true(rc == VLM_OK || rc == VLM_ERR_LIMIT);
        if (rc == VLM_OK) {
            assert_true(deepest == n - 1); /* once refused, always refused */
            deepest = n;
        }
    }
    printf("%zu parentheses within a depth of %llu\n", deepest,
           (unsigned long long)VLM_LIMIT_TEMPLATE_DEPTH);
    assert_true(deepest <= VLM_LIMIT_TEMPLATE_DEPTH && deepest >= VLM_LIMIT_TEMPLATE_DEPTH / 4);
}

/* T6: a pattern that backtracks without end on some text is stopped. */
static void regex_budget(void **state)
{
    (void)state;
    struct test_model m = good;
    vlm_file *f = test_model_file(&m, "tokenizer.json");
    json_t *root = json_loadb(f->data, f->size, 0, NULL);
    assert_non_null(root);
    json_object_set_new(root, "pre_tokenizer",
                        json_pack("{s:s,s:[{s:s,s:{s:s},s:s,s:b},{s:s,s:b,s:b,s:b}]}", "type",
                                  "Sequence", "pretokenizers", "type", "Split", "pattern", "Regex",
                                  "(a+)+$", "behavior", "Isolated", "invert", 0, "type",
                                  "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1,
                                  "use_regex", 0));
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    f->data = text;
    f->size = strlen(text);
    vlm_engine *e;
    vlm_error err;
    int rc = open_model(&e, &m, 1, &err);
    if (rc >= 0) { /* refusing such a tokenizer would be good, too */
        char run[64];
        size_t n;
        memset(run, 'a', sizeof run);
        run[40] = 'b';
        rc = vlm_tokenize(e, run, 4, 0, NULL, 0, &n, &err);
        assert_true(rc == VLM_OK);
        rc = vlm_tokenize(e, run, 41, 0, NULL, 0, &n, &err); /* 2^40 ways, against REGEX_MATCHES */
        if (rc != VLM_ERR_LIMIT)
            fail_msg("VLM_LIMIT_REGEX_MATCHES is no limit: %d %s", rc, err.message);
        vlm_engine_close(e);
    }
    free(text);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(hyper_parameters), cmocka_unit_test(patches),
        cmocka_unit_test(file_sizes),       cmocka_unit_test(template_budgets),
        cmocka_unit_test(regex_budget),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, setup, teardown);
}
