/* fuzz_safetensors.c: a weight file, or an index, of arbitrary bytes.  An input that begins with
 * '{' is an index beside two good shards; anything else is model.safetensors.  What is accepted is
 * read. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char shard_a[] =
    "\x3a\0\0\0\0\0\0\0"
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}    abcd";
static const char shard_b[] =
    "\x3a\0\0\0\0\0\0\0"
    "{\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}    abcd";

static void use(const struct vlm_weights *w)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < w->n_tensors; i++) {
        const struct vlm_weight *t = &w->tensors[i];
        uint64_t n = 1;
        for (size_t k = 0; k < 4; k++)
            n *= t->shape[k];
        if (t->dtype != VLM_NUM_OTHER && n * vlm_num_info(t->dtype)->block_bytes != t->bytes)
            abort();
        volatile uint8_t sink = 0;
        if (t->bytes)
            sink = (uint8_t)(t->data[0] ^ t->data[t->bytes - 1]);
        (void)sink;
        if (vlm_weights_find(w, t->name) != t)
            abort();
        bytes += t->bytes;
    }
    if (bytes != w->bytes)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool index = size > 0 && data[0] == '{';
    vlm_file files[] = {
        {index ? "model.safetensors.index.json" : "model.safetensors", data, size},
        {"a.safetensors", shard_a, sizeof shard_a - 1},
        {"b.safetensors", shard_b, sizeof shard_b - 1},
    };
    struct vlm_files source;
    struct vlm_weights w;
    vlm_error err;
    if (size == 0)
        files[0].data = "";
    if (vlm_files_init(&source, &vlm_mem_system, NULL, files, 3, false, &err) < 0)
        abort();
    if (vlm_weights_open(&w, &source, &err) >= 0) {
        use(&w);
        vlm_weights_close(&w);
    } else if (strchr(err.message, '\n') || err.message[0] == 0) {
        abort();
    }
    vlm_files_free(&source);
    return 0;
}
