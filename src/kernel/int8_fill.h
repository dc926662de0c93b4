/* int8_fill.h: one block of VL columns of each quantised type, brought to the bytes of a panel.
 *
 * The same integers and scales as blocks.h, but with the constant `zero` of int8.h's table added to
 * the narrow ones, so that they are not negative.  Bytes go to step s (elements 4 s .. 4 s + 3 of the
 * block), floats to group g.  next: as many bytes as the block takes in VL columns, wanted soon. */
#ifndef VLM_KERNEL_INT8_FILL_H
#define VLM_KERNEL_INT8_FILL_H

#define FILL(name)                                                                                 \
    static ALWAYS void fill_##name(struct int8_out o, const uint8_t *col, size_t ld,               \
                                   const uint8_t *next)

/* Where the block goes: into a panel; or, where a row is given, its products into sums, one vector a
 * group, so that bytes need not leave the registers.  Of a group of 32 the first half comes first. */
struct int8_out {
    uint8_t *w;
    float *scale, *min;
    const struct vlm_q8 *row;
    vi *sum;
    struct int8_type type;
};

/* Sixteen elements, four to a lane of each vector, from step `first` on. */
static ALWAYS void put_batch(struct int8_out o, size_t first, const vi x[4])
{
    if (!o.row) {
        EACH(s, 4)
            i_store(o.w + (first + s) * INT8_STEP, x[s]);
        return;
    }
#ifndef INT8_SUMS
    const struct int8_type t = o.type;
    const int8_t *q = o.row[first / 8].q + first % 8 * 4;
    const size_t g = first * 4 / t.group;
    vi sum = i_zero();
    if (first * 4 % t.group)
        sum = o.sum[g];
    else if (INT8_WIDE && t.zero)
        sum = i_start(o.row[first / 8].sum[t.group == 32 ? 0 : 1 + g % 2], t.zero);
    if (INT8_WIDE || t.bits == 4) /* 16 bits are enough, join_sums widens */
        EACH(s, 4)
            sum = i_mac4(sum, x[s], i_spread(q + 4 * s));
    else if (t.bits == 8)
        EACH(s, 4)
            sum = i_mac8(sum, x[s], i_spread(q + 4 * s));
    else
        EACH(h, 2) {
            vi part = i_mac4(i_zero(), x[2 * h], i_spread(q + 8 * h));
            sum = i_widen(sum, i_mac4(part, x[2 * h + 1], i_spread(q + 8 * h + 4)));
        }
    o.sum[g] = sum;
#endif
}
#define PUT_BATCH(o, first, s, expression)                                                         \
    do {                                                                                           \
        vi batch_[4];                                                                              \
        EACH(s, 4)                                                                                 \
            batch_[s] = (expression);                                                              \
        put_batch(o, first, batch_);                                                               \
    } while (0)
static ALWAYS void put_group(float *to, size_t g, vf x) { v_store(to + g * INT8_COLS, x); }
/* A prefetch that stays where it is written.  Compilers gather those that may move, and a burst of them
 * waits until memory has taken it. */
#if defined(__x86_64__)
#define FETCH(p) __asm__ volatile("prefetcht0 %0" : : "m"(*(const char *)(p)))
#elif defined(__aarch64__)
#define FETCH(p) __asm__ volatile("prfm pldl1keep, %a0" : : "r"(p))
#else
#define FETCH(p) PREFETCH(p)
#endif

/* i_columns, i_words and i_halves, each while as many bytes of what follows come closer. */
static ALWAYS void take(vi x[4], const uint8_t *col, size_t ld, size_t at, const uint8_t *next)
{
    EACH(i, VL / 4)
        FETCH(next + VL * at + 64 * i);
    i_columns(x, col, ld, at);
}
static ALWAYS vi take_words(const uint8_t *col, size_t ld, size_t at, const uint8_t *next)
{
    FETCH(next + VL * at);
    return i_words(col, ld, at);
}
static ALWAYS vf take_halves(const uint8_t *col, size_t ld, size_t at, const uint8_t *next)
{
    FETCH(next + VL * at);
    return i_halves(col, ld, at);
}
static ALWAYS vi low_nibbles(vi x) { return i_and(x, i_set8(15)); }
static ALWAYS vi high_nibbles(vi x) { return i_and(i_shr(x, 4), i_set8(15)); }

static ALWAYS vi plus_signed_zero(vi x)
{
#if INT8_SIGNED_ZERO
    x = i_xor(x, i_set8(-INT8_SIGNED_ZERO));
#endif
    return x;
}

/* ---- 32 elements ---- */

static ALWAYS void fill_nibbles(struct int8_out o, const uint8_t *col, size_t ld, size_t at,
                                const uint8_t *next)
{
    vi x[4];
    take(x, col, ld, at, next);
    PUT_BATCH(o, 0, s, low_nibbles(x[s]));
    PUT_BATCH(o, 4, s, high_nibbles(x[s]));
}

