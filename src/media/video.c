/* video.c: clips through ffprobe and ffmpeg.  ffprobe lists the packets of the video streams, from
 * which come length and frame count; ffmpeg then decodes and hands out the sampled frames alone, as
 * PPM pictures, one at a time.  Both see the file as an open descriptor and nothing else. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/os.h"
#include "media/media.h"

/* Containers that hold their frames themselves: no playlist, no list of other files, no script. */
#define FORMATS                                                                                    \
    "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,gif,apng,webp_pipe,nut,ivf,mxf,wtv,dv,rm,swf,"       \
    "yuv4mpegpipe,3g2,webm,mp4"
#define INPUT_OPTIONS                                                                              \
    "-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-max_streams", "64"
#define INPUT "file:" VLM_CHILD_INPUT
_Static_assert(VLM_LIMIT_VIDEO_STREAMS == 64, "INPUT_OPTIONS and vlm_media_clip say it, too");

void vlm_video_options_init(vlm_video_options *o)
{
    *o = (vlm_video_options){
        .size = sizeof *o, .ffmpeg = "/usr/bin/ffmpeg", .ffprobe = "/usr/bin/ffprobe"};
}

/* ---- what the caller wants ---- */

static int read_options(vlm_video_options *out, const vlm_video_options *o, vlm_error *err)
{
    vlm_video_options_init(out);
    if (o && (o->size < offsetof(vlm_video_options, progress) || o->size > 4096))
        return vlm_fail(err, VLM_ERR_ARGUMENT, "video options: size %zu, was it initialised?",
                        o->size);
    if (o)
        memcpy(out, o, o->size < sizeof *out ? o->size : sizeof *out);
    out->size = sizeof *out;
    if (!(out->fps >= 0) || !isfinite(out->fps))
        return vlm_fail(err, VLM_ERR_ARGUMENT, "frames a second: expected a positive number");
    if (out->max_frames > VLM_LIMIT_VIDEO_FRAMES)
        return vlm_fail(err, VLM_ERR_LIMIT, "%zu frames of a clip, expected at most %llu",
                        out->max_frames, (unsigned long long)VLM_LIMIT_VIDEO_FRAMES);
    if (!out->ffmpeg || !out->ffprobe)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "video options: no path of ffmpeg or ffprobe");
    return VLM_OK;
}

/* ---- a clip being opened ---- */

struct clip {
    const vlm_engine *engine;
    const vlm_allocator *alloc;
    const char *shown;
    int input;
    vlm_video_options o;
    size_t done, n; /* frames */
    uint64_t indices[VLM_LIMIT_VIDEO_FRAMES];
    double fps, duration; /* the clip's own */
    uint64_t stream, pixels;
};

static bool cancelled(void *ctx)
{
    struct clip *c = ctx;
    return c->o.progress && c->o.progress(c->o.progress_ctx, c->done, c->n) != 0;
}

static int fail_length(const struct clip *c, double seconds, vlm_error *err)
{
    return vlm_fail(err, VLM_ERR_LIMIT, "%s: a clip of %.0f seconds, expected at most %llu",
                    c->shown, seconds, (unsigned long long)VLM_LIMIT_VIDEO_SECONDS);
}

/* ffprobe's whole output through the reader; ends early when the clip is too long. */
static int read_packets(struct clip *c, struct vlm_media_run *run, struct vlm_media_clip *said,
                        vlm_error *err)
{
    char piece[4096];
    size_t n;
    int rc;
    while ((rc = vlm_child_read(&run->child, piece, sizeof piece, &n, err)) == VLM_OK && n > 0) {
        if (!vlm_media_clip_add(said, piece, n))
            return vlm_fail(err, VLM_ERR_FORMAT, "%s: ffprobe reports %s", c->shown, said->what);
        double seconds = said->last_seconds - said->first_seconds;
        if (seconds > (double)VLM_LIMIT_VIDEO_SECONDS)
            return fail_length(c, seconds, err);
    }
    if (rc == VLM_OK)
        rc = vlm_media_finish(run, err);
    if (rc == VLM_OK && !vlm_media_clip_end(said))
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: ffprobe reports %s", c->shown, said->what);
    return rc;
}

