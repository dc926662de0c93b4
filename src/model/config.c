/* config.c: JSON files -> struct vlm_config.  Owns the defaults that checkpoints leave out (those
 * of transformers' configuration classes) and the range of every number. */
#include "model/config.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "format/json.h"

/* One JSON object being read, with the place it came from for error messages. */
struct section {
    const json_t *object; /* NULL: an absent section, every field takes its default */
    const char *file, *path;
    vlm_error *err;
    int rc; /* sticky */
};

static int load(json_t **out, const void *data, size_t n, const char *file, vlm_error *err)
{
    int rc =
        vlm_json_check(data, n, file, err); /* bounds depth and members before a tree is built */
    if (rc < 0)
        return rc;
    json_error_t je;
    json_t *root = json_loadb(data, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);
    if (!root) {
        struct vlm_quoted q;
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: line %d: %s", file, je.line,
                        vlm_base_quote(&q, je.text, strlen(je.text)));
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: not a JSON object", file);
    }
    *out = root;
    return VLM_OK;
}

static int load_file(json_t **out, const struct vlm_files *files, const char *name, vlm_error *err)
{
    struct vlm_map map;
    int rc = vlm_files_open(&map, files, name, VLM_LIMIT_CONFIG_BYTES, err);
    if (rc < 0)
        return rc;
    struct vlm_label label;
    rc = load(out, map.data, map.n, vlm_files_label(&label, files, name), err);
    vlm_files_close(&map, files);
    return rc;
}

static const char *type_name(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a fraction";
    case JSON_NULL:
        return "null";
    default:
        return "a boolean";
    }
}

/* NULL for absent and for null: the reference treats null like absent. */
static const json_t *field(const struct section *s, const char *key)
{
    const json_t *v = s->object ? json_object_get(s->object, key) : NULL;
    return v && !json_is_null(v) ? v : NULL;
}

static int wrong(struct section *s, const char *key, const json_t *v, const char *expected)
{
    if (s->rc == VLM_OK)
        s->rc = vlm_fail(s->err, VLM_ERR_FORMAT, "%s: %s%s is %s, expected %s", s->file, s->path,
                         key, type_name(v), expected);
    return s->rc;
}

static void read_u32(uint32_t *out, struct section *s, const char *key, int64_t absent,
                     uint64_t min, uint64_t max)
{
    const json_t *v = field(s, key);
    int64_t x = absent;
    if (s->rc < 0)
        return;
    if (v) {
        if (!json_is_integer(v)) {
            wrong(s, key, v, "an integer");
            return;
        }
        x = json_integer_value(v);
    }
    if (x < 0 || (uint64_t)x < min || (uint64_t)x > max) {
        s->rc =
            vlm_fail(s->err, VLM_ERR_FORMAT, "%s: %s%s is %lld, expected %llu to %llu", s->file,
                     s->path, key, (long long)x, (unsigned long long)min, (unsigned long long)max);
        return;
    }
    *out = (uint32_t)x;
}

static void read_double(double *out, struct section *s, const char *key, double absent, double min,
                        double max)
{
    const json_t *v = field(s, key);
    double x = absent;
    if (s->rc < 0)
        return;
    if (v) {
        if (!json_is_number(v)) {
            wrong(s, key, v, "a number");
            return;
        }
        x = json_number_value(v);
    }
    if (!(x >= min && x <= max)) {
        s->rc = vlm_fail(s->err, VLM_ERR_FORMAT, "%s: %s%s is %g, expected %g to %g", s->file,
                         s->path, key, x, min, max);
        return;
    }
    *out = x;
}

static void read_bool(bool *out, struct section *s, const char *key, bool absent)
{
    const json_t *v = field(s, key);
    *out = absent;
    if (s->rc < 0 || !v)
        return;
    if (!json_is_boolean(v))
        wrong(s, key, v, "true or false");
    else
        *out = json_is_true(v);
}

