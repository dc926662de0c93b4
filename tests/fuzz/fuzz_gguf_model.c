/* fuzz_gguf_model.c: a small GGUF model and its mmproj with up to eight changes that the input
 * spells out, opened as a whole; what opens answers about a picture.  Counts, lengths and offsets
 * of the files always agree (fuzz_gguf.c is for those): this one reaches keys, vocabulary, binding
 * and the forward pass.
 *
 * A change: a byte (0x80 tower, 0x40 tensor, rest which), then for a pair a type (13 leaves it
 * out) and a value, for a tensor dimensions, type and a byte that fills it. */
#include "../abuse/gguf_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_EDITS = 8, CAP = 1 << 20, WORDS = 2048 };

struct input {
    const uint8_t *at, *end;
};

struct changes {
    struct gguf_edit e[2][N_EDITS]; /* text, tower */
    size_t n[2];
    struct gguf_tensor tensors[N_EDITS];
    char words[N_EDITS][WORDS];
    size_t n_all;
};

static unsigned byte(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

/* One value of that type, in words; returns their length. */
static size_t spell(char *out, struct input *in, unsigned type)
{
    static const unsigned sizes[13] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    size_t n = 0;
    if (type == 8) {
        unsigned len = byte(in) % 48;
        n += (size_t)sprintf(out, " 8:%u x:", len);
        for (unsigned i = 0; i < len; i++) {
            unsigned c = byte(in);
            n += (size_t)sprintf(out + n, "%02x", c < 0x80 ? c : 'a');
        }
        return len ? n : (size_t)sprintf(out, " 8:0");
    }
    n = (size_t)sprintf(out, " x:");
    for (unsigned i = 0; i < sizes[type]; i++)
        n += (size_t)sprintf(out + n, "%02x", type == 7 ? byte(in) & 1 : byte(in));
    return n;
}

static void change_pair(struct changes *c, struct input *in, struct gguf_edit *e)
{
    char *words = c->words[c->n_all];
    unsigned type = byte(in) % 14;
    e->value = words;
    words[0] = 0;
    if (type == 13)
        return;
    size_t n = (size_t)sprintf(words, "4:%u", type);
    if (type != 9) {
        spell(words + n, in, type);
        return;
    }
    unsigned of = byte(in) % 13, count = byte(in) % 16;
    of = of == 9 ? 4 : of;
    n += (size_t)sprintf(words + n, " 4:%u 8:%u", of, count);
    for (unsigned i = 0; i < count; i++)
        n += spell(words + n, in, of);
}

static bool change_tensor(struct changes *c, struct input *in, struct gguf_edit *e)
{
    static const uint16_t sizes[16] = {0,  1,  2,  4,  8,  15,  16,  17,
                                       31, 32, 33, 48, 64, 128, 256, 264};
    struct gguf_tensor *t = &c->tensors[c->n_all];
    uint64_t n = 1;
    *t = (struct gguf_tensor){.name = e->name, .n_dims = byte(in) % 6};
    if (t->n_dims == 5) /* leaves it out */
        return true;
    for (unsigned i = 0; i < t->n_dims; i++)
        n *= t->ne[i] = sizes[byte(in) % 16];
    t->type = byte(in) % 44;
    e->fill = (int)byte(in);
    e->tensor = t;
    return n <= 1 << 14;
}

static void read_changes(struct changes *c, struct input *in)
{
    while (in->at < in->end && c->n_all < N_EDITS) {
        unsigned what = byte(in), i = what & 0x3f;
        bool vision = what & 0x80, tensor = what & 0x40;
        struct gguf_edit *e = &c->e[vision][c->n[vision]];
        if (tensor)
            e->name = vision ? gguf_vision_tensors[i % GGUF_COUNT(gguf_vision_tensors)].name
                             : gguf_text_tensors[i % GGUF_COUNT(gguf_text_tensors)].name;
        else
            e->name = vision ? gguf_vision_pairs[i % GGUF_COUNT(gguf_vision_pairs)].key
                             : gguf_text_pairs[i % GGUF_COUNT(gguf_text_pairs)].key;
        if (!tensor)
            change_pair(c, in, e);
        else if (!change_tensor(c, in, e)) { /* too large */
            *e = (struct gguf_edit){.name = NULL};
            continue;
        }
        c->n[vision]++;
        c->n_all++;
    }
}

/* Any answer is fine, and any error of one line. */
static void use(vlm_engine *engine)
{
    static const uint8_t pixels[20 * 12 * 3] = {200, 10, 10};
    vlm_session_options o;
    vlm_session *session = NULL;
    vlm_image *image = NULL;
    vlm_error err = {.status = 0};
    vlm_session_options_init(&o);
    o.max_tokens = 2;
    int rc = vlm_session_open(&session, engine, &o, &err);
    if (rc == VLM_OK)
        rc = vlm_image_from_rgb(&image, engine, pixels, 20, 12, &err);
    vlm_part parts[2] = {vlm_part_image(image), vlm_part_text("hi 1\n")};
    vlm_message message = {.role = "user", .parts = parts, .n_parts = 2};
    if (rc == VLM_OK)
        rc = vlm_session_sync(session, &message, 1, &err);
    if (rc < 0 && image) { /* a model without a tower, say */
        message.parts = parts + 1;
        message.n_parts = 1;
        rc = vlm_session_sync(session, &message, 1, &err);
    }
    vlm_token token;
    while (rc == VLM_OK)
        rc = vlm_session_next(session, &token, &err);
    if (rc < 0 && (!err.message[0] || strchr(err.message, '\n')))
        abort();
    vlm_image_close(image);
    vlm_session_close(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t text[CAP], tower[CAP];
    static struct changes c;
    struct input in = {data, data + size};
    memset(&c, 0, sizeof c);
    read_changes(&c, &in);
    vlm_file files[2] = {{"m.gguf", text, gguf_model(text, CAP, false, c.e[0], c.n[0])},
                         {"mmproj.gguf", tower, gguf_model(tower, CAP, true, c.e[1], c.n[1])}};
    vlm_engine_options o;
    vlm_engine *engine;
    vlm_error err = {.status = 0};
    vlm_engine_options_init(&o);
    o.n_threads = 1;
    o.mmproj = size % 8 == 7 ? "" : "mmproj.gguf";
    if (vlm_engine_open_files(&engine, files, 2, &o, &err) >= 0) {
        use(engine);
        vlm_engine_close(engine);
    } else if (!err.message[0] || strchr(err.message, '\n')) {
        abort();
    }
    return 0;
}
