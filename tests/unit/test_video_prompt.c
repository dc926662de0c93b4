/* Conversations with videos against transformers' SmolVLM processor
 * (tests/data/template/video.jsonl), and what that cannot do: pictures beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "prompt/run.h"
#include "prompt/video.h"

static const vlm_allocator *const mem = &vlm_mem_system;
static vlm_template *tmpl;
static vlm_tokenizer *tok;
static const struct vlm_prompt_format format = {2, 49190};

static void open_map(struct vlm_map *map, const char *dir, const char *name)
{
    vlm_error err;
    if (vlm_map_open(map, mem, dir, name, false, 1 << 26, &err) < 0)
        fail_msg("%s", err.message);
}

static int setup(void **state)
{
    struct vlm_map map;
    vlm_error err;
    (void)state;
    open_map(&map, VLM_TEST_DATA "/tokenizer/smolvlm2", "tokenizer.json");
    if (vlm_tokenizer_open(&tok, mem, map.data, map.n, "tokenizer.json", &err) < 0 ||
        vlm_prompt_video_template(&tmpl, mem, tok, &err) < 0)
        fail_msg("%s", err.message);
    vlm_map_close(&map, mem);
    assert_non_null(tmpl);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vlm_template_close(tmpl);
    vlm_tokenizer_close(tok);
    return 0;
}

/* ---- the golden file ---- */

static struct vlm_run run; /* holds what was read of a line */

static struct vlm_value *member(const struct vlm_value *dict, const char *name)
{
    struct vlm_value key, *v;
    assert_true(vlm_v_string(&run, &key, name, strlen(name), false));
    assert_true(vlm_v_find(&run, dict, &key, &v));
    return v;
}

enum { MAX_MESSAGES = 8, MAX_PARTS = 8, MAX_VIDEOS = 4, MAX_FRAMES = 256 };
struct conversation {
    vlm_message messages[MAX_MESSAGES];
    vlm_part parts[MAX_MESSAGES][MAX_PARTS];
    char role[MAX_MESSAGES][16];
    struct vlm_prompt_video videos[MAX_VIDEOS];
    struct vlm_prompt_image slots[MAX_VIDEOS];
    double seconds[MAX_VIDEOS][MAX_FRAMES];
    size_t n_messages, n_slots;
};

static void read_video(struct conversation *c, const struct vlm_value *part)
{
    struct vlm_prompt_video *v = &c->videos[c->n_slots];
    const struct vlm_seq *seconds = member(part, "seconds")->u.seq;
    assert_true(c->n_slots < MAX_VIDEOS && seconds->n <= MAX_FRAMES);
    *v = (struct vlm_prompt_video){c->seconds[c->n_slots], seconds->n,
                                   vlm_v_number(member(part, "duration"))};
    for (size_t i = 0; i < seconds->n; i++)
        c->seconds[c->n_slots][i] = vlm_v_number(&seconds->items[i]);
    c->slots[c->n_slots++] = (struct vlm_prompt_image){0, 0, v};
}

static void read_conversation(struct conversation *c, const struct vlm_value *messages)
{
    memset(c, 0, sizeof *c);
    for (; c->n_messages < messages->u.seq->n; c->n_messages++) {
        const struct vlm_value *m = &messages->u.seq->items[c->n_messages];
        const struct vlm_seq *content = member(m, "content")->u.seq;
        const struct vlm_str *role = member(m, "role")->u.s;
        vlm_part *parts = c->parts[c->n_messages];
        assert_true(c->n_messages < MAX_MESSAGES && content->n <= MAX_PARTS);
        snprintf(c->role[c->n_messages], 16, "%.*s", (int)role->n, role->p);
        c->messages[c->n_messages] = (vlm_message){c->role[c->n_messages], parts, content->n, 0};
        for (size_t i = 0; i < content->n; i++) {
            const struct vlm_value *part = &content->items[i];
            if (vlm_str_is(member(part, "type")->u.s, "video")) {
                parts[i].kind = VLM_PART_VIDEO;
                read_video(c, part);
            } else {
                const struct vlm_str *t = member(part, "text")->u.s;
                parts[i] = (vlm_part){VLM_PART_TEXT, t->p, t->n, NULL, NULL};
            }
        }
    }
}

