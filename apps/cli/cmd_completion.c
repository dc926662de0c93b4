/* cmd_completion.c: vlm completion: a script for bash, zsh or fish, made of the tables of verbs and
 * options.  What a value can be is read from its row: words, or what its meta calls it. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "io.h"

enum values { ANYTHING, WORDS, FILES, DIRS, MODELS_HERE, VERBS };

static enum values values_of(const struct cli_option *d)
{
    return d->choices                                           ? WORDS
           : !d->meta                                           ? ANYTHING
           : strstr(d->meta, "FILE") || !strcmp(d->meta, "VLM") ? FILES
           : strstr(d->meta, "DIR")                             ? DIRS
           : strstr(d->meta, "MODEL")                           ? MODELS_HERE
                                                                : ANYTHING;
}

/* What the arguments of a verb can be; *words for WORDS. */
static enum values arguments_of(const struct cli_verb *v, const char **words)
{
    *words = v->bit == V_COMPLETION ? "bash zsh fish" : "";
    if (v->max_args == 0)
        return ANYTHING;
    if (v->bit == V_COMPLETION)
        return WORDS;
    if (strstr(v->args, "VERB"))
        return VERBS;
    return strncmp(v->args, "MODEL", 5) == 0 && v->max_args == 1 ? MODELS_HERE
           : strncmp(v->args, "[MODEL] [opt", 12) == 0           ? MODELS_HERE
           : strstr(v->args, "DIR")                              ? DIRS
                                                                 : FILES;
}

static bool takes(const struct cli_verb *v, const struct cli_option *d)
{
    return (d->verbs & v->bit) && d->type != CLI_LATER;
}

static void print_verbs(const char *between)
{
    for (const struct cli_verb *v = cli_verbs; v->name; v++)
        printf("%s%s", v == cli_verbs ? "" : between, v->name);
}

static void print_words(const char *const *words)
{
    for (size_t i = 0; words[i]; i++)
        printf("%s%s", i ? " " : "", words[i]);
}

/* ---- bash ---- */

static const char bash_head[] =
    "# Completion of vlm for bash, made by `vlm completion bash`.\n"
    "_vlm_lines() { # what is printed, a line each\n"
    "  local line\n"
    "  while IFS= read -r line; do COMPREPLY+=(\"$line\"); done\n"
    "}\n"
    "_vlm_files() { compopt -o filenames 2>/dev/null; _vlm_lines < <(compgen -f -- \"$cur\"); }\n"
    "_vlm_dirs() { compopt -o filenames 2>/dev/null; _vlm_lines < <(compgen -d -- \"$cur\"); }\n"
    "_vlm_models() {\n"
    "  _vlm_dirs\n"
    "  _vlm_lines < <(compgen -f -X '!*.gguf' -- \"$cur\")\n"
    "  _vlm_lines < <(compgen -W pocket -- \"$cur\")\n"
    "}\n"
    "_vlm_words() { _vlm_lines < <(compgen -W \"$1\" -- \"$cur\"); }\n"
    "_vlm() {\n"
    "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb='' i\n"
    "  COMPREPLY=()\n"
    "  if [[ $cur == = ]]; then\n"
    "    cur=''\n"
    "  elif [[ $prev == = ]]; then\n"
    "    prev=${COMP_WORDS[COMP_CWORD-2]}\n"
    "  fi\n"
    "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "    case ${COMP_WORDS[i]} in\n"
    "      ";

static void bash_action(enum values what, const char *const *words, const char *line)
{
    static const char *const actions[] = {"", "", "_vlm_files", "_vlm_dirs", "_vlm_models", ""};
    if (what == WORDS || what == VERBS) {
        printf("_vlm_words '");
        if (words)
            print_words(words);
        else if (what == VERBS)
            print_verbs(" ");
        else
            fputs(line, stdout);
        putchar('\'');
    } else {
        fputs(actions[what], stdout);
    }
}

static void bash_verb(const struct cli_verb *v)
{
    const char *line;
    enum values what = arguments_of(v, &line);
    printf("    %s)\n      case $prev in\n", v->name);
    for (const struct cli_option *d = cli_option_table; d->name; d++) {
        if (!takes(v, d) || !d->meta)
            continue;
        printf("        %s%s%s) ", d->name, d->alias ? "|" : "", d->alias ? d->alias : "");
        bash_action(values_of(d), d->choices, "");
        printf("%sreturn ;;\n", values_of(d) == ANYTHING ? "" : "; ");
    }
    printf("      esac\n      if [[ $cur == -* ]]; then\n        _vlm_words '");
    for (const struct cli_option *d = cli_option_table; d->name; d++)
        if (takes(v, d))
            printf("%s%s%s ", d->alias ? d->alias : "", d->alias ? " " : "", d->name);
    printf("'\n        return\n      fi\n      ");
    bash_action(what, NULL, line);
    printf("%s ;;\n", what == ANYTHING ? "return" : "");
}

static void print_bash(void)
{
    fputs(bash_head, stdout);
    print_verbs("|");
    fputs(")\n        verb=${COMP_WORDS[i]}\n        break ;;\n    esac\n  done\n  case $verb in\n",
          stdout);
    for (const struct cli_verb *v = cli_verbs; v->name; v++)
        bash_verb(v);
    fputs("    *)\n      _vlm_words '", stdout);
    print_verbs(" ");
    fputs(" --help --version' ;;\n  esac\n}\ncomplete -F _vlm vlm\n", stdout);
}

/* ---- zsh ---- */

