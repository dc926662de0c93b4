/* Any bytes as tokenizer.json; what opens must encode and decode without harm. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "token/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const vlm_tokenizer *t)
{
    static const char text[] = "ab <x>abab 12 \xff hello  world'll <y> \xe4\xb8\xad\n\n "
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
    static const struct vlm_span plain = {3, 5};
    struct vlm_ids ids;
    struct vlm_buf back;
    vlm_error err;
    vlm_ids_init(&ids, &vlm_mem_system);
    vlm_buf_init(&back, &vlm_mem_system, SIZE_MAX / 4);
    for (size_t n_plain = 0; n_plain < 2; n_plain++) {
        ids.n = 0;
        if (vlm_token_encode(&ids, t, text, sizeof text - 1, &plain, n_plain, &err) < 0)
            continue; /* a pattern may need too many steps */
        for (size_t i = 0; i < ids.n; i++)
            if (ids.data[i] < 0 || (size_t)ids.data[i] >= vlm_token_count(t))
                abort();
        vlm_buf_clear(&back);
        if (vlm_token_decode(&back, t, ids.data, ids.n, n_plain, &err) < 0 ||
            !vlm_utf8_valid(back.n ? back.data : "", back.n))
            abort();
    }
    vlm_token_find(t, "<x>");
    vlm_buf_free(&back);
    vlm_ids_free(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vlm_tokenizer *t;
    vlm_error err;
    int rc = vlm_tokenizer_open(&t, &vlm_mem_system, data, size, "fuzz", &err);
    if (rc == VLM_OK) {
        use(t);
        vlm_tokenizer_close(t);
    } else if (strchr(err.message, '\n') || err.status != rc) {
        abort();
    }
    return 0;
}