static void check_line(const struct vlm_value *line)
{
    struct conversation c;
    struct vlm_prompt_text p;
    struct vlm_ids ids;
    vlm_error err;
    const struct vlm_str *prompt = member(line, "prompt")->u.s;
    const struct vlm_seq *want = member(line, "ids")->u.seq;

    read_conversation(&c, member(line, "messages"));
    if (c.n_slots == 0)
        return;
    vlm_prompt_text_init(&p, mem);
    vlm_ids_init(&ids, mem);
    if (vlm_prompt_render(&p, tmpl, c.messages, c.n_messages, member(line, "generation")->u.b,
                          &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(p.text.n, prompt->n);
    assert_memory_equal(p.text.data, prompt->p, prompt->n);
    if (vlm_prompt_ids(&ids, &p, tok, &format, c.slots, c.n_slots, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(ids.n, want->n);
    for (size_t i = 0; i < ids.n; i++)
        assert_int_equal(ids.data[i], want->items[i].u.i);
    vlm_ids_free(&ids);
    vlm_prompt_text_free(&p);
}

static void check_words(const struct vlm_value *words)
{
    for (size_t i = 0; i < words->u.seq->n; i++) {
        const struct vlm_seq *pair = words->u.seq->items[i].u.seq;
        const struct vlm_str *want = pair->items[1].u.s;
        struct vlm_buf b;
        vlm_buf_init(&b, mem, 1000);
        assert_true(vlm_prompt_put_words(&b, (unsigned)pair->items[0].u.i));
        if (b.n != want->n || memcmp(b.data, want->p, b.n) != 0)
            fail_msg("%d is %.*s, expected %.*s", (int)pair->items[0].u.i, (int)b.n, b.data,
                     (int)want->n, want->p);
        vlm_buf_free(&b);
    }
    assert_true(words->u.seq->n > 200);
}

static void test_golden(void **state)
{
    struct vlm_map map;
    const char *at, *end;
    unsigned n = 0;
    (void)state;
    open_map(&map, VLM_TEST_DATA "/template", "video.jsonl");
    at = (const char *)map.data;
    end = at + map.n;
    while (at < end) {
        struct vlm_value line, *words;
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        vlm_run_init(&run, mem, "golden", NULL);
        assert_true(vlm_v_json(&run, &line, at, (size_t)(stop - at), "golden"));
        words = member(&line, "words");
        if (words)
            check_words(words);
        else
            check_line(&line);
        vlm_run_free(&run);
        at = stop + 1;
        n++;
    }
    vlm_map_close(&map, mem);
    assert_int_equal(n, 10);
}

/* ---- beyond the reference ---- */

#define F "<fake_token_around_image>"
#define G F "<global-img><image><image>" F

static vlm_part text(const char *s)
{
    return (vlm_part){VLM_PART_TEXT, s, strlen(s), NULL, NULL};
}
static vlm_part image(void)
{
    return (vlm_part){VLM_PART_IMAGE, NULL, 0, NULL, NULL};
}
static vlm_part video(void)
{
    return (vlm_part){VLM_PART_VIDEO, NULL, 0, NULL, NULL};
}

/* Every part in its order; slots that users type stay text. */
static void test_mixed(void **state)
{
    static const double times[] = {0, 61.5};
    const struct vlm_prompt_video v = {times, 2, 62};
    const struct vlm_prompt_image slots[] = {{0, 0, NULL}, {0, 0, &v}, {0, 0, NULL}};
    vlm_part parts[] = {image(), text("<video>"), video(), text("<image>"), image()};
    vlm_message m = {"user", parts, 5, 0};
    struct vlm_prompt_text p, out;
    struct vlm_ids ids;
    vlm_error err;
    (void)state;
    vlm_prompt_text_init(&p, mem);
    vlm_prompt_text_init(&out, mem);
    vlm_ids_init(&ids, mem);
    assert_int_equal(vlm_prompt_render(&p, tmpl, &m, 1, true, &err), VLM_OK);
    assert_int_equal(vlm_prompt_expand(&out, &p, &format, slots, 3, &err), VLM_OK);
    static const char want[] =
        "<|im_start|>User:" G "<video>You are provided the following series of two frames from a "
        "0:01:02 [H:MM:SS] video.\n\nFrame from 00:00:" G "\nFrame from 01:01:" G "\n\n<image>" G
        "<end_of_utterance>\nAssistant:";
    assert_int_equal(out.text.n, sizeof want - 1);
    assert_memory_equal(out.text.data, want, sizeof want - 1);
    assert_int_equal(vlm_prompt_ids(&ids, &p, tok, &format, slots, 3, &err), VLM_OK);
    size_t n = 0;
    for (size_t i = 0; i < ids.n; i++)
        n += ids.data[i] == format.image_token;
    assert_int_equal(n, 8); /* four frames; the typed <image> is none */
    vlm_ids_free(&ids);
    vlm_prompt_text_free(&p);
    vlm_prompt_text_free(&out);
}

/* A template that writes other slots than the conversation has. */
static void test_wrong_slots(void **state)
{
    static const double time = 0;
    const struct vlm_prompt_video v = {&time, 1, 0};
    const struct vlm_prompt_image slots[] = {{0, 0, &v}, {0, 0, NULL}};
    vlm_part parts[] = {image(), video()};
    vlm_message m = {"user", parts, 2, 0};
    struct vlm_prompt_text p;
    struct vlm_ids ids;
    vlm_error err;
    (void)state;
    vlm_prompt_text_init(&p, mem);
    vlm_ids_init(&ids, mem);
    assert_int_equal(vlm_prompt_render(&p, tmpl, &m, 1, true, &err), VLM_OK);
    assert_int_equal(vlm_prompt_ids(&ids, &p, tok, &format, slots, 2, &err), VLM_ERR_FORMAT);
    assert_string_equal(err.message,
                        "the chat template writes <image> as slot 0, expected <video>");
    assert_int_equal(vlm_prompt_ids(&ids, &p, tok, &format, slots, 1, &err), VLM_ERR_FORMAT);
    vlm_ids_free(&ids);
    vlm_prompt_text_free(&p);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden),
                                              cmocka_unit_test(test_mixed),
                                              cmocka_unit_test(test_wrong_slots)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
