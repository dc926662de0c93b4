/* neon_sums.h: int8_sums of int8.h with the dot product instructions (four elements of a row, taken from
 * a lane, with four columns) or the matrix product ones (eight of two rows with two columns). */
#ifndef VLM_KERNEL_ARM_NEON_SUMS_H
#define VLM_KERNEL_ARM_NEON_SUMS_H

#if defined(__ARM_FEATURE_MATMUL_INT8)

/* A vector of sums: row 0 with columns 0 and 1, row 1 with both; arrange() of neon.h put eight
 * elements of columns 0 and 1 into one step of a panel, those of 2 and 3 into the next. */
static ALWAYS void dot_group(vi sum[INT8_ROWS][INT8_VECS], const uint8_t *w, const struct vlm_q8 *a,
                             size_t ld_a, size_t from, size_t len, size_t height, size_t vecs)
{
    vi square[(INT8_ROWS + 1) / 2][INT8_VECS][2];
    EACH(p, (height + 1) / 2)
        EACH(v, 2 * vecs)
            square[p][v / 2][v % 2] = i_zero();
    EACH(s, len / 8) {
        int8x16_t x[INT8_VECS][2];
        EACH(v, 2 * vecs)
            x[v / 2][v % 2] = vreinterpretq_s8_s32(
                i_load(w + (2 * s + v % 2) * INT8_STEP + v / 2 * VL * 4));
        EACH(p, (height + 1) / 2) {
            const int8_t *first = a[2 * p * ld_a].q + from + 8 * s,
                         *second = 2 * p + 1 < height ? first + ld_a * sizeof *a : first;
            int8x16_t y = vcombine_s8(vld1_s8(first), vld1_s8(second));
            EACH(v, 2 * vecs)
                square[p][v / 2][v % 2] = vmmlaq_s32(square[p][v / 2][v % 2], y, x[v / 2][v % 2]);
        }
    }
    EACH(r, height)
        EACH(v, vecs) {
            int64x2_t left = longs(square[r / 2][v][0]), right = longs(square[r / 2][v][1]);
            sum[r][v] = of_longs(r % 2 ? vzip2q_s64(left, right) : vzip1q_s64(left, right));
        }
}

#else

static ALWAYS void dot_group(vi sum[INT8_ROWS][INT8_VECS], const uint8_t *w, const struct vlm_q8 *a,
                             size_t ld_a, size_t from, size_t len, size_t height, size_t vecs)
{
    EACH(r, height)
        EACH(v, vecs)
            sum[r][v] = i_zero();
    EACH(q, len / 16) {
        int8x16_t y[INT8_ROWS];
        EACH(r, height)
            y[r] = vld1q_s8(a[r * ld_a].q + from + 16 * q);
#define LANE(l)                                                                                    \
    EACH(v, vecs) {                                                                                \
        int8x16_t x = vreinterpretq_s8_s32(i_load(w + (4 * q + l) * INT8_STEP + v * VL * 4));      \
        EACH(r, height)                                                                            \
            sum[r][v] = vdotq_laneq_s32(sum[r][v], x, y[r], l);                                    \
    }
        LANE(0)
        LANE(1)
        LANE(2)
        LANE(3)
#undef LANE
    }
}

#endif

static ALWAYS void int8_sums(vi sum[INT8_ROWS][INT8_VECS], const uint8_t *w, const struct vlm_q8 *a,
                             size_t ld_a, size_t g, size_t height, size_t vecs, struct int8_type t)
{
    dot_group(sum, w, a, ld_a, g * t.group, t.group, height, vecs);
    EACH(r, height)
        EACH(v, vecs)
            if (t.zero)
                sum[r][v] = i_sub32(sum[r][v],
                                    i_set32(t.zero * a[r * ld_a].sum[t.group == 32 ? 0 : 1 + g]));
}

#endif