/* The value must be one of the words, or absent. */
static void expect_word(struct section *s, const char *key, const char *word1, const char *word2)
{
    const json_t *v = field(s, key);
    if (s->rc < 0 || !v)
        return;
    if (!json_is_string(v)) {
        wrong(s, key, v, "a string");
    } else if (strcmp(json_string_value(v), word1) != 0 &&
               strcmp(json_string_value(v), word2) != 0) {
        struct vlm_quoted q;
        s->rc = vlm_fail(s->err, VLM_ERR_UNSUPPORTED, "%s: %s%s is '%s', expected '%s'", s->file,
                         s->path, key,
                         vlm_base_quote(&q, json_string_value(v), json_string_length(v)), word1);
    }
}

static void expect_false(struct section *s, const char *key)
{
    bool set;
    read_bool(&set, s, key, false);
    if (s->rc == VLM_OK && set)
        s->rc = vlm_fail(s->err, VLM_ERR_UNSUPPORTED, "%s: %s%s is true, expected false", s->file,
                         s->path, key);
}

static struct section sub(struct section *s, const char *key, const char *path)
{
    struct section r = {NULL, s->file, path, s->err, s->rc};
    const json_t *v = field(s, key);
    if (v && !json_is_object(v)) {
        wrong(s, key, v, "an object");
        r.rc = s->rc;
    } else {
        r.object = v;
    }
    return r;
}

static void read_vision(struct vlm_vision_config *v, struct section *s)
{
    read_u32(&v->hidden, s, "hidden_size", 1152, 1, VLM_LIMIT_HIDDEN);
    read_u32(&v->ffn, s, "intermediate_size", 3072, 1, VLM_LIMIT_FFN);
    read_u32(&v->layers, s, "num_hidden_layers", 12, 1, VLM_LIMIT_LAYERS);
    read_u32(&v->heads, s, "num_attention_heads", 16, 1, VLM_LIMIT_HEADS);
    read_u32(&v->patch, s, "patch_size", 32, 1, VLM_LIMIT_TILE_SIDE);
    read_u32(&v->image_size, s, "image_size", 224, 1, VLM_LIMIT_TILE_SIDE);
    uint32_t channels = 3;
    read_u32(&channels, s, "num_channels", 3, 3, 3);
    double eps = 0;
    read_double(&eps, s, "layer_norm_eps", 1e-6, 1e-12, 1);
    v->eps = (float)eps;
    expect_word(s, "hidden_act", "gelu_pytorch_tanh", "gelu_pytorch_tanh");
    if (s->rc < 0)
        return;
    if (v->hidden % v->heads != 0 || v->hidden / v->heads > VLM_LIMIT_HEAD_DIM)
        s->rc = vlm_fail(s->err, VLM_ERR_FORMAT,
                         "%s: %shidden_size %u does not divide into %u heads of at most %u",
                         s->file, s->path, v->hidden, v->heads, (unsigned)VLM_LIMIT_HEAD_DIM);
    else if (v->patch > v->image_size)
        s->rc = vlm_fail(s->err, VLM_ERR_FORMAT, "%s: %spatch_size %u is larger than image_size %u",
                         s->file, s->path, v->patch, v->image_size);
}

static void read_rope(struct vlm_text_config *t, struct section *s)
{
    struct section p =
        sub(s, "rope_parameters", "text_config.rope_parameters."); /* newer spelling */
    read_double(&t->rope_theta, p.object ? &p : s, "rope_theta", 10000, 1, 1e12);
    struct section scaling = sub(s, "rope_scaling", "text_config.rope_scaling.");
    expect_word(&p, "rope_type", "default", "default");
    expect_word(&scaling, "rope_type", "default", "default");
    expect_word(&scaling, "type", "default", "default");
    s->rc = s->rc < 0 ? s->rc : p.rc < 0 ? p.rc : scaling.rc;
}

