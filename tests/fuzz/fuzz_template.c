/* Any bytes as a chat template, run on a conversation whose texts are all of private-use
 * characters. Beside crashes and leaks it looks for users' bytes that lost their mark on the way.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "prompt/run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char json[] =
    "{\"messages\":[{\"role\":\"\xEE\x80\x81\",\"content\":[{\"type\":\"\xEE\x80\x82\",\"text\":\" "
    "\xEE\x80\x83\\n\"}]},"
    "{\"role\":\"\xEE\x80\x84\",\"content\":\"\xEE\x80\x85 \xEE\x80\x86,\xEE\x80\x87\"}],"
    "\"tools\":[{\"\xEE\x80\x88\":{\"\xEE\x80\x89\":[1,-2.5,null,true,\"\xEE\x80\x8A\\\"\"]}}],"
    "\"x\":\"\xEE\x80\x8B\xEE\x80\x8C\",\"d\":{\"b\":\"\xEE\x80\x8D\",\"a\":1},\"add_generation_"
    "prompt\":true}";

static bool has(const uint8_t *data, size_t size, const char *what)
{
    size_t n = strlen(what);

    for (size_t i = 0; i + n <= size; i++) {
        if (memcmp(data + i, what, n) == 0)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool private =
        has(data, size, "\xEE") || has(data, size, "\\"); /* the template can write them itself */
    struct vlm_run run;
    struct vlm_value variables, text;
    vlm_template *t;
    vlm_error err;

    if (size > 65536 ||
        vlm_template_open(&t, &vlm_mem_system, (const char *)data, size, "fuzz", &err) < 0)
        return 0;
    vlm_template_begin(t, &run, &vlm_mem_system, &err);
    run.now = 0;
    if (!vlm_v_json(&run, &variables, json, sizeof json - 1, "json"))
        abort();
    run.steps = 20000;
    if (vlm_template_run(t, &run, &variables, &text)) {
        const struct vlm_str *s = text.u.s;
        for (size_t i = 0; !private && i < s->n; i++) {
            if ((unsigned char)s->p[i] == 0xEE && !(s->mask ? s->mask[i] : s->user))
                abort();
        }
    } else if (run.status >= 0 || !err.message[0] || strchr(err.message, '\n')) {
        abort();
    }
    vlm_run_free(&run);
    vlm_template_close(t);
    return 0;
}
