/* ask.c: what is a bare argument?
 *   a directory, or NAME.gguf               the MODEL
 *   a file that begins like a picture, a
 *   clip or a PDF, or a name that ends so   such a file, in the order given
 *   another text                            the prompt; with -p, --messages or --ids, or before
 * another such text, the MODEL (opening it says what is wrong); with chat always */
#include "ask.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/os.h"
#include "base/status.h"
#include "media.h"

static bool is_gguf(const char *s)
{
    size_t n = strlen(s);
    return n > 5 && strcasecmp(s + n - 5, ".gguf") == 0;
}

/* Files with an option and bare ones stand in the order of the command line. */
static int add_file(struct cli_ask *a, const struct cli_options *o, enum cli_media_kind kind,
                    const char *path, int at)
{
    size_t i = a->media.n;
    if (i == VLM_LIMIT_IMAGES)
        return cli_usage(o->verb, "found more than %d files, expected at most that many",
                         (int)VLM_LIMIT_IMAGES);
    for (; i > 0 && a->media.v[i - 1].at > at; i--)
        a->media.v[i] = a->media.v[i - 1];
    a->media.v[i] = (struct cli_media){.kind = kind, .path = path, .at = at};
    a->media.n++;
    return CLI_OK;
}

static int sort_one(struct cli_ask *a, const struct cli_options *o, size_t i, const char **text)
{
    const char *arg = o->args.v[i];
    struct vlm_quoted q;
    enum cli_media_kind kind = CLI_IMAGE;
    if (strcmp(arg, "-") == 0 || cli_media_kind(&kind, arg))
        return add_file(a, o, kind, arg, o->args_at[i]);
    if (vlm_os_is_directory(arg) || is_gguf(arg)) {
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
    bool chat = o->verb->bit == V_CHAT; /* asks later; standard input is its own */
    size_t n_stdin = (size_t)(a->prompt && strcmp(a->prompt, "-") == 0);
    int n_questions = (a->prompt != NULL) + (o->messages != NULL) + (o->ids != NULL);
    for (size_t i = 0; i < a->media.n; i++)
        n_stdin += strcmp(a->media.v[i].path, "-") == 0;
    if (chat && n_stdin)
        return cli_usage(o->verb, "chat: found '-' as a file, expected the name of one");
    if (n_questions != 1 && !chat)
        return cli_usage(o->verb, "%s: found %s, expected one of: a prompt, --messages%s",
                         o->verb->name, n_questions ? "more than one question" : "no prompt",
                         o->verb->bit == V_TRACE ? ", --ids" : "");
    if (!a->prompt && a->media.n && !chat)
        return cli_usage(o->verb, "%s: found files beside %s, expected them only with a prompt",
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
    a->media = o->media;
    for (size_t i = 0; i < o->args.n; i++) {
        int status = sort_one(a, o, i, &text);
        if (status)
            return status;
    }
    if (text && !a->model && (strcmp(text, "pocket") == 0 || o->verb->bit == V_CHAT))
        a->model = text;
    else if (text && (o->prompt || o->messages || o->ids) && !a->model)
        a->model = text;
    else if (text && o->verb->bit == V_CHAT)
        return cli_usage(o->verb, "chat: found '%s', expected a MODEL and files", text);
    else if (text && (o->prompt || o->messages || o->ids))
        return cli_usage(o->verb, "%s: found a prompt twice, expected it once", o->verb->name);
    else if (text)
        a->prompt = text;
    return check(a, o);
}