static void read_text(struct vlm_text_config *t, struct section *s)
{
    read_u32(&t->hidden, s, "hidden_size", 4096, 1, VLM_LIMIT_HIDDEN);
    read_u32(&t->ffn, s, "intermediate_size", 11008, 1, VLM_LIMIT_FFN);
    read_u32(&t->layers, s, "num_hidden_layers", 32, 1, VLM_LIMIT_LAYERS);
    read_u32(&t->heads, s, "num_attention_heads", 32, 1, VLM_LIMIT_HEADS);
    read_u32(&t->kv_heads, s, "num_key_value_heads", t->heads, 1, VLM_LIMIT_HEADS);
    read_u32(&t->vocab, s, "vocab_size", 32000, 1, VLM_LIMIT_VOCAB);
    read_u32(&t->context, s, "max_position_embeddings", 2048, 1, VLM_LIMIT_CONTEXT);
    double eps = 0;
    read_double(&eps, s, "rms_norm_eps", 1e-6, 1e-12, 1);
    t->eps = (float)eps;
    expect_word(s, "hidden_act", "silu", "silu");
    expect_false(s, "attention_bias");
    expect_false(s, "mlp_bias");
    read_rope(t, s);
    if (s->rc < 0)
        return;
    if (!field(s, "head_dim") && t->hidden % t->heads != 0) {
        s->rc =
            vlm_fail(s->err, VLM_ERR_FORMAT, "%s: %shidden_size %u does not divide into %u heads",
                     s->file, s->path, t->hidden, t->heads);
        return;
    }
    read_u32(&t->head_dim, s, "head_dim", t->hidden / t->heads, 2, VLM_LIMIT_HEAD_DIM);
    if (s->rc == VLM_OK && t->head_dim % 2 != 0)
        s->rc = vlm_fail(s->err, VLM_ERR_FORMAT, "%s: %shead_dim %u is odd, expected an even size",
                         s->file, s->path, t->head_dim);
    if (s->rc == VLM_OK && t->heads % t->kv_heads != 0)
        s->rc = vlm_fail(s->err, VLM_ERR_FORMAT,
                         "%s: %s%u attention heads do not divide over %u key/value heads", s->file,
                         s->path, t->heads, t->kv_heads);
}

static void read_names(struct vlm_config *c, struct section *s)
{
    const json_t *type = field(s, "model_type"), *arch = field(s, "architectures");
    const char *name = json_string_value(type);
    if (s->rc < 0)
        return;
    if (!name || (strcmp(name, "smolvlm") != 0 && strcmp(name, "idefics3") != 0)) {
        struct vlm_quoted q;
        s->rc = vlm_fail(s->err, VLM_ERR_UNSUPPORTED,
                         "%s: model_type is '%s', expected 'smolvlm' or 'idefics3'", s->file,
                         name ? vlm_base_quote(&q, name, strlen(name)) : "(absent)");
        return;
    }
    snprintf(c->family, sizeof c->family, "%s", name);
    name = json_string_value(json_array_get(arch, 0));
    snprintf(c->architecture, sizeof c->architecture, "%.63s",
             name && vlm_utf8_valid(name, strlen(name)) ? name : "SmolVLMForConditionalGeneration");
    size_t n = strlen(c->architecture);
    c->architecture[n - vlm_utf8_incomplete(c->architecture, n)] = 0;
}

/* eos_token_id: a number or a list of numbers. */
static void read_eos(struct vlm_config *c, struct section *s)
{
    const json_t *v = field(s, "eos_token_id");
    if (s->rc < 0 || !v)
        return;
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    if (n > VLM_MAX_EOS) {
        s->rc = vlm_fail(s->err, VLM_ERR_LIMIT,
                         "%s: %seos_token_id lists %zu tokens, expected at most %d", s->file,
                         s->path, n, VLM_MAX_EOS);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *id = json_is_array(v) ? json_array_get(v, i) : v;
        if (!json_is_integer(id)) {
            wrong(s, "eos_token_id", id, "an integer");
            return;
        }
        json_int_t x = json_integer_value(id);
        if (x < 0 || (uint64_t)x >= VLM_LIMIT_VOCAB) {
            s->rc =
                vlm_fail(s->err, VLM_ERR_FORMAT, "%s: %seos_token_id is %lld, expected a token id",
                         s->file, s->path, (long long)x);
            return;
        }
        c->eos[i] = (int32_t)x;
    }
    c->n_eos = (uint32_t)n;
}

