/* cmd_tiles.c: vlm tiles: what the model sees of a picture, a PDF or a video.  Pages are drawn,
 * shown and forgotten one by one. */
#include <stdio.h>

#include "base/os.h"
#include "cmd.h"
#include "io.h"
#include "media.h"
#include "model.h"

static int write_png(const vlm_engine *engine, const char *dir, const char *name, const vlm_tile *t,
                     vlm_error *err)
{
    uint8_t *png;
    size_t n;
    struct cli_file file;
    int rc = vlm_png_encode(&png, &n, engine, t->pixels, t->width, t->height, err);
    if (rc < 0)
        return rc;
    rc = cli_file_open(&file, dir, name, err);
    if (rc == VLM_OK) {
        fwrite(png, 1, n, file.f);
        rc = cli_file_commit(&file, err);
    }
    vlm_bytes_free(engine, png);
    return rc;
}

/* What is shown: one list or table over all files. */
struct show {
    const struct cli_options *o;
    const vlm_engine *engine;
    json_t *list;   /* with --json */
    size_t n_files; /* of more than one, names say which */
    size_t file, page, n_tiles, n_tokens;
    bool of_video;
};

static json_t *number_or_null(size_t n)
{
    return n ? json_integer((json_int_t)n) : json_null();
}

static json_t *tile_json(const struct show *s, const vlm_tile *t, size_t i, const char *file)
{
    json_t *j =
        json_pack("{s:o, s:o, s:I, s:I, s:I, s:[f, f, f, f], s:[I, I], s:I}", "page",
                  number_or_null(s->page), "frame", number_or_null(s->of_video ? i + 1 : 0), "tile",
                  (json_int_t)(s->of_video ? 1 : i + 1), "row", (json_int_t)t->row, "col",
                  (json_int_t)t->col, "box", t->box[0], t->box[1], t->box[2], t->box[3], "size",
                  (json_int_t)t->width, (json_int_t)t->height, "tokens", (json_int_t)t->n_tokens);
    if (j && file)
        json_object_set_new(j, "file", json_string(file));
    return j;
}

static void print_tile(const struct show *s, const vlm_tile *t, size_t i, const char *file)
{
    char place[32] = "whole", page[24] = "-", frame[24] = "-";
    if (t->row)
        snprintf(place, sizeof place, "%u, %u", t->row, t->col);
    if (s->page)
        snprintf(page, sizeof page, "%zu", s->page);
    if (s->of_video)
        snprintf(frame, sizeof frame, "%zu", i + 1);
    if (s->n_tiles == 0)
        printf("page  frame  tile  row, col        x        y    width   height   tile size     "
               "tokens\n");
    printf("%4s  %5s  %4zu  %-8s %8.1f %8.1f %8.1f %8.1f  %5u x %-5u %6zu%s%s\n", page, frame,
           s->of_video ? 1 : i + 1, place, t->box[0], t->box[1], t->box[2], t->box[3], t->width,
           t->height, t->n_tokens, file ? "  " : "", file ? file : "");
}

static void name_tile(char name[96], const struct show *s, size_t i)
{
    char file[32] = "";
    if (s->n_files > 1)
        snprintf(file, sizeof file, "file-%02zu-", s->file + 1);
    if (s->of_video)
        snprintf(name, 96, "%sframe-%03zu.png", file, i + 1);
    else if (s->page)
        snprintf(name, 96, "%spage-%03zu-tile-%03zu.png", file, s->page, i + 1);
    else
        snprintf(name, 96, "%stile-%03zu.png", file, i + 1);
}

static int one_tile(struct show *s, const vlm_tile *t, size_t i, vlm_error *err)
{
    char name[96];
    name_tile(name, s, i);
    int rc = s->o->out_dir ? write_png(s->engine, s->o->out_dir, name, t, err) : VLM_OK;
    if (rc < 0)
        return rc;
    const char *file = s->o->out_dir ? name : NULL;
    if (!s->list)
        print_tile(s, t, i, file);
    else if (json_array_append_new(s->list, tile_json(s, t, i, file)))
        return vlm_fail_memory(err, 0, "the list");
    s->n_tiles++;
    s->n_tokens += t->n_tokens;
    return VLM_OK;
}

