/* matmul.h: the matrix products, written once on the vector vocabulary of a level (vector.h).
 *
 * A vector holds QUADS columns of four lanes: lane l of a column sums its elements i with i % 4
 * == l. One load gives four elements of every column of the vector, one broadcast the same four
 * elements of a row.  Four vectors (PANEL_COLS columns) end in one vector of sums.  All paths
 * feed the same elements to the same lanes in the same order, and pad the end of k with zeros to
 * a multiple of 8: so a sum never depends on the shape of the call, nor on the level.
 *
 * Few rows: weights are read straight from memory, once.  Many rows: PANEL_COLS columns of one
 * block of k are converted into a panel that stays in the first-level cache while rows of a pass
 * under it. The level defines TILE_ROWS (TILE_ROWS * 4 + 4 + 1 vectors should fit the registers)
 * and FEW_VECS; FEW_ROWS when a tile of few rows may be higher, with half the vectors at once. */
#ifndef VLM_KERNEL_MATMUL_H
#define VLM_KERNEL_MATMUL_H

#define QUADS (VL / 4)
#define IN_MEMORY(x) __asm__ volatile("" : : "r"(x) : "memory") /* no register keeps it */
#define PANEL_COLS (4 * QUADS)
#define FEW_COLS (FEW_VECS * QUADS)
#ifndef FEW_ROWS
#define FEW_ROWS TILE_ROWS
#define MANY (2 * TILE_ROWS + 1) /* rows from which a panel pays */
#else
#define MANY (2 * FEW_ROWS + 1)
#endif
#define CACHED_A (192 * 1024)    /* floats of a that stay in the second-level cache */
#define DEPTH (5 * VLM_K_BLOCK)  /* of k in one pass */

static ALWAYS const char *element(const char *w, size_t i, enum vlm_num type)
{
    return w + i * (type == VLM_NUM_F32 ? 4 : 2);
}

/* The last n < 8 elements of each column, and zeros. */
static ALWAYS void load_columns_n(vf x[2], const char *const *col, size_t i, size_t n,
                                  enum vlm_num type)
{
    char tail[QUADS][32] = { { 0 } };
    const char *at[QUADS];
    for (size_t q = 0; q < QUADS; q++) {
        memcpy(tail[q], element(col[q], i, type), n * (type == VLM_NUM_F32 ? 4 : 2));
        at[q] = tail[q];
    }
    v_load_columns(x, at, 0, type);
}

static ALWAYS vf spread_n(const float *a, size_t n) /* four elements, those past n zero */
{
    float tail[4] = { 0 };
    for (size_t i = 0; i < 4 && i < n; i++)
        tail[i] = a[i];
    return v_spread(tail);
}

/* ---- few rows ---- */

/* Elements i .. i + n of every row and of at_once vectors of columns from v on: what is loaded of a
 * row serves them all. */
static ALWAYS void few_vectors(vf acc[FEW_ROWS][FEW_VECS], const float *const *ar,
                               const char *const *col, size_t height, size_t v, size_t at_once,
                               size_t i, size_t n, enum vlm_num type)
{
    vf x[FEW_VECS][2];
    EACH(p, at_once) {
        if (n == 8)
            v_load_columns(x[p], col + (v + p) * QUADS, i, type);
        else
            load_columns_n(x[p], col + (v + p) * QUADS, i, n, type);
    }
    EACH(r, height) {
        vf a = n == 8 ? v_spread(ar[r] + i) : spread_n(ar[r] + i, n);
        EACH(p, at_once)
            acc[r][v + p] = v_fma(a, x[p][0], acc[r][v + p]);
        a = n == 8 ? v_spread(ar[r] + i + 4) : spread_n(ar[r] + i + 4, n < 4 ? 0 : n - 4);
        EACH(p, at_once)
            acc[r][v + p] = v_fma(a, x[p][1], acc[r][v + p]);
    }
}

