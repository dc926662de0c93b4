/* cmd_about.c: vlm version, vlm limits, vlm help: what this build is. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "bench.h"
#include "cmd.h"
#include "io.h"
#include "vlm_tools.h"

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* name, version: from pkg-config when the build was configured; jansson tells its own. */
static const char *const libraries[][2] = {{"pcre2", VLM_CLI_PCRE2},
                                           {"utf8proc", VLM_CLI_UTF8PROC},
                                           {"libjpeg", VLM_CLI_JPEG},
                                           {"libpng", VLM_CLI_PNG},
                                           {"libwebp", VLM_CLI_WEBP},
                                           {"freetype", VLM_CLI_FREETYPE},
#ifdef VLM_CLI_LIBEDIT
                                           {"libedit", VLM_CLI_LIBEDIT},
#endif
};

const char *cli_commit(void)
{
    return VLM_CLI_COMMIT;
}
const char *cli_compiler(void)
{
    return COMPILER;
}

static json_t *version_json(void)
{
    json_t *isa = json_array(), *libs = json_object();
    for (size_t i = 0; vlm_isa_name(i); i++)
        json_array_append_new(isa, json_string(vlm_isa_name(i)));
    json_object_set_new(libs, "jansson", json_string(jansson_version_str()));
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        if (*libraries[i][1])
            json_object_set_new(libs, libraries[i][0], json_string(libraries[i][1]));
    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "version", vlm_version(), "commit",
                     VLM_CLI_COMMIT, "compiler", COMPILER, "isa", isa, "libraries", libs);
}

static void print_version(void)
{
    printf("vlm %s (commit %s, %s)\nisa       ", vlm_version(), VLM_CLI_COMMIT, COMPILER);
    for (size_t i = 0; vlm_isa_name(i); i++)
        printf(" %s", vlm_isa_name(i));
    printf("\nlibraries  jansson %s", jansson_version_str());
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        if (*libraries[i][1])
            printf(", %s %s", libraries[i][0], libraries[i][1]);
    putchar('\n');
}

static int finish(int rc, vlm_error *err)
{
    if (rc >= 0)
        rc = cli_flush(stdout, "standard output", err);
    return rc < 0 ? cli_failed(err) : CLI_OK;
}

int cli_cmd_version(const struct cli_options *o)
{
    vlm_error err = {0};
    if (o->json)
        return finish(cli_json_print(stdout, version_json(), &err), &err);
    print_version();
    return finish(VLM_OK, &err);
}

int cli_cmd_limits(const struct cli_options *o)
{
    const char *name, *meaning;
    uint64_t value;
    vlm_error err = {0};
    json_t *j = o->json ? json_object() : NULL;
    for (size_t i = 0; vlm_limit_get(i, &name, &value, &meaning); i++)
        if (j)
            json_object_set_new(j, name, json_integer((json_int_t)value));
        else
            printf("%-26s %16llu  %s\n", name, (unsigned long long)value, meaning);
    return finish(j ? cli_json_print(stdout, j, &err) : VLM_OK, &err);
}

int cli_cmd_help(const struct cli_options *o)
{
    vlm_error err = {0};
    if (o->args.n == 0) {
        cli_help_all();
        return finish(VLM_OK, &err);
    }
    const struct cli_verb *verb = cli_verb_find(o->args.v[0]);
    struct vlm_quoted q;
    if (!verb)
        return cli_usage(NULL, "help: found '%s', expected a verb of this build",
                         vlm_base_quote(&q, o->args.v[0], strlen(o->args.v[0])));
    cli_help_verb(verb);
    return finish(VLM_OK, &err);
}