static int read_model(struct vlm_config *c, json_t *root, const char *file, vlm_error *err)
{
    struct section top = {root, file, "", err, VLM_OK};
    read_names(c, &top);
    struct section text = sub(&top, "text_config", "text_config.");
    read_text(&c->text, &text);
    read_eos(c, &text);
    top.rc = text.rc;
    struct section vision = sub(&top, "vision_config", "vision_config.");
    read_vision(&c->vision, &vision);
    top.rc = vision.rc;
    read_u32(&c->scale, &top, "scale_factor", 2, 1, 64);
    read_bool(&c->text.tied, &top, "tie_word_embeddings", false);
    read_eos(c, &top);
    uint32_t id = 0;
    read_u32(&id, &top, "image_token_id", 128257, 0, VLM_LIMIT_VOCAB - 1);
    c->image_token_id = (int32_t)id;
    if (top.rc == VLM_OK && id >= c->text.vocab)
        top.rc = vlm_fail(err, VLM_ERR_FORMAT,
                          "%s: image_token_id is %u, expected less than vocab_size %u", file, id,
                          c->text.vocab);
    return top.rc;
}

int vlm_config_parse(struct vlm_config *c, const void *json, size_t n, const char *file,
                     vlm_error *err)
{
    json_t *root;
    *c = (struct vlm_config){0};
    int rc = load(&root, json, n, file, err);
    if (rc < 0)
        return rc;
    rc = read_model(c, root, file, err);
    json_decref(root);
    return rc;
}

/* ---- the processor's side ---- */

static void read_floats3(float out[3], struct section *s, const char *key, double absent,
                         double min)
{
    const json_t *v = field(s, key);
    for (size_t i = 0; i < 3; i++)
        out[i] = (float)absent;
    if (s->rc < 0 || !v)
        return;
    if (!json_is_array(v) || json_array_size(v) != 3) {
        s->rc = vlm_fail(s->err, VLM_ERR_FORMAT,
                         "%s: %s%s is %s of %zu, expected an array of 3 numbers", s->file, s->path,
                         key, type_name(v), json_array_size(v));
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        double x = json_number_value(json_array_get(v, i));
        if (!json_is_number(json_array_get(v, i)) || !(x >= min && x <= 1000)) {
            s->rc =
                vlm_fail(s->err, VLM_ERR_FORMAT, "%s: %s%s[%zu] is not a number from %g to 1000",
                         s->file, s->path, key, i, min);
            return;
        }
        out[i] = (float)x;
    }
}

/* {"longest_edge": N} */
static void read_edge(uint32_t *out, struct section *s, const char *key, const char *path,
                      uint32_t absent, uint64_t max)
{
    struct section edge = sub(s, key, path);
    read_u32(out, &edge, "longest_edge", absent, 1, max);
    s->rc = edge.rc;
}

static void read_image_processor(struct vlm_image_config *i, struct section *s)
{
    read_edge(&i->longest_edge, s, "size", "size.", 4 * 364, VLM_LIMIT_IMAGE_SIDE);
    read_edge(&i->tile, s, "max_image_size", "max_image_size.", 364, VLM_LIMIT_TILE_SIDE);
    uint32_t resample = 0;
    read_u32(&resample, s, "resample", VLM_RESAMPLE_LANCZOS, 0, 5);
    if (s->rc == VLM_OK && resample != VLM_RESAMPLE_LANCZOS && resample != VLM_RESAMPLE_BICUBIC) {
        s->rc = vlm_fail(s->err, VLM_ERR_UNSUPPORTED,
                         "%s: %sresample is %u, expected 1 (LANCZOS) or 3 (BICUBIC)", s->file,
                         s->path, resample);
        return;
    }
    i->resample = (enum vlm_resample)resample;
    read_bool(&i->split, s, "do_image_splitting", true);
    read_double(&i->rescale, s, "rescale_factor", 1.0 / 255, 1e-6, 1e3);
    read_floats3(i->mean, s, "image_mean", 0.5, -1000);
    read_floats3(i->std, s, "image_std", 0.5, 1e-6);
    static const char *const always[] = {"do_resize", "do_rescale", "do_normalize"};
    for (size_t k = 0; k < 3; k++) {
        bool on;
        read_bool(&on, s, always[k], true);
        if (s->rc == VLM_OK && !on)
            s->rc = vlm_fail(s->err, VLM_ERR_UNSUPPORTED, "%s: %s%s is false, expected true",
                             s->file, s->path, always[k]);
    }
}