/* The same of group vectors: few at once, more one by one, so that the registers suffice. */
static ALWAYS void few_step(vf acc[FEW_ROWS][FEW_VECS], const float *const *ar,
                            const char *const *col, size_t height, size_t group, size_t i, size_t n,
                            enum vlm_num type)
{
    if (group < FEW_VECS)
        few_vectors(acc, ar, col, height, 0, group, i, n, type);
    else
        EACH(v, group)
            few_vectors(acc, ar, col, height, v, 1, i, n, type);
}

/* One block of k, from begin to end, of height rows and group vectors of columns, to sums. */
static ALWAYS void few_block(float sums[FEW_ROWS][4][VL], const float *const *ar,
                             const char *const *col, size_t v, size_t height, size_t group,
                             size_t begin, size_t end, size_t ahead, enum vlm_num type)
{
    const size_t line = type == VLM_NUM_F32 ? 16 : 32; /* elements of a cache line */
    vf acc[FEW_ROWS][FEW_VECS];
    size_t i = begin;
    EACH(r, height)
        EACH(p, group)
            acc[r][p] = v_zero();
    for (; i + 8 <= end; i += 8) {
        if (i % line == 0)
            EACH(c, group * QUADS)
                PREFETCH(element(col[v * QUADS + c], i + ahead, type));
        few_step(acc, ar, col + v * QUADS, height, group, i, 8, type);
    }
    if (i < end)
        few_step(acc, ar, col + v * QUADS, height, group, i, end - i, type);
    EACH(r, height)
        EACH(p, group)
            v_store(sums[r][v + p], acc[r][p]);
}

/* height rows (a constant; the last repeats when there are fewer) times FEW_COLS columns, group
 * vectors of them at once.  Sums wait in memory: in registers they would drive out those of the
 * loop. */
static ALWAYS void few_tile(float *out, size_t ld_out, const float *a, size_t ld_a, const char *w,
                            size_t ld_w, size_t height, size_t group, size_t rows, size_t cols,
                            size_t k, enum vlm_num type)
{
    _Alignas(64) float sums[FEW_ROWS][4][VL], totals[FEW_ROWS][VL];
    const float *ar[FEW_ROWS];
    const char *col[FEW_COLS];
    EACH(r, height)
        ar[r] = a + (r < rows ? r : rows - 1) * ld_a;
    EACH(r, height)
        for (size_t v = FEW_VECS; v < 4; v++)
            v_store(sums[r][v], v_zero());
    EACH(c, FEW_COLS) /* vector v, quad q is column q * FEW_VECS + v */
        col[c % FEW_VECS * QUADS + c / FEW_VECS] =
            element(w, (c < cols ? c : cols - 1) * ld_w, type);
    for (size_t b = 0; b < k; b += VLM_K_BLOCK) {
        size_t end = k - b < VLM_K_BLOCK ? k : b + VLM_K_BLOCK;
        for (size_t v = 0; v < FEW_VECS; v += group) {
            few_block(sums, ar, col, v, height, group, b, end, FEW_COLS * ld_w, type);
            IN_MEMORY(sums);
        }
        EACH(r, height) {
            vf acc[4];
            EACH(v, 4)
                acc[v] = v_load(sums[r][v]);
            vf sum = v_sum_few(acc);
            v_store(totals[r], b == 0 ? sum : v_add(v_load(totals[r]), sum));
        }
        IN_MEMORY(totals);
    }
    EACH(r, height)
        if (r < rows)
            v_store_n(out + r * ld_out, v_load(totals[r]), cols);
}

