/* image_pack.h: the files of tests/data/image: NAME.txt says what is known of each, NAME.bin holds
 * them one after the other.  Copies have exactly the bytes of a file, so that sanitizers see its
 * end. */
#ifndef TESTS_IMAGE_PACK_H
#define TESTS_IMAGE_PACK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct image_pack {
    FILE *lines, *bytes;
};

static inline struct image_pack image_pack_open(const char *name)
{
    char path[1000];
    struct image_pack p;
    snprintf(path, sizeof path, "%s/image/%s.txt", VLM_TEST_DATA, name);
    p.lines = fopen(path, "r");
    snprintf(path, sizeof path, "%s/image/%s.bin", VLM_TEST_DATA, name);
    p.bytes = fopen(path, "rb");
    if (p.lines == NULL || p.bytes == NULL) {
        perror(path);
        exit(1);
    }
    return p;
}

static inline void image_pack_close(struct image_pack *p)
{
    fclose(p->lines);
    fclose(p->bytes);
}

static inline uint8_t *image_pack_file(const struct image_pack *p, size_t at, size_t n)
{
    uint8_t *data = malloc(n > 0 ? n : 1);
    if (data == NULL || fseek(p->bytes, (long)at, SEEK_SET) != 0 ||
        fread(data, 1, n, p->bytes) != n) {
        fprintf(stderr, "no %zu bytes at %zu\n", n, at);
        exit(1);
    }
    return data;
}

/* The file of this name in a pack. */
static inline uint8_t *image_pack_named(const char *pack, const char *wanted, size_t *n)
{
    struct image_pack p = image_pack_open(pack);
    char line[600], name[100];
    size_t at;
    uint8_t *data = NULL;
    while (data == NULL && fgets(line, sizeof line, p.lines) != NULL)
        if (sscanf(line, "%*s %99s %zu %zu", name, &at, n) == 3 && strcmp(name, wanted) == 0)
            data = image_pack_file(&p, at, *n);
    image_pack_close(&p);
    if (data == NULL) {
        fprintf(stderr, "%s: no %s\n", pack, wanted);
        exit(1);
    }
    return data;
}

#endif
