/* exif.c: how a picture lies, out of EXIF data or an XMP packet: pure functions over (data, n).
 *
 * Follows what Pillow's getexif() makes of the same bytes, odd types included.  Damaged EXIF data
 * is no reason to refuse a picture: it then lies as stored. */
#include <string.h>

#include "image/internal.h"

#define TAG_ORIENTATION 0x0112
#define NO_EFFECT 9

struct tiff {
    const uint8_t *data;
    size_t n;
    bool big_endian;
};

static uint64_t get(const struct tiff *t, size_t at, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)t->data[at + (size_t)i] << 8 * (t->big_endian ? bytes - 1 - i : i);
    return v;
}

static bool inside(const struct tiff *t, uint64_t at, uint64_t bytes)
{
    return at <= t->n && bytes <= t->n - at;
}

/* Bytes of one value of a TIFF type, 0 for unknown ones. */
static int type_bytes(unsigned type)
{
    static const uint8_t bytes[17] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8};
    return type < sizeof bytes ? bytes[type] : 0;
}

static double float_of(uint64_t bits, int bytes)
{
    if (bytes == 8) {
        double d;
        memcpy(&d, &bits, sizeof d);
        return d;
    }
    uint32_t low = (uint32_t)bits;
    float f;
    memcpy(&f, &low, sizeof f);
    return f;
}

/* The number at `at`; a type that is no number (bytes, text) gives 0. */
static double value(const struct tiff *t, size_t at, unsigned type)
{
    int bytes = type_bytes(type);
    switch (type) {
    case 3:  /* SHORT */
    case 4:  /* LONG */
    case 6:  /* SBYTE; of signed ones only 1..8 count, so a sign may just be read as large */
    case 8:  /* SSHORT */
    case 9:  /* SLONG */
    case 13: /* IFD */
    case 16: /* LONG8 */
        return (double)get(t, at, bytes);
    case 5:
    case 10: { /* RATIONAL, SRATIONAL */
        uint64_t over = get(t, at, 4), under = get(t, at + 4, 4);
        if (type == 10 && (over & under) >> 31 != 0) { /* both negative */
            over = UINT32_MAX - over + 1;
            under = UINT32_MAX - under + 1;
        }
        return under != 0 ? (double)over / (double)under : 0;
    }
    case 11:
    case 12:
        return float_of(get(t, at, bytes), bytes);
    default:
        return 0;
    }
}

static int orientation_of(double v)
{
    for (int o = 1; o <= 8; o++)
        if (v == o)
            return o;
    return NO_EFFECT;
}

int vlm_image_exif_orientation(const uint8_t *data, size_t n)
{
    while (n >= 6 && memcmp(data, "Exif\0\0", 6) == 0) {
        data += 6;
        n -= 6;
    }
    struct tiff t = {data, n, false};
    if (n < 8)
        return 0;
    if (memcmp(data, "MM\0*", 4) == 0 || memcmp(data, "MM*\0", 4) == 0 ||
        memcmp(data, "MM\0+", 4) == 0)
        t.big_endian = true;
    else if (memcmp(data, "II*\0", 4) != 0 && memcmp(data, "II\0*", 4) != 0)
        return 0;
    uint64_t at = get(&t, 4, 4);
    if (!inside(&t, at, 2))
        return 0;
    int found = 0;
    unsigned entries = (unsigned)get(&t, at, 2);
    at += 2;
    for (unsigned i = 0; i < entries && inside(&t, at, 12); i++, at += 12) {
        unsigned type = (unsigned)get(&t, at + 2, 2);
        uint64_t bytes = get(&t, at + 4, 4) * (uint64_t)type_bytes(type), where = at + 8;
        if (bytes > 4)
            where = get(&t, at + 8, 4);
        if (!inside(&t, where, bytes))
            break; /* data missing: Pillow keeps what came before */
        if (get(&t, at, 2) == TAG_ORIENTATION && bytes != 0)
            found = orientation_of(value(&t, where, type));
    }
    return found;
}

int vlm_image_xmp_orientation(const uint8_t *data, size_t n)
{
    static const char key[] = "tiff:Orientation";
    const uint8_t *p = data, *end = data + n;
    while (p != end && (p = memmem(p, (size_t)(end - p), key, sizeof key - 1)) != NULL) {
        p += sizeof key - 1;
        size_t left = (size_t)(end - p);
        size_t skip = left >= 2 && p[0] == '=' && p[1] == '"' ? 2
                      : left >= 1 && p[0] == '>'              ? 1
                                                              : 0;
        if (skip != 0 && left > skip && p[skip] >= '0' && p[skip] <= '9')
            return p[skip] >= '1' && p[skip] <= '8' ? p[skip] - '0' : NO_EFFECT;
    }
    return 0;
}
