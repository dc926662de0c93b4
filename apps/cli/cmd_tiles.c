/* cmd_tiles.c: vlm tiles: what the model sees of a picture. */
#include <stdio.h>

#include "cmd.h"
#include "io.h"
#include "model.h"
#include "request.h"

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

static json_t *tile_json(const vlm_tile *t, size_t i, const char *file)
{
    json_t *j =
        json_pack("{s:n, s:n, s:I, s:I, s:I, s:[f, f, f, f], s:[I, I], s:I}", "page", "frame",
                  "tile", (json_int_t)i + 1, "row", (json_int_t)t->row, "col", (json_int_t)t->col,
                  "box", t->box[0], t->box[1], t->box[2], t->box[3], "size", (json_int_t)t->width,
                  (json_int_t)t->height, "tokens", (json_int_t)t->n_tokens);
    if (j && file)
        json_object_set_new(j, "file", json_string(file));
    return j;
}

static void print_tile(const vlm_tile *t, size_t i, const char *file)
{
    char place[32] = "whole";
    if (t->row)
        snprintf(place, sizeof place, "%u, %u", t->row, t->col);
    printf("%4zu  %-8s %8.1f %8.1f %8.1f %8.1f  %5u x %-5u %6zu%s%s\n", i + 1, place, t->box[0],
           t->box[1], t->box[2], t->box[3], t->width, t->height, t->n_tokens, file ? "  " : "",
           file ? file : "");
}

static int one_tile(const struct cli_options *o, const vlm_engine *engine, const vlm_tile *t,
                    size_t i, json_t *list, vlm_error *err)
{
    char name[32];
    snprintf(name, sizeof name, "tile-%03zu.png", i + 1);
    int rc = o->out_dir ? write_png(engine, o->out_dir, name, t, err) : VLM_OK;
    if (rc < 0)
        return rc;
    const char *file = o->out_dir ? name : NULL;
    if (list)
        return json_array_append_new(list, tile_json(t, i, file))
                   ? vlm_fail_memory(err, 0, "the list")
                   : VLM_OK;
    print_tile(t, i, file);
    return VLM_OK;
}

static int all_tiles(const struct cli_options *o, const vlm_engine *engine, const vlm_tiles *tiles,
                     vlm_error *err)
{
    size_t n = vlm_tiles_count(tiles), n_tokens = 0;
    json_t *list = o->json ? json_array() : NULL;
    int rc = o->out_dir ? cli_make_dir(o->out_dir, err) : VLM_OK;
    if (!o->json && rc == VLM_OK)
        printf("tile  row, col        x        y    width   height   tile size     tokens\n");
    for (size_t i = 0; i < n && rc == VLM_OK; i++) {
        vlm_tile t;
        vlm_tiles_get(tiles, i, &t);
        n_tokens += t.n_tokens;
        rc = one_tile(o, engine, &t, i, list, err);
    }
    if (rc == VLM_OK && o->json)
        return cli_json_print(stdout, list, err);
    if (rc == VLM_OK)
        printf("%zu tiles, %zu image tokens\n", n, n_tokens);
    json_decref(list);
    return rc;
}

static int show_tiles(const struct cli_options *o, const vlm_engine *engine, const char *path,
                      vlm_error *err)
{
    vlm_image *image;
    vlm_tiles *tiles;
    vlm_session_options so;
    int rc = cli_image_open(&image, engine, path, err);
    if (rc < 0)
        return rc;
    cli_session_options(&so, o);
    rc = vlm_tiles_make(&tiles, engine, image, &so, err);
    if (rc >= 0) {
        rc = all_tiles(o, engine, tiles, err);
        vlm_tiles_free(tiles);
    }
    vlm_image_close(image);
    return rc;
}

int cli_cmd_tiles(const struct cli_options *o)
{
    struct cli_model m;
    vlm_error err = {0};
    int status = cli_model_open(&m, o, o->args.n == 2 ? o->args.v[0] : NULL, true);
    if (status)
        return status;
    int rc = show_tiles(o, m.engine, o->args.v[o->args.n - 1], &err);
    if (rc >= 0)
        rc = cli_flush(stdout, "standard output", &err);
    cli_model_close(&m);
    return rc < 0 ? cli_failed(&err) : CLI_OK;
}