/* Inside '...' and, in specifications, inside [...]. */
static void zsh_text(const char *s, bool specification)
{
    for (; *s; s++)
        if (*s == '\'')
            fputs("'\\''", stdout);
        else if (specification && (*s == '[' || *s == ']' || *s == ':' || *s == '\\'))
            printf("\\%c", *s);
        else
            putchar(*s);
}

static void zsh_action(enum values what, const char *const *words, const char *line)
{
    static const char models[] = "_alternative \"dirs\\:model\\:_files -/\" "
                                 "\"files\\:model\\:_files -g \\*.gguf\"";
    static const char *const actions[] = {" ", "", "_files", "_files -/", models, ""};
    if (what != WORDS && what != VERBS) {
        fputs(actions[what], stdout);
        return;
    }
    putchar('(');
    if (words)
        print_words(words);
    else if (what == VERBS)
        print_verbs(" ");
    else
        fputs(line, stdout);
    putchar(')');
}

static void zsh_option(const struct cli_option *d, const char *name, const char *equals)
{
    bool again = d->type == CLI_LIST || d->type == CLI_MEDIA;
    printf(" \\\n        '%s%s%s[", again ? "*" : "", name, d->meta ? equals : "");
    zsh_text(d->help, true);
    putchar(']');
    if (d->meta) {
        putchar(':');
        zsh_text(d->meta, true);
        putchar(':');
        zsh_action(values_of(d), d->choices, "");
    }
    putchar('\'');
}

static void print_zsh(void)
{
    puts("#compdef vlm\n# Completion of vlm for zsh, made by `vlm completion zsh`.\n_vlm() {\n"
         "  local curcontext=$curcontext state line\n  local -a verbs\n  verbs=(");
    for (const struct cli_verb *v = cli_verbs; v->name; v++) {
        printf("    '%s:", v->name);
        zsh_text(v->summary, false);
        puts("'");
    }
    puts("  )\n  _arguments -C '--help[this text]' '--version[the version of the program]' "
         "'1:verb:->verb' '*::argument:->rest'\n"
         "  case $state in\n    verb) _describe verb verbs ;;\n    rest)\n      case $words[1] in");
    for (const struct cli_verb *v = cli_verbs; v->name; v++) {
        const char *line;
        enum values what = arguments_of(v, &line);
        printf("        %s) _arguments", v->name);
        for (const struct cli_option *d = cli_option_table; d->name; d++) {
            if (!takes(v, d))
                continue;
            zsh_option(d, d->name, "=");
            if (d->alias)
                zsh_option(d, d->alias, "");
        }
        if (what != ANYTHING) {
            printf(" \\\n        '*:argument:");
            zsh_action(what, NULL, line);
            putchar('\'');
        }
        puts(" ;;");
    }
    puts("      esac ;;\n  esac\n}\nif [ \"$funcstack[1]\" = _vlm ]; then\n  _vlm \"$@\"\nelse\n"
         "  compdef _vlm vlm\nfi");
}

/* ---- fish ---- */

static void fish_text(const char *s)
{
    putchar('\'');
    for (; *s; s++) {
        if (*s == '\'' || *s == '\\')
            putchar('\\');
        putchar(*s);
    }
    putchar('\'');
}

static void fish_values(enum values what, const char *const *words, const char *line)
{
    if (what == FILES) {
        fputs(" -F", stdout);
        return;
    }
    if (what == ANYTHING)
        return;
    fputs(" -a '", stdout);
    if (what == DIRS)
        fputs("(__fish_complete_directories)", stdout);
    else if (what == MODELS_HERE)
        fputs("pocket (__fish_complete_directories) (__fish_complete_suffix .gguf)", stdout);
    else if (words)
        print_words(words);
    else if (what == VERBS)
        print_verbs(" ");
    else
        fputs(line, stdout);
    putchar('\'');
}

static void print_fish(void)
{
    puts("# Completion of vlm for fish, made by `vlm completion fish`.\ncomplete -c vlm -f");
    for (const struct cli_verb *v = cli_verbs; v->name; v++) {
        const char *line;
        printf("complete -c vlm -n __fish_use_subcommand -a %s -d ", v->name);
        fish_text(v->summary);
        putchar('\n');
        for (const struct cli_option *d = cli_option_table; d->name; d++) {
            if (!takes(v, d))
                continue;
            printf("complete -c vlm -n '__fish_seen_subcommand_from %s' -l %s", v->name,
                   d->name + 2);
            if (d->alias)
                printf(" -s %s", d->alias + 1);
            if (d->meta)
                fputs(values_of(d) == FILES ? " -r" : " -x", stdout);
            fish_values(values_of(d), d->choices, "");
            fputs(" -d ", stdout);
            fish_text(d->help);
            putchar('\n');
        }
        enum values what = arguments_of(v, &line);
        if (what == ANYTHING)
            continue;
        printf("complete -c vlm -n '__fish_seen_subcommand_from %s'", v->name);
        fish_values(what, NULL, line);
        putchar('\n');
    }
}

int cli_cmd_completion(const struct cli_options *o)
{
    const char *shell = o->args.v[0];
    vlm_error err = {0};
    struct vlm_quoted q;
    if (strcmp(shell, "bash") == 0)
        print_bash();
    else if (strcmp(shell, "zsh") == 0)
        print_zsh();
    else if (strcmp(shell, "fish") == 0)
        print_fish();
    else
        return cli_usage(o->verb, "completion: found '%s', expected bash, zsh or fish",
                         vlm_base_quote(&q, shell, strlen(shell)));
    return cli_flush(stdout, "standard output", &err) < 0 ? cli_failed(&err) : CLI_OK;
}