static ALWAYS void few_rows(float *out, size_t ld_out, const float *a, size_t ld_a, const char *w,
                            size_t ld_w, size_t m, size_t n, size_t k, enum vlm_num type)
{
    /* as many tiles as are needed, of about equal height */
    size_t tiles = m / FEW_ROWS + (m % FEW_ROWS != 0 || m == 0), step = (m + tiles - 1) / tiles;
    for (size_t j = 0; j < n; j += FEW_COLS) {
        size_t cols = n - j < FEW_COLS ? n - j : FEW_COLS;
        const char *wj = element(w, j * ld_w, type);
        for (size_t i = 0; i < m; i += step) {
            size_t rows = m - i < step ? m - i : step;
            float *o = out + i * ld_out + j;
            const float *ai = a + i * ld_a;
            if (step == 1)
                few_tile(o, ld_out, ai, ld_a, wj, ld_w, 1, FEW_VECS, 1, cols, k, type);
            else if (step <= TILE_ROWS)
                few_tile(o, ld_out, ai, ld_a, wj, ld_w, TILE_ROWS, FEW_VECS, rows, cols, k, type);
#if FEW_ROWS > TILE_ROWS
            else if (step <= TILE_ROWS + 1)
                few_tile(o, ld_out, ai, ld_a, wj, ld_w, TILE_ROWS + 1, FEW_VECS / 2, rows, cols, k,
                         type);
            else
                few_tile(o, ld_out, ai, ld_a, wj, ld_w, FEW_ROWS, FEW_VECS / 2, rows, cols, k,
                         type);
#endif
        }
    }
}

/* ---- many rows ---- */

/* panel[step of 4][4][VL]: cols columns of len elements converted to f32, zeros to a multiple of 8;
 * vector v, quad q holds column 4 q + v; the last column repeats when there are fewer */
static ALWAYS void fill_panel(float *panel, const char *w, size_t ld_w, size_t cols, size_t len,
                              enum vlm_num type)
{
    for (size_t v = 0; v < 4; v++) {
        const char *col[QUADS];
        float *p = panel + v * VL;
        size_t i = 0;
        vf x[2];
        EACH(q, QUADS)
            col[q] = element(w, (4 * q + v < cols ? 4 * q + v : cols - 1) * ld_w, type);
        for (; i < len; i += 8, p += 8 * VL) {
            if (i + 8 <= len)
                v_load_columns(x, col, i, type);
            else
                load_columns_n(x, col, i, len - i, type);
            v_store(p, x[0]);
            v_store(p + 4 * VL, x[1]);
        }
    }
}

/* n <= 4 elements of every row and column. */
static ALWAYS void panel_step(vf acc[TILE_ROWS][4], const float *panel, const float *const *ar,
                              size_t i, size_t n)
{
    vf w[4];
    EACH(v, 4)
        w[v] = v_load(panel + v * VL);
    EACH(r, TILE_ROWS) {
        vf a = n == 4 ? v_spread(ar[r] + i) : spread_n(ar[r] + i, n);
        EACH(v, 4)
            acc[r][v] = v_fma(a, w[v], acc[r][v]);
    }
}

static void panel_tile(float *out, size_t ld_out, const float *a, size_t ld_a, const float *panel,
                       size_t rows, size_t cols, size_t len, int first)
{
    const float *ar[TILE_ROWS];
    vf acc[TILE_ROWS][4];
    size_t i = 0, ahead = TILE_ROWS * ld_a; /* the next tile's rows */
    EACH(r, TILE_ROWS) {
        ar[r] = a + (r < rows ? r : rows - 1) * ld_a;
        PREFETCH(out + (r < rows ? r : 0) * ld_out);
        EACH(v, 4)
            acc[r][v] = v_zero();
    }
    for (; i + 4 <= len; i += 4, panel += 4 * VL) {
        if (i % 16 == 0)
            EACH(r, TILE_ROWS)
                PREFETCH(ar[r] + i + ahead);
        panel_step(acc, panel, ar, i, 4);
    }
    for (; i < (len + 7) / 8 * 8; i += 4, panel += 4 * VL)
        panel_step(acc, panel, ar, i, i < len ? len - i : 0);
    EACH(r, TILE_ROWS) {
        float *o = out + r * ld_out;
        vf sum = v_sum_quads(acc[r][0], acc[r][1], acc[r][2], acc[r][3]);
        if (r >= rows)
            continue;
        if (cols == PANEL_COLS)
            v_store(o, first ? sum : v_add(v_load(o), sum));
        else
            v_store_n(o, first ? sum : v_add(v_load_n(o, cols), sum), cols);
    }
}

