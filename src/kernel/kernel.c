/* kernel.c: which level runs here, and the few functions that are the same at every level.
 *
 * The double-precision functions use only + - * / in a written order, so that a RoPE table has the
 * same bytes on every machine (the build forbids contraction to FMA). */
#include "kernel/kv.h"
#include "kernel/level.h"

#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#define N_LEVELS 6

#if defined(__x86_64__)
/* The compiler's run-time support reads CPUID and asks XGETBV whether the OS saves the
 * registers; it has no word for F16C in every compiler, hence the look at leaf 1. */
static int has_avx2(void)
{
    unsigned a, b, c, d;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

static int has_avxvnni(void) /* leaf 7, part 1; clang 14 has no word for it */
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

static int has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

static size_t usable_levels(const char *names[N_LEVELS],
                            void (*fill[N_LEVELS])(struct vlm_kernels *))
{
    size_t n = 0;
    names[n] = "scalar";
    fill[n++] = vlm_kernel_scalar;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (has_avx2()) {
        names[n] = "avx2";
        fill[n++] = vlm_kernel_avx2;
        if (has_avxvnni()) {
            names[n] = "avxvnni";
            fill[n++] = vlm_kernel_avxvnni;
        }
        if (has_avx512()) {
            names[n] = "avx512";
            fill[n++] = vlm_kernel_avx512;
            if (__builtin_cpu_supports("avx512vnni")) {
                names[n] = "avx512vnni";
                fill[n++] = vlm_kernel_avx512vnni;
            }
        }
    }
#elif defined(__aarch64__)
    names[n] = "neon"; /* every AArch64 Linux has it */
    fill[n++] = vlm_kernel_neon;
#if defined(__linux__) /* bits that the kernel promises: HWCAP_ASIMDDP, HWCAP2_I8MM */
    if (getauxval(AT_HWCAP) >> 20 & 1) {
        names[n] = "neon-dotprod";
        fill[n++] = vlm_kernel_neon_dotprod;
        if (getauxval(AT_HWCAP2) >> 13 & 1) {
            names[n] = "neon-i8mm";
            fill[n++] = vlm_kernel_neon_i8mm;
        }
    }
#endif
#endif
    return n;
}

int vlm_kernels_init(struct vlm_kernels *k, const char *name)
{
    const char *names[N_LEVELS];
    void (*fill[N_LEVELS])(struct vlm_kernels *);
    size_t n = usable_levels(names, fill), i = n - 1;
    if (name && strcmp(name, "auto") != 0) {
        for (i = 0; i < n && strcmp(name, names[i]) != 0; i++)
            ;
        if (i == n)
            return -1;
    }
    memset(k, 0, sizeof *k);
    vlm_kernel_scalar(k);
    fill[i](k);
    k->name = names[i];
    return 0;
}

const char *vlm_kernels_level(size_t i)
{
    const char *names[N_LEVELS];
    void (*fill[N_LEVELS])(struct vlm_kernels *);
    return i < usable_levels(names, fill) ? names[i] : NULL;
}

size_t vlm_attention_scratch(size_t head_dim)
{
    size_t part = (head_dim + VLM_KV_PANEL - 1) / VLM_KV_PANEL * VLM_KV_PANEL * VLM_KV_PANEL;
    return VLM_ATTENTION_ROWS * (VLM_KV_BLOCK + 3 * ((head_dim + 15) / 16 * 16)) + part +
           vlm_kv_groups(head_dim) * VLM_KV_BLOCK;
}

/* x = 2^e m, m in [sqrt(1/2), sqrt(2)); log m = 2 atanh(t), t = (m-1)/(m+1), |t| < 0.172 */
double vlm_kernel_log(double x)
{
    const double ln2_hi = 0x1.62e42fee00000p-1, ln2_lo = 0x1.a39ef35793c76p-33;
    if (!(x > 0) || x - x != 0)
        return x;
    uint64_t u;
    memcpy(&u, &x, 8);
    u -= 0x3fe6a09e667f3bcd; /* the bits of sqrt(1/2) */
    double e = (double)((int64_t)u >> 52), m;
    u = (u & 0xfffffffffffff) + 0x3fe6a09e667f3bcd;
    memcpy(&m, &u, 8);
    double t = (m - 1) / (m + 1), z = t * t, sum = 0;
    for (int k = 23; k >= 3; k -= 2)
        sum = (sum + 1.0 / k) * z;
    return e * ln2_hi + (2 * t + (2 * t * sum + e * ln2_lo));
}

static double nearest(double x) /* |x| < 2^51 */ { return (x + 0x1.8p52) - 0x1.8p52; }

/* Taylor series of e^r after taking off a multiple of ln 2; |x| < 700 */
static double exp_double(double x)
{
    const double ln2_hi = 0x1.62e42fee00000p-1, ln2_lo = 0x1.a39ef35793c76p-33;
    double n = nearest(x / (ln2_hi + ln2_lo)), r = (x - n * ln2_hi) - n * ln2_lo, sum = 1, scale;
    for (int k = 14; k >= 1; k--)
        sum = 1 + sum * r / k;
    uint64_t u = (uint64_t)((int64_t)n + 1023) << 52;
    memcpy(&scale, &u, 8);
    return sum * scale;
}

/* Rounded where the reference rounds (transformers' rotary embedding is float32 throughout): far into
 * a long context that is what its angles are, 1e-4 away from those of exact arithmetic. */
void vlm_rope_inv_freq(float *inv_freq, double theta, size_t d)
{
    for (size_t i = 0; i < d / 2; i++) {
        double exponent = (float)(2 * i) / (float)d;
        inv_freq[i] = 1.0f / (float)exp_double(exponent * vlm_kernel_log(theta));
    }
}

/* sin and cos of x, 0 <= x <= 2^21 or so: pi/2 is taken off in three parts of 33 bits, so that the
 * products with n < 2^20 are exact (Cody and Waite); then Taylor series on |r| <= pi/4. */
static void sin_cos(double x, double *s, double *c)
{
    const double p1 = 0x1.921fb544p+0, p2 = 0x1.0b4611a6p-34, p3 = 0x1.3198a2e037073p-69;
    double n = nearest(x / (p1 + p2)), r = ((x - n * p1) - n * p2) - n * p3, z = r * r, sn = 0,
           cs = 0;
    for (int k = 19; k >= 3; k -= 2)
        sn = (1 + sn) * -z / (k * (k - 1));
    for (int k = 18; k >= 2; k -= 2)
        cs = (1 + cs) * -z / (k * (k - 1));
    sn = r + r * sn;
    cs = 1 + cs;
    int quadrant = (int)((int64_t)n & 3);
    *s = quadrant == 0 ? sn : quadrant == 1 ? cs : quadrant == 2 ? -sn : -cs;
    *c = quadrant == 0 ? cs : quadrant == 1 ? -sn : quadrant == 2 ? -cs : sn;
}

void vlm_rope_angles(float *c, float *s, const float *inv_freq, size_t half, uint32_t pos)
{
    for (size_t i = 0; i < half; i++) {
        double sn, cs;
        float angle = (float)pos * inv_freq[i];
        sin_cos(angle, &sn, &cs);
        s[i] = (float)sn;
        c[i] = (float)cs;
    }
}