static int probe(struct clip *c, struct vlm_media_clip *said, vlm_error *err)
{
    const char *const argv[] = {
        c->o.ffprobe,
        "-v",
        "error",
        INPUT_OPTIONS,
        "-select_streams",
        "v",
        "-show_entries",
        "packet=stream_index,pts,pts_time,dts,duration,flags:"
        "stream=index,width,height,time_base,bit_rate:stream_disposition=default,attached_pic",
        "-of",
        "compact",
        INPUT,
        NULL};
    struct vlm_media_task task = {.shown = c->shown,
                                  .program = c->o.ffprobe,
                                  .package = "ffmpeg",
                                  .argv = argv,
                                  .input = c->input,
                                  .cpu_seconds = VLM_LIMIT_CHILD_CPU_SECONDS,
                                  .seconds = VLM_LIMIT_CHILD_SECONDS,
                                  .cancelled = cancelled,
                                  .ctx = c};
    struct vlm_media_run run;
    vlm_media_clip_begin(said);
    int rc = vlm_media_start(&run, &task, err);
    if (rc < 0)
        return rc;
    rc = read_packets(c, &run, said, err);
    vlm_media_close(&run);
    return rc;
}

/* The numbers of the stream, as torchcodec computes them from packets. */
static int measure(struct clip *c, const struct vlm_media_stream *s, vlm_error *err)
{
    if (!s || s->n_frames == 0)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: no moving picture in it", c->shown);
    if (!s->timed || s->num <= 0 || s->den <= 0)
        return vlm_fail(err, VLM_ERR_UNSUPPORTED,
                        "%s: its frames have no times; expected a "
                        "container such as MP4 or Matroska",
                        c->shown);
    if (s->width == 0 || s->height == 0)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: frames of %llux%llu pixels", c->shown,
                        (unsigned long long)s->width, (unsigned long long)s->height);
    if (s->width > VLM_LIMIT_IMAGE_SIDE || s->height > VLM_LIMIT_IMAGE_SIDE ||
        s->width * s->height > VLM_LIMIT_IMAGE_PIXELS)
        return vlm_fail(err, VLM_ERR_LIMIT,
                        "%s: frames of %llux%llu pixels, expected sides of at "
                        "most %llu and %llu in all",
                        c->shown, (unsigned long long)s->width, (unsigned long long)s->height,
                        (unsigned long long)VLM_LIMIT_IMAGE_SIDE,
                        (unsigned long long)VLM_LIMIT_IMAGE_PIXELS);
    double first = (double)s->first * (double)s->num / (double)s->den;
    double end = (double)s->end * (double)s->num / (double)s->den;
    c->duration = end - first;
    c->stream = s->index;
    c->pixels = s->width * s->height;
    if (!(c->duration > 0) || !isfinite(c->duration))
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: a clip without length", c->shown);
    if (c->duration > (double)VLM_LIMIT_VIDEO_SECONDS)
        return fail_length(c, c->duration, err);
    c->fps = (double)s->n_frames / c->duration;
    c->n = vlm_media_sample(c->indices, VLM_LIMIT_VIDEO_FRAMES, s->n_frames, c->duration, c->fps,
                            c->o.fps, c->o.max_frames);
    if (c->n == 0)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: %llu frames in %g seconds cannot be sampled",
                        c->shown, (unsigned long long)s->n_frames, c->duration);
    return VLM_OK;
}

/* select='(eq(n,0)+eq(n,24)...)+(...)': groups, because ffmpeg bounds the nesting of its sums. */
static bool write_filter(struct vlm_buf *b, const struct clip *c)
{
    char term[64];
    vlm_buf_puts(b, "select='");
    for (size_t i = 0; i < c->n; i++) {
        const char *before = i % 16 ? "+" : i ? ")+(" : "(";
        snprintf(term, sizeof term, "%seq(n,%llu)", before, (unsigned long long)c->indices[i]);
        vlm_buf_puts(b, term);
    }
    vlm_buf_puts(b, ")'");
    return vlm_buf_putc(b, 0);
}

/* Every picture that ffmpeg hands out goes straight into the video. */
static int take_frames(struct clip *c, struct vlm_media_run *run, vlm_video *video, vlm_error *err)
{
    uint8_t *rgb = NULL;
    size_t n_rgb = 0;
    int rc = VLM_OK;
    for (c->done = 0; c->done < c->n && rc >= 0; c->done += rc >= 0) {
        uint32_t w, h;
        if (cancelled(c)) {
            rc = vlm_fail(err, VLM_ERR_CANCELLED, "%s: cancelled", c->shown);
            break;
        }
        rc = vlm_media_picture(run, c->alloc, &rgb, &n_rgb, c->pixels, &w, &h, err);
        if (rc == 0) {
            rc = vlm_media_finish(run, err);
            if (rc == VLM_OK)
                rc = vlm_fail(err, VLM_ERR_FORMAT, "%s: only %zu of %zu frames can be decoded",
                              c->shown, c->done, c->n);
        }
        if (rc > 0)
            rc = vlm_video_add(video, rgb, w, h, (double)c->indices[c->done] / c->fps, err);
    }
    vlm_mem_free(c->alloc, rgb);
    return rc;
}