/* Takes the tiles. */
static int all_tiles(struct show *s, vlm_tiles *tiles, vlm_error *err)
{
    int rc = VLM_OK;
    for (size_t i = 0; i < vlm_tiles_count(tiles) && rc == VLM_OK; i++) {
        vlm_tile t;
        vlm_tiles_get(tiles, i, &t);
        rc = one_tile(s, &t, i, err);
    }
    vlm_tiles_free(tiles);
    return rc;
}

static int show_image(void *ctx, vlm_image *image, size_t page, vlm_error *err)
{
    struct show *s = ctx;
    vlm_tiles *tiles;
    vlm_session_options so;
    cli_session_options(&so, s->o);
    s->page = page;
    int rc = vlm_tiles_make(&tiles, s->engine, image, &so, err);
    vlm_image_close(image);
    return rc < 0 ? rc : all_tiles(s, tiles, err);
}

static int show_video(struct show *s, const struct cli_media *media, vlm_error *err)
{
    vlm_video *video;
    vlm_tiles *tiles;
    int rc = cli_video_open(&video, s->engine, media, err);
    if (rc < 0)
        return rc;
    s->of_video = true;
    rc = vlm_tiles_make_video(&tiles, s->engine, video, err);
    vlm_video_close(video);
    return rc < 0 ? rc : all_tiles(s, tiles, err);
}

static int show_file(struct show *s, struct cli_media media, vlm_error *err)
{
    vlm_image *image;
    const struct cli_media *all = &s->o->of_media;
    s->page = 0;
    s->of_video = false;
    media.pages = media.pages ? media.pages : all->pages;
    media.dpi = media.dpi ? media.dpi : all->dpi;
    media.fps = media.fps > 0 ? media.fps : all->fps;
    media.max_frames = media.max_frames ? media.max_frames : all->max_frames;
    media.one_by_one = true;
    if (media.kind == CLI_PDF)
        return cli_pdf_pages(s->engine, &media, show_image, s, err);
    if (media.kind == CLI_VIDEO)
        return show_video(s, &media, err);
    int rc = cli_image_open(&image, s->engine, s->o, media.path, err);
    return rc < 0 ? rc : show_image(s, image, 0, err);
}

static int show_files(const struct cli_options *o, const vlm_engine *engine,
                      const struct cli_media_list *files, vlm_error *err)
{
    struct show s = {.o = o, .engine = engine, .n_files = files->n};
    int rc = o->out_dir ? cli_make_dir(o->out_dir, err) : VLM_OK;
    s.list = o->json ? json_array() : NULL;
    for (; s.file < files->n && rc == VLM_OK; s.file++)
        rc = show_file(&s, files->v[s.file], err);
    if (rc == VLM_OK && o->json)
        return cli_json_print(stdout, s.list, err);
    if (rc == VLM_OK)
        printf("%zu tiles, %zu image tokens\n", s.n_tiles, s.n_tokens);
    json_decref(s.list);
    return rc;
}

/* [MODEL] FILE, or [MODEL] with files by option.  A directory as FILE holds frames. */
static void sort_args(struct cli_media_list *files, const char **model, const struct cli_options *o)
{
    *files = o->media;
    bool bare = files->n == 0;
    *model = o->args.n > (size_t)bare ? o->args.v[0] : NULL;
    if (!bare)
        return;
    struct cli_media *m = &files->v[files->n++];
    *m = (struct cli_media){.kind = CLI_IMAGE, .path = o->args.v[o->args.n - 1]};
    if (vlm_os_is_directory(m->path))
        m->kind = CLI_VIDEO;
    else
        (void)cli_media_kind(&m->kind, m->path);
}

int cli_cmd_tiles(const struct cli_options *o)
{
    struct cli_model m;
    struct cli_media_list files;
    const char *model;
    vlm_error err = {0};
    if (o->args.n == 0 && o->media.n == 0)
        return cli_usage(o->verb, "tiles: found no file, expected %s", o->verb->args);
    if (o->args.n == 2 && o->media.n)
        return cli_usage(o->verb, "tiles: found a file beside --image, --video or --pdf, expected "
                                  "one of them");
    sort_args(&files, &model, o);
    int status = cli_model_open(&m, o, model, true);
    if (status)
        return status;
    int rc = show_files(o, m.engine, &files, &err);
    if (rc >= 0)
        rc = cli_flush(stdout, "standard output", &err);
    cli_model_close(&m);
    return rc < 0 ? cli_failed(&err) : CLI_OK;
}