/* As transformers' SmolVLMVideoProcessor reads them: what video_sampling says counts, but for its
 * size, which the object's own replaces. */
static void read_video_processor(struct vlm_video_config *v, struct section *s)
{
    struct section sampling = sub(s, "video_sampling", "video_sampling.");
    bool old = sampling.object != NULL;
    struct section *rates = old ? &sampling : s;
    read_double(&v->fps, rates, "fps", 1, 1e-3, 1000);
    read_u32(&v->max_frames, rates, old ? "max_frames" : "num_frames", 64, 1, 65536);
    s->rc = s->rc < 0 ? s->rc : rates->rc;
    if (old && !field(s, "size"))
        read_edge(&v->longest_edge, &sampling, "video_size", "video_sampling.video_size.", 4 * 364,
                  VLM_LIMIT_IMAGE_SIDE);
    else
        read_edge(&v->longest_edge, s, "size", "size.", 4 * 364, VLM_LIMIT_IMAGE_SIDE);
    s->rc = s->rc < 0 ? s->rc : sampling.rc;
}

/* processor_config.json's video_processor, else video_preprocessor_config.json, else the flat
 * preprocessor_config.json. */
static int read_video(struct vlm_video_config *v, struct section *p, struct section *flat,
                      const struct vlm_files *files)
{
    static const char name[] = "video_preprocessor_config.json";
    struct vlm_label label;
    json_t *root = NULL;
    struct section own = sub(p, "video_processor", "video_processor."), *from = flat;
    if (own.object) {
        from = &own;
    } else if (own.rc == VLM_OK && vlm_files_has(files, name)) {
        own.rc = load_file(&root, files, name, p->err);
        own = (struct section){root, vlm_files_label(&label, files, name), "", p->err, own.rc};
        from = &own;
    }
    from->rc = own.rc < 0 ? own.rc : from->rc;
    if (from->object)
        read_video_processor(v, from);
    json_decref(root);
    return from->rc;
}

int vlm_config_read_processor(struct vlm_config *c, const struct vlm_files *files, vlm_error *err)
{
    json_t *pre = NULL, *proc = NULL;
    struct vlm_label pre_label, proc_label;
    const char *pre_name = vlm_files_label(&pre_label, files, "preprocessor_config.json");
    const char *proc_name = vlm_files_label(&proc_label, files, "processor_config.json");
    int rc = VLM_OK;
    if (vlm_files_has(files, "preprocessor_config.json"))
        rc = load_file(&pre, files, "preprocessor_config.json", err);
    if (rc == VLM_OK && vlm_files_has(files, "processor_config.json"))
        rc = load_file(&proc, files, "processor_config.json", err);
    if (rc == VLM_OK) {
        struct section p = {proc, proc_name, "", err, VLM_OK};
        struct section nested = sub(&p, "image_processor", "image_processor.");
        struct section old = {pre, pre_name, "", err, nested.rc};
        struct section *image = nested.object ? &nested : &old;
        read_image_processor(&c->image, image);
        p.rc = image->rc;
        read_u32(&c->image_seq_len, &p, "image_seq_len", c->image_seq_len, 0, VLM_LIMIT_PATCHES);
        rc = p.rc;
        if (rc == VLM_OK)
            rc = read_video(&c->video, &p, &old, files);
    }
    json_decref(pre);
    json_decref(proc);
    return rc;
}

