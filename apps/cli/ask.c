/* ask.c: what is a bare argument?
 *   a directory, or NAME.gguf               the MODEL
 *   a file that begins like a picture,
 *   or a name that ends like one            a picture, in the order given
 *   another text                            the prompt; with -p, --messages or --ids, or before
 * another such text, the MODEL (opening it says what is wrong) */
#include "ask.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/os.h"
#include "base/status.h"

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n > k && strcasecmp(s + n - k, end) == 0;
}

static bool is_regular(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool has_picture_name(const char *s)
{
    static const char *const ends[] = {".png", ".jpg", ".jpeg", ".webp", ".gif",
                                       ".bmp", ".tif", ".tiff", ".svg"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(s, ends[i]))
            return strpbrk(s, " \n\t") == NULL || is_regular(s);
    return false;
}

static bool begins_like_picture(const char *path)
{
    unsigned char head[4] = {0};
    FILE *f = is_regular(path) ? fopen(path, "rb") : NULL;
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f)
        fclose(f);
    return n == 4 && (memcmp(head, "\x89PNG", 4) == 0 || memcmp(head, "\xff\xd8\xff", 3) == 0);
}

static int sort_one(struct cli_ask *a, const struct cli_options *o, const char *arg,
                    const char **text)
{
    struct vlm_quoted q;
    if (strcmp(arg, "-") == 0 || begins_like_picture(arg) || has_picture_name(arg)) {
        if (a->images.n == VLM_LIMIT_IMAGES)
            return cli_usage(o->verb, "found more than %d pictures, expected at most that many",
                             (int)VLM_LIMIT_IMAGES);
        a->images.v[a->images.n++] = arg;
        return CLI_OK;
    }
    if (vlm_os_is_directory(arg) || ends_with(arg, ".gguf")) {
        if (a->model)
            return cli_usage(o->verb, "found a second MODEL '%s', expected one",
                             vlm_base_quote(&q, arg, strlen(arg)));
        a->model = arg;
        return CLI_OK;
    }
    if (*text && a->model)
        return cli_usage(o->verb, "found a second prompt '%s', expected one (put it in quotes?)",
                         vlm_base_quote(&q, arg, strlen(arg)));
    if (*text)
        a->model = *text;
    *text = arg;
    return CLI_OK;
}

static int check(const struct cli_ask *a, const struct cli_options *o)
{
    size_t n_stdin = (size_t)(a->prompt && strcmp(a->prompt, "-") == 0);
    int n_questions = (a->prompt != NULL) + (o->messages != NULL) + (o->ids != NULL);
    for (size_t i = 0; i < a->images.n; i++)
        n_stdin += strcmp(a->images.v[i], "-") == 0;
    if (n_questions != 1)
        return cli_usage(o->verb, "%s: found %s, expected one of: a prompt, --messages%s",
                         o->verb->name, n_questions ? "more than one question" : "no prompt",
                         o->verb->bit == V_TRACE ? ", --ids" : "");
    if (!a->prompt && a->images.n)
        return cli_usage(o->verb, "%s: found pictures beside %s, expected them only with a prompt",
                         o->verb->name, o->messages ? "--messages (name them there)" : "--ids");
    if (o->ids && o->systems.n)
        return cli_usage(o->verb, "%s: found --system beside --ids, expected one of them",
                         o->verb->name);
    if (n_stdin > 1)
        return cli_usage(o->verb,
                         "%s: found '-' %zu times, expected standard input to be used once",
                         o->verb->name, n_stdin);
    return CLI_OK;
}

int cli_ask_sort(struct cli_ask *a, const struct cli_options *o)
{
    const char *text = NULL;
    *a = (struct cli_ask){.prompt = o->prompt};
    a->images = o->images;
    for (size_t i = 0; i < o->args.n; i++) {
        int status = sort_one(a, o, o->args.v[i], &text);
        if (status)
            return status;
    }
    if (text && strcmp(text, "pocket") == 0 && !a->model)
        a->model = text;
    else if (text && (o->prompt || o->messages || o->ids) && !a->model)
        a->model = text;
    else if (text && (o->prompt || o->messages || o->ids))
        return cli_usage(o->verb, "%s: found a prompt twice, expected it once", o->verb->name);
    else if (text)
        a->prompt = text;
    return check(a, o);
}
