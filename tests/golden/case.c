/* case.c: reads case.txt and the .npy files beside it. */
#include "case.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void golden_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("golden: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

uint64_t golden_hash(uint64_t hash, const void *words, size_t n_words)
{
    const unsigned char *p = words;
    for (size_t i = 0; i < n_words; i++, p += 4) {
        uint32_t w;
        memcpy(&w, p, 4);
        hash = (hash ^ w) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static char *read_file(const char *folder, const char *name, size_t *n)
{
    char path[2000];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0)
        golden_die("%s: cannot be read", path);
    long size = ftell(f);
    rewind(f);
    char *data = malloc((size_t)size + 1);
    if (!data || fread(data, 1, (size_t)size, f) != (size_t)size)
        golden_die("%s: cannot be read", path);
    fclose(f);
    data[size] = 0;
    *n = (size_t)size;
    return data;
}

static void unescape(char *s)
{
    char *to = s;
    for (; *s; s++) {
        if (*s == '\\' && s[1]) {
            s++;
            *to++ = *s == 'n' ? '\n' : *s;
        } else {
            *to++ = *s;
        }
    }
    *to = 0;
}

/* The values of NAME.npy (version 1.0, C order), which must be n values of the tensor's type. */
static void *read_npy(const char *folder, const struct golden_tensor *t)
{
    char name[64];
    size_t size, n = t->n_kept * t->cols;
    snprintf(name, sizeof name, "%s.npy", t->name);
    char *raw = read_file(folder, name, &size);
    if (size < 10 || memcmp(raw, "\x93NUMPY\x01\x00", 8) != 0)
        golden_die("%s/%s: is no .npy file of version 1.0", folder, name);
    size_t begin = 10 + (size_t)(unsigned char)raw[8] + 256 * (size_t)(unsigned char)raw[9];
    char *dict = raw + 10;
    if (begin > size)
        golden_die("%s/%s: header is cut off", folder, name);
    bool typed = strstr(dict, t->is_int32 ? "'<i4'" : "'<f4'") != NULL;
    if (!typed || !strstr(dict, "'fortran_order': False") || size - begin != 4 * n)
        golden_die("%s/%s: has %zu bytes, expected %zu values of %s", folder, name, size - begin, n,
                   t->is_int32 ? "int32" : "float32");
    void *values = malloc(4 * n + 1);
    if (!values)
        golden_die("out of memory");
    memcpy(values, raw + begin, 4 * n);
    free(raw);
    return values;
}

/* "NAME f4 5x64x60 stride 11 max 3.26 fnv 0123456789abcdef" */
static void read_tensor(struct golden_case *c, const char *line)
{
    if (c->n_tensors == CASE_MAX_TENSORS)
        golden_die("%s/case.txt: too many tensors", c->folder);
    struct golden_tensor *t = &c->tensors[c->n_tensors++];
    char type[4], shape[64];
    if (sscanf(line, "%31s %3s %63s stride %zu max %lf fnv %" SCNx64, t->name, type, shape,
               &t->stride, &t->largest, &t->hash) != 6 ||
        t->stride == 0)
        golden_die("%s/case.txt: bad line: tensor %s", c->folder, line);
    t->is_int32 = strcmp(type, "i4") == 0;
    for (char *p = strtok(shape, "x"); p && t->n_dims < 4; p = strtok(NULL, "x"))
        t->shape[t->n_dims++] = strtoul(p, NULL, 10);
    t->rows = t->shape[0];
    t->cols = t->n_dims > 1 ? t->shape[t->n_dims - 1] : 1;
    for (size_t i = 1; i + 1 < t->n_dims; i++)
        t->rows *= t->shape[i];
    t->n_kept = t->rows ? (t->rows - 1) / t->stride + 1 : 0;
    t->data = read_npy(c->folder, t);
}

static void read_part(struct golden_case *c, char *value, vlm_part_kind kind)
{
    if (c->n_messages == 0 || c->n_parts == CASE_MAX_PARTS)
        golden_die("%s/case.txt: a part outside a message, or too many", c->folder);
    vlm_message *m = &c->messages[c->n_messages - 1];
    if (m->n_parts == 0)
        m->parts = &c->parts[c->n_parts];
    m->n_parts++;
    unescape(value);
    c->files[c->n_parts] = kind == VLM_PART_TEXT ? NULL : value;
    c->parts[c->n_parts++] = kind == VLM_PART_TEXT    ? vlm_part_text(value)
                             : kind == VLM_PART_IMAGE ? vlm_part_image(NULL)
                                                      : vlm_part_video(NULL);
}

struct golden_case *golden_case_read(const char *folder)
{
    struct golden_case *c = calloc(1, sizeof *c);
    if (!c)
        golden_die("out of memory");
    snprintf(c->folder, sizeof c->folder, "%s", folder);
    size_t size;
    c->text = read_file(folder, "case.txt", &size);
    for (char *line = c->text, *next; *line; line = next) {
        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = 0;
        char *value = strchr(line, ' ');
        if (!value)
            golden_die("%s/case.txt: bad line: %s", folder, line);
        *value++ = 0;
        if (strcmp(line, "message") == 0 && c->n_messages < CASE_MAX_MESSAGES)
            c->messages[c->n_messages++].role = value;
        else if (strcmp(line, "text") == 0 || strcmp(line, "image") == 0 ||
                 strcmp(line, "video") == 0)
            read_part(c, value,
                      *line == 't'   ? VLM_PART_TEXT
                      : *line == 'i' ? VLM_PART_IMAGE
                                     : VLM_PART_VIDEO);
        else if (strcmp(line, "tensor") == 0)
            read_tensor(c, value);
        else if (strcmp(line, "rendered") == 0)
            unescape(c->rendered = value);
        else
            golden_die("%s/case.txt: bad line: %s", folder, line);
    }
    if (!c->rendered || !golden_case_tensor(c, "logits") || !golden_case_tensor(c, "generated_ids"))
        golden_die("%s/case.txt: is not complete", folder);
    return c;
}

void golden_case_free(struct golden_case *c)
{
    for (size_t i = 0; i < c->n_tensors; i++)
        free(c->tensors[i].data);
    free(c->text);
    free(c);
}

static vlm_image *open_picture(const struct golden_case *c, const char *name,
                               const vlm_engine *engine)
{
    vlm_error err;
    vlm_image *image;
    char path[2000];
    snprintf(path, sizeof path, "%s/%s", c->folder, name);
    if (vlm_image_open(&image, engine, path, &err) < 0)
        golden_die("%s: %s", c->folder, err.message);
    return image;
}

/* "66.7 0 f0.png 4 f1.png": the length, then each frame's time and picture. */
static vlm_video *open_video(const struct golden_case *c, const char *line,
                             const vlm_engine *engine)
{
    vlm_error err;
    vlm_video *v;
    double duration, seconds;
    char name[64];
    int n;
    if (vlm_video_begin(&v, engine, &err) < 0 || sscanf(line, "%lf%n", &duration, &n) != 1)
        golden_die("%s: no video: %s", c->folder, line);
    for (line += n; sscanf(line, " %lf %63s%n", &seconds, name, &n) == 2; line += n) {
        vlm_image *image = open_picture(c, name, engine);
        if (vlm_video_add(v, vlm_image_pixels(image), vlm_image_width(image),
                          vlm_image_height(image), seconds, &err) < 0)
            golden_die("%s: %s", c->folder, err.message);
        vlm_image_close(image);
    }
    if (vlm_video_end(v, duration, &err) < 0)
        golden_die("%s: %s", c->folder, err.message);
    return v;
}

void golden_case_bind(struct golden_case *c, const vlm_engine *engine)
{
    for (size_t i = 0; i < c->n_parts; i++) {
        if (!c->files[i])
            continue;
        if (c->parts[i].kind == VLM_PART_VIDEO) {
            c->videos[i] = open_video(c, c->files[i], engine);
            c->parts[i] = vlm_part_video(c->videos[i]);
        } else {
            c->images[i] = open_picture(c, c->files[i], engine);
            c->parts[i] = vlm_part_image(c->images[i]);
        }
    }
}

void golden_case_unbind(struct golden_case *c)
{
    for (size_t i = 0; i < c->n_parts; i++) {
        vlm_image_close(c->images[i]);
        vlm_video_close(c->videos[i]);
        c->images[i] = NULL;
        c->videos[i] = NULL;
    }
}

struct golden_tensor *golden_case_tensor(struct golden_case *c, const char *name)
{
    for (size_t i = 0; i < c->n_tensors; i++)
        if (strcmp(c->tensors[i].name, name) == 0)
            return &c->tensors[i];
    return NULL;
}