static int run_ffmpeg(struct clip *c, vlm_video *video, const char *filter, const char *vsync,
                      bool *unknown_option, vlm_error *err)
{
    char map[32], frames[32];
    snprintf(map, sizeof map, "0:%llu", (unsigned long long)c->stream);
    snprintf(frames, sizeof frames, "%zu", c->n);
    const char *const argv[] = {
        c->o.ffmpeg,  "-v",     "error", "-nostdin", INPUT_OPTIONS, "-threads",
        "2",          "-i",     INPUT,   "-map",     map,           "-filter_threads",
        "1",          "-vf",    filter,  vsync,      "passthrough", "-frames:v",
        frames,       "-c:v",   "ppm",   "-pix_fmt", "rgb24",       "-f",
        "image2pipe", "pipe:1", NULL};
    struct vlm_media_task task = {.shown = c->shown,
                                  .program = c->o.ffmpeg,
                                  .package = "ffmpeg",
                                  .argv = argv,
                                  .input = c->input,
                                  .cpu_seconds = VLM_LIMIT_VIDEO_CHILD_SECONDS,
                                  .seconds = VLM_LIMIT_VIDEO_CHILD_SECONDS,
                                  .cancelled = cancelled,
                                  .ctx = c};
    struct vlm_media_run run;
    int rc = vlm_media_start(&run, &task, err);
    if (rc < 0)
        return rc;
    rc = take_frames(c, &run, video, err);
    *unknown_option = rc < 0 && c->done == 0 && strstr(run.child.said, "Unrecognized option");
    vlm_media_close(&run);
    return rc;
}

/* No frame repeated, none dropped: -vsync passthrough, which newer versions call -fps_mode. */
static int decode(struct clip *c, vlm_video *video, vlm_error *err)
{
    struct vlm_buf filter;
    bool unknown = false;
    vlm_buf_init(&filter, c->alloc, 64 * VLM_LIMIT_VIDEO_FRAMES);
    int rc =
        write_filter(&filter, c) ? VLM_OK : vlm_fail_memory(err, filter.limit, "a list of frames");
    if (rc == VLM_OK)
        rc = run_ffmpeg(c, video, filter.data, "-vsync", &unknown, err);
    if (rc < 0 && unknown)
        rc = run_ffmpeg(c, video, filter.data, "-fps_mode", &unknown, err);
    vlm_buf_free(&filter);
    return rc;
}

static int read_clip(struct clip *c, vlm_video *video, vlm_error *err)
{
    struct vlm_media_clip *said = vlm_mem_alloc(c->alloc, 1, sizeof *said);
    if (!said)
        return vlm_fail_memory(err, sizeof *said, "a list of streams");
    int rc = probe(c, said, err);
    if (rc == VLM_OK)
        rc = measure(c, vlm_media_clip_best(said), err);
    vlm_mem_free(c->alloc, said);
    if (rc == VLM_OK)
        rc = decode(c, video, err);
    return rc < 0 ? rc : vlm_video_end(video, c->duration, err);
}

int vlm_video_open(vlm_video **out, const vlm_engine *engine, const char *path,
                   const vlm_video_options *o, vlm_error *err)
{
    struct vlm_quoted q;
    struct clip c = {.engine = engine, .alloc = vlm_engine_allocator(engine), .input = -1};
    int rc = read_options(&c.o, o, err);
    if (rc < 0)
        return rc;
    double fps;
    size_t max;
    vlm_engine_video_sampling(engine, &fps, &max);
    c.o.fps = c.o.fps > 0 ? c.o.fps : fps;
    c.o.max_frames = c.o.max_frames ? c.o.max_frames : max;
    c.shown = vlm_base_quote(&q, path, strlen(path));
    struct vlm_media_sampling s = {c.o.fps, c.o.max_frames, c.o.progress, c.o.progress_ctx};
    if (vlm_os_is_directory(path))
        return vlm_media_directory(out, engine, path, &s, err);
    rc = vlm_child_input_open(&c.input, path, err);
    if (rc < 0)
        return rc;
    char kind[4];
    if (vlm_child_input_peek(c.input, kind, sizeof kind) == sizeof kind &&
        memcmp(kind, "GIF8", sizeof kind) == 0) {
        vlm_child_input_close(c.input);
        return vlm_media_gif(out, engine, path, &s, err);
    }
    vlm_video *video;
    rc = vlm_video_begin(&video, engine, err);
    if (rc == VLM_OK) {
        rc = read_clip(&c, video, err);
        if (rc == VLM_OK)
            *out = video;
        else
            vlm_video_close(video);
    }
    vlm_child_input_close(c.input);
    return rc;
}
