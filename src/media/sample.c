/* sample.c: which frames of a clip the model sees.  A pure function of numbers, in doubles as the
 * reference computes it; every edge of it is in tests/data/video/sampling.txt. */
#include <math.h>

#include "media/media.h"

/* A double to an integer within 0..last; what is no number gives last. */
static uint64_t clamp_index(double x, uint64_t last)
{
    if (x <= 0)
        return 0;
    return x < (double)last ? (uint64_t)x : last;
}

size_t vlm_media_sample(uint64_t *indices, size_t cap, uint64_t total, double duration,
                        double video_fps, double fps, size_t max)
{
    if (total == 0 || total > UINT64_C(1) << 52 || max == 0 || !isfinite(duration) ||
        !isfinite(video_fps) || !isfinite(fps) || duration < 0 || video_fps < 0)
        return 0;
    double want =
        rint(fps * duration); /* the caller's rounding mode is the default: half to even */
    if (want > (double)max)
        want = (double)max;
    if (want < 1)
        want = 1;
    size_t n = (size_t)want, kept = 0;
    double last = (double)(total - 1), start = 0, end = last;
    if (duration - 2 > (double)max * fps) { /* a long clip: not its first and last second */
        start = trunc(video_fps);
        end = fmin(trunc((double)total - video_fps), last);
    }
    if (start >= end) {
        start = 0;
        end = last;
    }
    double step = n > 1 ? (end - start) / (double)(n - 1) : 0;
    for (size_t i = 0; i < n; i++) {
        double at = i > 0 && i == n - 1 ? end : floor((double)i * step + start);
        uint64_t index = clamp_index(at, total - 1);
        if (kept > 0 && index <= indices[kept - 1])
            continue;
        if (kept == cap)
            return 0;
        indices[kept++] = index;
    }
    return kept;
}