FILL(q4_0)
{
    fill_nibbles(o, col, ld, 2, next);
    put_group(o.scale, 0, take_halves(col, ld, 0, next));
}

FILL(q4_1)
{
    vi d = take_words(col, ld, 0, next);
    fill_nibbles(o, col, ld, 4, next);
    put_group(o.scale, 0, i_half(d));
    put_group(o.min, 0, i_half(i_shr32(d, 16)));
}

static ALWAYS void fill_five(struct int8_out o, const uint8_t *col, size_t ld, size_t at,
                                const uint8_t *next)
{
    vi x[4], h = take_words(col, ld, at, next);
    take(x, col, ld, at + 4, next);
    PUT_BATCH(o, 0, s, i_or(low_nibbles(x[s]), i_bits(h, s)));
    PUT_BATCH(o, 4, s, i_or(high_nibbles(x[s]), i_bits(h, s + 4)));
}

FILL(q5_0)
{
    fill_five(o, col, ld, 2, next);
    put_group(o.scale, 0, take_halves(col, ld, 0, next));
}

FILL(q5_1)
{
    vi d = take_words(col, ld, 0, next);
    fill_five(o, col, ld, 4, next);
    put_group(o.scale, 0, i_half(d));
    put_group(o.min, 0, i_half(i_shr32(d, 16)));
}

FILL(q8_0)
{
    EACH(h, 2) {
        vi x[4];
        take(x, col, ld, 2 + 16 * h, next);
        PUT_BATCH(o, 4 * h, s, plus_signed_zero(x[s]));
    }
    put_group(o.scale, 0, take_halves(col, ld, 0, next));
}

static ALWAYS void fill_lookup(struct int8_out o, size_t first, const uint8_t *col, size_t ld,
                                size_t at, vi table,
                                const uint8_t *next)
{
    vi x[4];
    take(x, col, ld, at, next);
    PUT_BATCH(o, first, s, i_lookup(table, low_nibbles(x[s])));
    PUT_BATCH(o, first + 4, s, i_lookup(table, high_nibbles(x[s])));
}

FILL(iq4_nl)
{
    fill_lookup(o, 0, col, ld, 2, plus_signed_zero(i_table(iq4_values)), next);
    put_group(o.scale, 0, take_halves(col, ld, 0, next));
}

FILL(mxfp4)
{
    static const int8_t e2m1_plus16[16] = { 16, 17, 18, 19, 20, 22, 24, 28,
                                            16, 15, 14, 13, 12, 10, 8,  4 };
    fill_lookup(o, 0, col, ld, 1, i_table(e2m1_plus16), next);
    /* 2^(e - 128) as two powers of which each is a normal number: the least scales are not */
    vf e = i_byte(take_words(col, ld, 0, next), 0), half = v_round(v_mul(e, v_set(0.5f)));
    put_group(o.scale, 0, v_mul(v_scale2(v_set(1), v_sub(half, v_set(64))),
                                v_scale2(v_set(1), v_sub(v_sub(e, half), v_set(64)))));
}

/* ---- 256 elements ---- */

/* d times the bytes of four words, and -dmin times those of four more: groups of Q4_K and Q5_K */
static ALWAYS void fill_k_scales(struct int8_out o, const uint8_t *col, size_t ld,
                                const uint8_t *next)
{
    vi both = take_words(col, ld, 0, next), s0 = take_words(col, ld, 4, next),
       s1 = take_words(col, ld, 8, next), s2 = take_words(col, ld, 12, next);
    vi six = i_set8(63), top = i_set8(48), sc[2], mn[2];
    vf d = i_half(both), dmin = v_mul(i_half(i_shr32(both, 16)), v_set(-1));
    sc[0] = i_and(s0, six);
    mn[0] = i_and(s1, six);
    sc[1] = i_or(low_nibbles(s2), i_and(i_shr(s0, 2), top));
    mn[1] = i_or(high_nibbles(s2), i_and(i_shr(s1, 2), top));
    EACH(g, 8) {
        put_group(o.scale, g, v_mul(d, i_byte(sc[g / 4], g % 4)));
        put_group(o.min, g, v_mul(dmin, i_byte(mn[g / 4], g % 4)));
    }
}

FILL(q4_k)
{
    fill_k_scales(o, col, ld, next);
    EACH(c, 8) { /* sixteen bytes */
        vi x[4];
        size_t at = c / 2 * 16 + c % 2 * 4;
        take(x, col, ld, 16 + 16 * c, next);
        PUT_BATCH(o, at, s, low_nibbles(x[s]));
        PUT_BATCH(o, at + 8, s, high_nibbles(x[s]));
    }
}

/* Bit `bit` of every byte, worth `worth` (a power of two, as is its place). */
static ALWAYS vi bit_worth(vi x, int bit, int worth)
{
    return i_and(bit < worth ? i_shl(x, worth - bit) : i_shr(x, bit - worth),
                 i_set8((int8_t)(1 << worth)));
}

