/* options.h: the verbs of the command and the one table of their options.
 *
 * Owns the names, ranges and help of every option: parsing, checks and --help all read the same
 * rows. Values are borrowed from argv; nothing here takes memory.  Ranges are checked before
 * anything else happens, so a verb never sees a value outside them. */
#ifndef VLM_CLI_OPTIONS_H
#define VLM_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_exit { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130 };

enum {
    V_RUN = 1 << 0,
    V_BATCH = 1 << 1,
    V_TOKENIZE = 1 << 2,
    V_DETOKENIZE = 1 << 3,
    V_RENDER = 1 << 4,
    V_TRACE = 1 << 5,
    V_TILES = 1 << 6,
    V_INSPECT = 1 << 7,
    V_LIMITS = 1 << 8,
    V_VERSION = 1 << 9,
    V_MAKE_DOCS = 1 << 10,
    V_BENCH = 1 << 11,
    V_PLAN = 1 << 12,
    V_SHOW = 1 << 13,
    V_HELP = 1 << 14,
    V_SCORE = 1 << 15,
    V_EMBED = 1 << 16,
    V_CHAT = 1 << 17,
    V_COMPLETION = 1 << 18,
    V_MAN = 1 << 19,
    V_QUANTIZE = 1 << 20,
    V_ALL = (1 << 21) - 1,
    V_LINE = 1 << 30, /* no verb: an option that a line of batch may have for itself */
    /* verbs that open a MODEL */
    V_MODELS = V_ALL & ~(V_LIMITS | V_VERSION | V_MAKE_DOCS | V_HELP | V_COMPLETION | V_MAN)
};

#define CLI_LIST_MAX 64
struct cli_list {
    const char *v[CLI_LIST_MAX];
    size_t n;
};

/* A picture, clip or PDF file, with the options behind it that are its own. */
enum cli_media_kind { CLI_IMAGE, CLI_VIDEO, CLI_PDF };
struct cli_media {
    enum cli_media_kind kind;
    const char *path;
    const char *pages;   /* of a PDF; NULL: all */
    uint64_t dpi;        /* 0: the default */
    double fps;          /* of a video; 0: the model's own */
    uint64_t max_frames; /* likewise */
    int at;              /* where in argv */
    bool one_by_one;     /* pages need not fit into one context */
};
struct cli_media_list {
    struct cli_media v[CLI_LIST_MAX];
    size_t n;
};

struct cli_options;
struct cli_verb {
    const char *name;
    unsigned bit;
    size_t min_args, max_args;
    const char *args;     /* what follows the name in the usage line */
    const char *summary;  /* one line */
    const char *notes;    /* paragraphs for --help, or NULL */
    const char *examples; /* lines for --help */
    int (*run)(const struct cli_options *o);
};
extern const struct cli_verb cli_verbs[]; /* ends with a NULL name */

struct cli_options {
    const struct cli_verb *verb;
    struct cli_list args;
    int args_at[CLI_LIST_MAX]; /* where in argv */
    /* everywhere */
    uint64_t threads; /* 0: one per core */
    const char *isa;
    int log; /* vlm_log_level */
    bool json, help, version, no_mmap, exact, repack, against_repack, sandbox, verbose, history;
    /* what to ask */
    struct cli_media_list media;
    struct cli_media of_media; /* --pages, --dpi, --fps, --max-frames with no file before them */
    struct cli_list systems;
    const char *prompt, *messages, *ids, *session;
    /* how to answer */
    uint64_t max_tokens, seed, top_k, logprobs;
    uint64_t min_tokens;
    double temperature, top_p, min_p, typical_p;
    double repeat_penalty, presence_penalty, frequency_penalty;
    struct cli_list stops, biases;
    const char *json_schema, *regex;
    const char *schema_text; /* of json_schema, when a line of batch holds it */
    uint64_t choices, parallel;
    /* how to look and compute */
    uint64_t max_tiles, context, chunk, max_memory;
    int detail, kv_type, pooling; /* vlm_detail, vlm_kv_type, vlm_pooling */
    int vision_as;                /* index into cli_vision_types */
    /* single verbs */
    bool lines, special, tensors, no_generation_prompt;
    const char *output, *out_dir, *jsonl, *compare, *kind, *mmproj, *tools;
    const char *type, *vision_type, *mmproj_out, *importance, *feature_dir;
    const char *calibrate, *importance_out;
    bool force, pure;
    struct cli_list only, fonts, sizes;
    double tolerance, strength;
    uint64_t count, reps, width;
    /* bench */
    struct cli_list prompts, gens, depths, sessions;
    const char *against, *against_isa, *against_build;
    bool cpu_time;
};

/* Reads argv into *o.  Returns -1 to go on with o->verb, else the exit status (help was printed, or
 * the error). */
int cli_options_parse(struct cli_options *o, int argc, char **argv);

enum cli_option_type {
    CLI_FLAG,   /* bool */
    CLI_UINT,   /* uint64_t in lo..hi */
    CLI_BYTES,  /* uint64_t in lo..hi, with K, M, G or T */
    CLI_FLOAT,  /* double in flo..fhi */
    CLI_TEXT,   /* const char * */
    CLI_LIST,   /* struct cli_list of at most hi texts */
    CLI_MEDIA,  /* a cli_media of kind lo for struct cli_media_list, at most hi */
    CLI_CHOICE, /* int: index into choices */
    CLI_LATER   /* named by cli.md, not in this build */
};
struct cli_option {
    const char *name, *alias; /* "--max-tokens", "-n" or NULL */
    const char *meta;         /* how help calls the value */
    const char *help;
    enum cli_option_type type;
    unsigned verbs;
    size_t offset; /* in struct cli_options */
    uint64_t lo, hi;
    double flo, fhi;
    const char *const *choices; /* NULL-terminated; of other types: words to suggest, or NULL */
};
extern const char *const cli_isa_names[]; /* of all builds; NULL-terminated */
extern const char *const cli_vision_types[];
extern const struct cli_option cli_option_table[]; /* ends with a NULL name */
void cli_options_defaults(struct cli_options *o);
/* name: n bytes.  Before the verb (NULL) only what every verb takes, and what most take, is known.
 */
const struct cli_option *cli_option_find(const struct cli_verb *verb, const char *name, size_t n);
/* A number for an option of type UINT, BYTES or FLOAT; false when it is none or out of range. */
bool cli_option_number(struct cli_options *o, const struct cli_option *d, const char *text);
void cli_option_range(char out[96], const struct cli_option *d); /* "a number from 0 to 1" */

/* `vlm`, `vlm help`, `vlm VERB --help` */
extern const char cli_help_intro[], cli_help_examples[];
void cli_help_short(void);
void cli_help_all(void);
/* The help of an option with its range. */
void cli_option_describe(char out[256], const struct cli_option *d);
void cli_help_verb(const struct cli_verb *verb);
const struct cli_verb *cli_verb_find(const char *name); /* or NULL */

/* One line on stderr and the hint.  Returns CLI_USAGE. */
int cli_usage(const struct cli_verb *verb, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