int vlm_config_check_geometry(struct vlm_config *c, const char *file, vlm_error *err)
{
    const struct vlm_vision_config *v = &c->vision;
    c->grid = c->image.tile / v->patch;
    uint32_t table = v->image_size / v->patch;
    if (c->grid == 0 || c->grid > table)
        return vlm_fail(
            err, VLM_ERR_FORMAT,
            "%s: a tile of %u pixels has %u patches of %u along a side, expected 1 to %u", file,
            c->image.tile, c->grid, v->patch, table);
    if ((uint64_t)c->grid * c->grid > VLM_LIMIT_PATCHES)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: %u x %u patches a tile, expected at most %u", file,
                        c->grid, c->grid, (unsigned)VLM_LIMIT_PATCHES);
    if (c->grid % c->scale != 0)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: %u patches along a side do not divide by scale_factor %u", file,
                        c->grid, c->scale);
    uint32_t n = c->grid / c->scale * (c->grid / c->scale);
    if (c->image_seq_len != 0 && c->image_seq_len != n)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "processor_config.json: image_seq_len is %u, expected %u (%u/%u squared)",
                        c->image_seq_len, n, c->grid, c->scale);
    c->image_seq_len = n;
    return VLM_OK;
}

int vlm_config_read(struct vlm_config *c, const struct vlm_files *files, vlm_error *err)
{
    struct vlm_map map;
    int rc = vlm_files_open(&map, files, "config.json", VLM_LIMIT_CONFIG_BYTES, err);
    if (rc < 0)
        return rc;
    struct vlm_label label;
    rc = vlm_config_parse(c, map.data, map.n, vlm_files_label(&label, files, "config.json"), err);
    vlm_files_close(&map, files);
    if (rc == VLM_OK && vlm_files_has(files, "generation_config.json")) {
        json_t *root;
        rc = load_file(&root, files, "generation_config.json", err);
        if (rc == VLM_OK) {
            struct section s = {root, vlm_files_label(&label, files, "generation_config.json"), "",
                                err, VLM_OK};
            read_eos(c, &s);
            rc = s.rc;
            json_decref(root);
        }
    }
    if (rc == VLM_OK)
        rc = vlm_config_read_processor(c, files, err);
    return rc == VLM_OK ? vlm_config_check_geometry(c, "config.json", err) : rc;
}

bool vlm_config_is_eos(const struct vlm_config *c, int32_t id)
{
    for (size_t i = 0; i < c->n_eos; i++)
        if (c->eos[i] == id)
            return true;
    return false;
}

/* ---- the template ---- */

/* "chat_template" is a string, or a list of {"name", "template"} of which "default" counts. */
static const json_t *template_of(const json_t *root)
{
    const json_t *t = json_object_get(root, "chat_template");
    for (size_t i = 0; i < json_array_size(t); i++) {
        const json_t *entry = json_array_get(t, i);
        const char *name = json_string_value(json_object_get(entry, "name"));
        if (name && strcmp(name, "default") == 0)
            return json_object_get(entry, "template");
    }
    return t && !json_is_null(t) ? t : NULL;
}

int vlm_config_template(char **source, size_t *n, char where[64], const struct vlm_files *files,
                        vlm_error *err)
{
    *source = NULL;
    *n = 0;
    if (vlm_files_has(files, "chat_template.jinja")) {
        struct vlm_map map;
        snprintf(where, 64, "chat_template.jinja");
        int rc = vlm_files_open(&map, files, "chat_template.jinja", VLM_LIMIT_TEMPLATE_BYTES, err);
        if (rc < 0)
            return rc;
        rc = vlm_config_take_template(source, n, files->alloc, (const char *)map.data, map.n, err);
        vlm_files_close(&map, files);
        return rc;
    }
    static const char *const names[] = {"chat_template.json", "processor_config.json",
                                        "tokenizer_config.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *root;
        if (!vlm_files_has(files, names[i]))
            continue;
        int rc = load_file(&root, files, names[i], err);
        if (rc < 0)
            return rc;
        const json_t *t = template_of(root);
        if (t && !json_is_string(t)) {
            rc = vlm_fail(err, VLM_ERR_FORMAT, "%s: chat_template is %s, expected a string",
                          names[i], type_name(t));
        } else if (t) {
            snprintf(where, 64, "%s", names[i]);
            rc = vlm_config_take_template(source, n, files->alloc, json_string_value(t),
                                          json_string_length(t), err);
        }
        json_decref(root);
        if (t || rc < 0)
            return rc;
    }
    return VLM_OK;
}