FILL(q5_k)
{
    fill_k_scales(o, col, ld, next);
    EACH(half, 2) { /* sixteen bytes of the 32 of each group */
        vi h[4];
        take(h, col, ld, 16 + 16 * half, next);
        EACH(c, 4) {
            vi x[4];
            size_t at = 16 * c + 4 * half;
            take(x, col, ld, 48 + 32 * c + 16 * half, next);
            PUT_BATCH(o, at, s, i_or(low_nibbles(x[s]), bit_worth(h[s], 2 * (int)c, 4)));
            PUT_BATCH(o, at + 8, s, i_or(high_nibbles(x[s]), bit_worth(h[s], 2 * (int)c + 1, 4)));
        }
    }
}

/* Bits 2 j and 2 j + 1 of every byte, at bits 4 and 5. */
static ALWAYS vi two_bits_high(vi x, int j)
{
    return i_and(j < 2 ? i_shl(x, 4 - 2 * j) : i_shr(x, 2 * j - 4), i_set8(48));
}

FILL(q6_k)
{
    vf d = i_half(i_shr32(take_words(col, ld, 206, next), 16));
    EACH(part, 4) { /* half of the block, half of its 32-element groups */
        size_t n = part / 2, i = part % 2;
        vi h[4], x[4];
        take(h, col, ld, 128 + 32 * n + 16 * i, next);
        EACH(j, 2) {
            size_t at = 32 * n + 8 * j + 4 * i;
            take(x, col, ld, 64 * n + 32 * j + 16 * i, next);
            PUT_BATCH(o, at, s, i_or(low_nibbles(x[s]), two_bits_high(h[s], (int)j)));
            PUT_BATCH(o, at + 16, s, i_or(high_nibbles(x[s]), two_bits_high(h[s], (int)j + 2)));
        }
    }
    EACH(g, 4) {
        vi s = take_words(col, ld, 192 + 4 * g, next);
        EACH(b, 4)
            put_group(o.scale, 4 * g + b, v_mul(d, i_signed_byte(s, b)));
    }
}

FILL(q2_k)
{
    vi both = take_words(col, ld, 80, next);
    vf d = i_half(both), dmin = v_mul(i_half(i_shr32(both, 16)), v_set(-1));
    EACH(part, 4) {
        size_t n = part / 2, i = part % 2;
        vi x[4];
        take(x, col, ld, 16 + 32 * n + 16 * i, next);
        EACH(j, 4)
            PUT_BATCH(o, 32 * n + 8 * j + 4 * i, s, i_and(i_shr(x[s], 2 * (int)j), i_set8(3)));
    }
    EACH(g, 4) {
        vi s = take_words(col, ld, 4 * g, next);
        EACH(b, 4) {
            put_group(o.scale, 4 * g + b, v_mul(d, i_byte(low_nibbles(s), b)));
            put_group(o.min, 4 * g + b, v_mul(dmin, i_byte(high_nibbles(s), b)));
        }
    }
}

FILL(q3_k)
{
    vi s0 = take_words(col, ld, 96, next), s1 = take_words(col, ld, 100, next),
       s2 = take_words(col, ld, 104, next), s[4];
    vf d = i_half(i_shr32(take_words(col, ld, 106, next), 16));
    EACH(i, 2) {
        vi h[4];
        take(h, col, ld, 16 * i, next);
        EACH(n, 2) {
            vi x[4];
            take(x, col, ld, 32 + 32 * n + 16 * i, next);
            EACH(j, 4)
                PUT_BATCH(o, 32 * n + 8 * j + 4 * i, k,
                          i_or(i_and(i_shr(x[k], 2 * (int)j), i_set8(3)),
                               bit_worth(h[k], 4 * (int)n + (int)j, 2)));
        }
    }
    s[0] = i_or(low_nibbles(s0), two_bits_high(s2, 0));
    s[1] = i_or(low_nibbles(s1), two_bits_high(s2, 1));
    s[2] = i_or(high_nibbles(s0), two_bits_high(s2, 2));
    s[3] = i_or(high_nibbles(s1), two_bits_high(s2, 3));
    EACH(g, 16)
        put_group(o.scale, g, v_mul(d, v_sub(i_byte(s[g / 4], g % 4), v_set(32))));
}

FILL(iq4_xs)
{
    vi both = take_words(col, ld, 0, next), low = take_words(col, ld, 4, next);
    vf d = i_half(both);
    EACH(g, 8) {
        vi high = i_and(i_shr32(both, 16 + 2 * (int)g), i_set32(3)),
           four = i_and(i_shr32(low, 4 * (int)g), i_set32(15));
        fill_lookup(o, 8 * g, col, ld, 8 + 16 * g, plus_signed_zero(i_table(iq4_values)), next);
        /* (four | high << 4) - 32, exactly */
        put_group(o.scale, g,
                  v_mul(d, v_sub(v_fma(i_to_f32(high), v_set(16), i_to_f32(four)), v_set(32))));
    }
}

#undef FILL

#endif