/* Brings part i of n of the next panel's source closer, while the tiles of this one run. */
static ALWAYS void prefetch_panel(const char *w, size_t ld_w, size_t len, size_t i, size_t n,
                                  enum vlm_num type)
{
    const size_t line = type == VLM_NUM_F32 ? 16 : 32;
    size_t per_col = (len + line - 1) / line, total = PANEL_COLS * per_col;
    for (size_t x = total * i / n; x < total * (i + 1) / n; x++)
        PREFETCH(element(w, x / per_col * ld_w + x % per_col * line, type));
}

/* Rows top .. top + m - 1 with one panel: columns j .. j + cols - 1, len elements from b on. */
static ALWAYS void panel_rows(float *out, size_t ld_out, const float *a, size_t ld_a, const char *w,
                              const char *next, size_t ld_w, size_t m, size_t cols, size_t len,
                              int first, enum vlm_num type)
{
    _Alignas(64) float panel[PANEL_COLS * VLM_K_BLOCK];
    fill_panel(panel, w, ld_w, cols, len, type);
    for (size_t i = 0; i < m; i += TILE_ROWS) {
        size_t rows = m - i < TILE_ROWS ? m - i : TILE_ROWS;
        prefetch_panel(next, ld_w, len, i / TILE_ROWS, (m + TILE_ROWS - 1) / TILE_ROWS, type);
        panel_tile(out + i * ld_out, ld_out, a + i * ld_a, ld_a, panel, rows, cols, len, first);
    }
}

/* A pass takes DEPTH of k; within it as many rows of a as stay in the second-level cache meet every
 * panel, and a panel's blocks of k follow each other while its outputs are in the first. */
static ALWAYS void many_rows(float *out, size_t ld_out, const float *a, size_t ld_a, const char *w,
                             size_t ld_w, size_t m, size_t n, size_t k, enum vlm_num type)
{
    size_t step = CACHED_A / (k < DEPTH ? k : DEPTH) / TILE_ROWS * TILE_ROWS;
    for (size_t from = 0; from < k; from += DEPTH) {
        size_t to = k - from < DEPTH ? k : from + DEPTH;
        for (size_t top = 0; top < m; top += step)
            for (size_t j = 0; j < n; j += PANEL_COLS)
                for (size_t b = from; b < to; b += VLM_K_BLOCK) {
                    size_t next = b + VLM_K_BLOCK < to ? j * ld_w + b + VLM_K_BLOCK
                                                       : (j + PANEL_COLS) * ld_w + from;
                    panel_rows(out + top * ld_out + j, ld_out, a + top * ld_a + b, ld_a,
                               element(w, j * ld_w + b, type), element(w, next, type), ld_w,
                               m - top < step ? m - top : step,
                               n - j < PANEL_COLS ? n - j : PANEL_COLS,
                               to - b < VLM_K_BLOCK ? to - b : VLM_K_BLOCK, b == 0, type);
                }
    }
}

static ALWAYS void matmul(float *out, size_t ld_out, const float *a, size_t ld_a, const void *w,
                          size_t ld_w, size_t m, size_t n, size_t k, enum vlm_num type)
{
    if (k == 0)
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < n; j++)
                out[i * ld_out + j] = 0;
    else if (m < MANY)
        few_rows(out, ld_out, a, ld_a, w, ld_w, m, n, k, type);
    else
        many_rows(out, ld_out, a, ld_a, w, ld_w, m, n, k, type);
}

static void matmul_f32(float *out, size_t ld_out, const float *a, size_t ld_a, const void *w,
                       size_t ld_w, size_t m, size_t n, size_t k)
{
    matmul(out, ld_out, a, ld_a, w, ld_w, m, n, k, VLM_NUM_F32);
}

static void matmul_f16(float *out, size_t ld_out, const float *a, size_t ld_a, const void *w,
                       size_t ld_w, size_t m, size_t n, size_t k)
{
    matmul(out, ld_out, a, ld_a, w, ld_w, m, n, k, VLM_NUM_F16);
}

static void matmul_bf16(float *out, size_t ld_out, const float *a, size_t ld_a, const void *w,
                        size_t ld_w, size_t m, size_t n, size_t k)
{
    matmul(out, ld_out, a, ld_a, w, ld_w, m, n, k, VLM_NUM_BF16);
}

#endif
