/* abuse_cli.c VLM: the command on bad models, bad pictures, bad requests and bad options. */
#include <png.h>

#include "base/limits.h"
#include "command.h"

static void put_png(const char *name, uint32_t w, uint32_t h)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = w, .height = h, .format = PNG_FORMAT_GRAY};
    void *pixels = calloc(w, h);
    if (!pixels || !png_image_write_to_file(&image, path_of(name), 0, pixels, 0, NULL))
        test_die(name, "cannot write");
    free(pixels);
}

static void write_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A PNG of only a header, with a good checksum. */
static void put_png_header(const char *name, uint32_t w, uint32_t h)
{
    uint8_t b[45] = {0x89, 'P', 'N', 'G', 13, 10, 26, 10, 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
    write_u32(b + 16, w);
    write_u32(b + 20, h);
    b[24] = 8;
    b[25] = 2;
    uint32_t crc = 0xffffffff;
    for (int i = 12; i < 29; i++) {
        crc ^= b[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    write_u32(b + 29, ~crc);
    put(name, b, 33);
}

static void make_pictures(void)
{
    size_t n;
    char *jpeg = test_read(GOLDEN "/v1-tokens/split/a.jpg", &n);
    put("cut.jpg", jpeg, n / 2);
    put("head.jpg", jpeg, 20);
    put("soi.jpg", jpeg, 2);
    for (size_t i = 0; i + 9 < n; i++)
        if ((uint8_t)jpeg[i] == 0xff && ((uint8_t)jpeg[i + 1] & 0xf0) == 0xc0 &&
            (uint8_t)jpeg[i + 1] != 0xc4) {
            memcpy(jpeg + i + 5, "\xff\xdc\xff\xdc", 4); /* 65500 x 65500 */
            break;
        }
    put("huge.jpg", jpeg, n);
    free(jpeg);
    char *png = test_read(GOLDEN "/v1-tokens/wide/wide.png", &n);
    put("cut.png", png, n / 2);
    png[n / 2] ^= 0x55;
    put("crc.png", png, n);
    png[n / 2] ^= 0x55;
    char *tail = calloc(1, n + (30u << 20));
    memcpy(tail, png, n);
    put("tail.png", tail, n + (30u << 20));
    free(png);
    put("zeros.png", tail + n, 30u << 20);
    tail = realloc(tail, (32u << 20) + 1);
    put("toolarge.png", tail, (32u << 20) + 1);
    free(tail);
    put_text("text.jpg", "this is not a picture\n");
    put_text("empty.png", "");
    put_text("x.gif", "GIF89a\1\0\1\0\0\0\0;");
    put_text("x.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>");
    put_text("x.bmp", "BM......................................");
    put_text("x.pdf", "%PDF-1.7\n");
    put("x.webp", "RIFF\x10\0\0\0WEBPVP8 \0\0\0\0", 20);
    put("x.tiff", "II*\0\x08\0\0\0", 8);
    put("elf.png",
        "\x7f"
        "ELF\2\1\1\0\0\0\0\0",
        12);
    put_png("1x1.png", 1, 1);
    put_png("2x2.png", 2, 2);
    put_png("1x64.png", 1, 64);
    put_png("long.png", 2000, 1);
    put_png("wide.png", 30000, 2);
    put_png("side.png", (uint32_t)VLM_LIMIT_IMAGE_SIDE + 1, 1);
    put_png_header("bomb.png", 16384, 16384);
    put_png_header("claims.png", 65535, 65535);
    put_png_header("max.png", 0x7fffffff, 0x7fffffff);
    put_png_header("zero.png", 0, 5);
    put_png_header("neg.png", 0x80000000, 5);
    put_png_header("noidat.png", 10, 10);
    mkfifo(path_of("fifo"), 0600);
    mkdir(path_of("folder"), 0700);
    if (symlink("loop", path_of("loop")))
        test_die("loop", strerror(errno));
}

static void make_models(void)
{
    size_t n;
    char *weights = test_read(GOLDEN "/v1-tokens/model/model.safetensors", &n);
    put_model_with("noweights", "model.safetensors", NULL, 0);
    put_model_with("cutweights", "model.safetensors", weights, n - 1);
    put_model_with("halfweights", "model.safetensors", weights, n / 2);
    put_model_with("emptyweights", "model.safetensors", "", 0);
    put_model_with("textweights", "model.safetensors",
                   "version https://git-lfs.github.com/spec/v1\n", 43);
    put_model_with("noconfig", "config.json", NULL, 0);
    put_model_with("emptyconfig", "config.json", "", 0);
    put_model_with("othermodel", "config.json", "{\"model_type\":\"llama\"}", 22);
    put_model_with("notokenizer", "tokenizer.json", NULL, 0);
    put_model_with("badtokenizer", "tokenizer.json", "{\"model\":{}}", 12);
    put_model_with("notemplate", "chat_template.jinja", NULL, 0);
    put_model_with("fifoweights", "model.safetensors", NULL, 0);
    mkfifo(path_of("fifoweights/model.safetensors"), 0600);
    put_model_with("fifoconfig", "config.json", NULL, 0);
    mkfifo(path_of("fifoconfig/config.json"), 0600);
    put_model_with("zeroconfig", "config.json", NULL, 0);
    if (symlink("/dev/zero", path_of("zeroconfig/config.json")))
        test_die("zeroconfig", strerror(errno));
    put_model_with("loopconfig", "config.json", NULL, 0);
    if (symlink("config.json", path_of("loopconfig/config.json")))
        test_die("loopconfig", strerror(errno));
    put_model_with("sparseweights", "model.safetensors", "\2\0\0\0\0\0\0\0{}", 10);
    if (truncate(path_of("sparseweights/model.safetensors"), (off_t)1 << 43) != 0)
        puts("skip: sparse file of 8 TiB, this file system refuses it");
    char *at = NULL;
    for (size_t i = 8; i + 20 < n && i < 60000 && !at; i++)
        if (!memcmp(weights + i, "q_proj", 6))
            at = weights + i;
    if (!at)
        test_die("weights", "no q_proj");
    memcpy(at, "Q_PROJ", 6);
    put_model_with("renamed", "model.safetensors", weights, n);
    free(weights);
    put_model("shardless", "mixed-shards");
    unlink(path_of("shardless/model-00002-of-00003.safetensors"));
    put_model("badindex", "mixed-shards");
    unlink(path_of("badindex/model.safetensors.index.json"));
    put_text("badindex/model.safetensors.index.json",
             "{\"weight_map\":{\"a\":\"../../etc/passwd\"}}");
    mkdir(path_of("bare"), 0700);
    put_model("name\nwith\x1b[31mescape", "v1-tokens");
    unlink(path_of("name\nwith\x1b[31mescape/config.json"));
}

/* T4 to T6, T9 to T12: tokenizers and templates that are programs. */
static void make_texts(void)
{
    static const struct {
        const char *name, *template;
    } templates[] = {
        {"t-range", "{% for i in range(10**9) %}x{% endfor %}"},
        {"t-nested",
         "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}"},
        {"t-macro", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"},
        {"t-string", "{{ 'a' * 10**9 }}"},
        {"t-double", "{% set ns = namespace(s='aaaaaaaaaaaaaaaa') %}{% for i in range(60) %}{% set "
                     "ns.s = ns.s + ns.s %}"
                     "{% endfor %}{{ ns.s }}"},
        {"t-join", "{{ range(1000000) | join('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') }}"},
        {"t-raise", "{{ raise_exception('no \x1b[31m such\nrole') }}"},
        {"t-syntax", "{% if %}"},
        {"t-open", "{{ messages"},
        {"t-div", "{{ 1 // 0 }}{{ 1 % 0 }}"},
        {"t-include", "{% include '/etc/passwd' %}"},
    };
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++)
        put_model_with(templates[i].name, "chat_template.jinja", templates[i].template,
                       strlen(templates[i].template));
    static char large[300 << 10];
    memset(large, '(', sizeof large);
    large[0] = large[1] = '{';
    put_model_with("t-deep", "chat_template.jinja", large, 100000);
    memset(large, 'x', sizeof large);
    put_model_with("t-large", "chat_template.jinja", large, sizeof large);

    size_t n;
    char *tok = test_read(GOLDEN "/v1-tokens/model/tokenizer.json", &n);
    char *cut = strstr(tok, "\"pre_tokenizer\"");
    if (!cut)
        test_die("tokenizer.json", "no pre_tokenizer");
    static const char *const pre[] = {"{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a+)+$\"},"
                                      "\"behavior\":\"Isolated\",\"invert\":false}",
                                      "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(((((\"},"
                                      "\"behavior\":\"Isolated\",\"invert\":false}",
                                      "{\"type\":\"Nobody\"}", "17"};
    for (size_t i = 0; i < sizeof pre / sizeof *pre; i++) {
        /* the old member stays behind under another name */
        char name[32];
        size_t cap = n + strlen(pre[i]) + 64;
        char *text = malloc(cap);
        int used = snprintf(text, cap, "%.*s\"pre_tokenizer\":%s,\"old_%s", (int)(cut - tok), tok,
                            pre[i], cut + 1);
        snprintf(name, sizeof name, "tok-pre%zu", i);
        put_model_with(name, "tokenizer.json", text, (size_t)used);
        free(text);
    }
    free(tok);
    static char run[200001];
    memset(run, 'a', sizeof run - 1);
    put_text("aaaa.txt", run);
}

static void make_messages(void)
{
    static const struct {
        const char *name, *text;
    } files[] = {
        {"m-empty.json", ""},
        {"m-null.json", "null"},
        {"m-object.json", "{}"},
        {"m-none.json", "[]"},
        {"m-number.json", "[17]"},
        {"m-norole.json", "[{\"content\":\"x\"}]"},
        {"m-role.json", "[{\"role\":7,\"content\":\"x\"}]"},
        {"m-nocontent.json", "[{\"role\":\"user\"}]"},
        {"m-badcontent.json", "[{\"role\":\"user\",\"content\":17}]"},
        {"m-part.json", "[{\"role\":\"user\",\"content\":[{\"type\":\"smell\"}]}]"},
        {"m-partless.json", "[{\"role\":\"user\",\"content\":[{}]}]"},
        {"m-video.json",
         "[{\"role\":\"user\",\"content\":[{\"type\":\"video\",\"path\":\"x.mp4\"}]}]"},
        {"m-nofile.json",
         "[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"path\":\"nowhere.png\"}]}]"},
        {"m-zero.json",
         "[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"path\":\"/dev/zero\"}]}]"},
        {"m-fifo.json",
         "[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"path\":\"fifo\"}]}]"},
        {"m-url.json", "[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"path\":\"http://"
                       "127.0.0.1/x\"}]}]"},
        {"m-twice.json", "[{\"role\":\"user\",\"role\":\"user\",\"content\":\"x\"}]"},
        {"m-behind.json", "[{\"role\":\"user\",\"content\":\"x\"}] x"},
        {"m-utf8.json", "[{\"role\":\"user\",\"content\":\"\xff\"}]"},
        {"m-esc.json",
         "[{\"role\":\"\\u001b[31m\\n\",\"content\":[{\"type\":\"\\u001b]0;x\\u0007\"}]}]"},
        {"m-number2.json", "[{\"role\":\"user\",\"content\":1e999}]"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        put_text(files[i].name, files[i].text);
    static char deep[100001];
    memset(deep, '[', sizeof deep - 1);
    put_text("m-deep.json", deep);
    FILE *f = fopen(path_of("m-many.json"), "w");
    for (int i = 0; i <= (int)VLM_LIMIT_MESSAGES; i++)
        fprintf(f, "%s{\"role\":\"%s\",\"content\":\"\"}", i ? "," : "[",
                i % 2 ? "assistant" : "user");
    fputs("]", f);
    fclose(f);
    f = fopen(path_of("m-images.json"), "w");
    fputs("[{\"role\":\"user\",\"content\":[", f);
    for (int i = 0; i <= (int)VLM_LIMIT_IMAGES; i++)
        fprintf(f, "%s{\"type\":\"image\",\"path\":\"1x1.png\"}", i ? "," : "");
    fputs("]}]", f);
    fclose(f);
    put_text("batch.jsonl", "{\"id\":1,\"prompt\":\"a\"}\nnot "
                            "json\n{\"id\":3,\"images\":[\"nowhere.png\"],\"prompt\":\"a\"}\n"
                            "{\"id\":4,\"prompt\":\"b\"}\n");
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void wrong_usage(void)
{
    static const char *const bad[] = {"",
                                      "fly",
                                      "--frobnicate",
                                      "run --frobnicate",
                                      "run @M -n",
                                      "run @M -n x -p a",
                                      "run @M -n -1 -p a",
                                      "run @M -n 1.5 -p a",
                                      "run @M -n 99999999999999999999 -p a",
                                      "run @M -n '' -p a",
                                      "run @M --temp -1 -p a",
                                      "run @M --temp nan -p a",
                                      "run @M --temp inf -p a",
                                      "run @M --temp 1e400 -p a",
                                      "run @M --temp x -p a",
                                      "run @M --top-p 1.1 -p a",
                                      "run @M --top-p -0.1 -p a",
                                      "run @M --top-k -1 -p a",
                                      "run @M --min-p 2 -p a",
                                      "run @M --min-p nan -p a",
                                      "run @M --repeat-penalty 0 -p a",
                                      "run @M --repeat-penalty -1 -p a",
                                      "run @M --logprobs 21 -p a",
                                      "run @M --logprobs -1 -p a",
                                      "run @M --logprobs 1000000000 -p a",
                                      "run @M --max-tiles 1025 -p a",
                                      "run @M --max-tiles -1 -p a",
                                      "run @M --detail mid -p a",
                                      "run @M --threads 0 -p a",
                                      "run @M --threads 257 -p a",
                                      "run @M --threads -1 -p a",
                                      "run @M --threads x -p a",
                                      "run @M --ctx 1048577 -p a",
                                      "run @M --ctx -1 -p a",
                                      "run @M --chunk 0 -p a",
                                      "run @M --chunk -1 -p a",
                                      "run @M --kv q2 -p a",
                                      "run @M --isa mmx -p a",
                                      "run @M --isa '' -p a",
                                      "run @M --log loud -p a",
                                      "run @M --seed -1 -p a",
                                      "run @M --seed 18446744073709551616 -p a",
                                      "run @M --max-memory -1 -p a",
                                      "run @M --max-memory x -p a",
                                      "run @M --stop '' -p a",
                                      "run @M more arguments -p a",
                                      "run @M -p a --messages x.json",
                                      "tokenize",
                                      "tokenize @M @M",
                                      "render @M",
                                      "trace @M -p a",
                                      "trace @M --out @D/trace",
                                      "tiles",
                                      "inspect",
                                      "make-docs --kind label",
                                      "limits extra",
                                      "version extra",
                                      "run @M --stop a --stop b --stop c --stop d --stop e --stop "
                                      "f --stop g --stop h --stop i --stop j --stop k "
                                      "--stop l --stop m --stop n --stop o --stop p --stop q -p a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check(2, bad[i], NULL);
    char longest[700], stop[VLM_LIMIT_STOP_BYTES + 2];
    memset(stop, 's', sizeof stop);
    stop[VLM_LIMIT_STOP_BYTES + 1] = 0;
    snprintf(longest, sizeof longest, "run @M --stop %s -p a", stop);
    check(2, longest, NULL);
    snprintf(longest, sizeof longest, "run @M -n 1 --stop %s -p a", stop + 1);
    check(0, longest, NULL);
}

static void bad_models(void)
{
    static const struct {
        const char *model, *says;
    } cases[] = {
        {"/nonexistent/model", "/nonexistent/model"},
        {"''", NULL},
        {"@I", NULL},
        {"@D/fifo", NULL},
        {"/dev/zero", NULL},
        {"@D/loop", NULL},
        {"@D/bare", "bare"},
        {"@D/noweights", "no model.safetensors or model.safetensors.index.json"},
        {"@D/cutweights", "model.safetensors"},
        {"@D/halfweights", "model.safetensors"},
        {"@D/emptyweights", "0 bytes, expected a safetensors file"},
        {"@D/textweights", "is it a safetensors file?"},
        {"@D/fifoweights", "FIFO"},
        {"@D/sparseweights", "model.safetensors"},
        {"@D/renamed", "q_proj"},
        {"@D/shardless", "shard model-00002-of-00003.safetensors is missing"},
        {"@D/badindex", "../../etc/passwd"},
        {"@D/noconfig", "config.json"},
        {"@D/emptyconfig", "config.json"},
        {"@D/fifoconfig", "config.json"},
        {"@D/zeroconfig", "config.json"},
        {"@D/loopconfig", "config.json"},
        {"@D/othermodel", "llama"},
        {"@D/notokenizer", "tokenizer.json"},
        {"@D/badtokenizer", "tokenizer.json"},
        {"@D/name\nwith\x1b[31mescape", "config.json"},
        {"@D/tok-pre0", NULL},
        {"@D/tok-pre1", "tokenizer.json"},
        {"@D/tok-pre2", "tokenizer.json"},
        {"@D/tok-pre3", "tokenizer.json"},
    };
    char command[1200];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool may = strstr(cases[i].model, "tok-pre0") != NULL; /* slow, but only on some text */
        snprintf(command, sizeof command, "run %s -n 1 --image @I -p a", cases[i].model);
        if (strcmp(cases[i].model, "@I")) /* there it is a picture for the model inside */
            check(may ? 10 : 1, command, cases[i].says);
        snprintf(command, sizeof command, "inspect %s --json", cases[i].model);
        check(may ? 10 : 1, command, cases[i].says);
    }
    size_t n;
    char *a = test_read(path_of("aaaa.txt"), &n);
    check_input(10, "tokenize @D/tok-pre0", NULL, a, 60000);
    free(a);
    static const char *const templates[] = {
        "t-range",  "t-nested", "t-macro", "t-string",  "t-double", "t-join",  "t-raise",
        "t-syntax", "t-open",   "t-div",   "t-include", "t-deep",   "t-large", "notemplate"};
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        snprintf(command, sizeof command, "run @D/%s -n 1 -p a", templates[i]);
        check(1, command, NULL);
    }
}

static void bad_pictures(void)
{
    static const char *const bad[] = {
        "nowhere.png", "text.jpg", "empty.png",  "cut.png",      "crc.png",  "head.jpg",
        "soi.jpg",     "huge.jpg", "zeros.png",  "toolarge.png", "x.gif",    "x.svg",
        "x.bmp",       "x.pdf",    "x.webp",     "x.tiff",       "elf.png",  "wide.png",
        "side.png",    "bomb.png", "claims.png", "max.png",      "zero.png", "neg.png",
        "noidat.png",  "fifo",     "folder",     "loop"};
    char command[600];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(command, sizeof command, "run @M -n 1 --image @D/%s -p a", bad[i]);
        check(1, command, bad[i]);
        snprintf(command, sizeof command, "tiles @M @D/%s", bad[i]);
        check(1, command, bad[i]);
    }
    check(1, "run @M -n 1 --image /dev/zero -p a", "/dev/zero");
    check(1, "run @M -n 1 --image http://127.0.0.1/x.png -p a", NULL);
    check_input(1, "run @M -n 1 --image - -p a", NULL, "garbage", 7);
    check(10, "run @M -n 1 --image @D/cut.jpg -p a", NULL); /* the reference reads some of these */
    static const char *const good[] = {"1x1.png", "2x2.png", "1x64.png", "long.png", "tail.png"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(command, sizeof command, "run @M -n 1 --image @D/%s -p a --json", good[i]);
        check(0, command, "\"finish_reason\"");
    }
    size_t n = (size_t)snprintf(command, sizeof command, "run @M -n 1 -p a");
    for (size_t i = 0; i <= VLM_LIMIT_IMAGES; i++)
        n += (size_t)snprintf(command + n, sizeof command - n, " --image @D/1x1.png");
    static struct result r;
    run(&r, command, "", 0);
    if (r.status != 1 && r.status != 2)
        complain(command, &r, "17 pictures");
    check(1, "run @M -n 1 --messages @D/m-images.json", NULL);
    check(10, "run @M -n 1 -p -i", NULL); /* a text that looks like an option */
}

static void bad_requests(void)
{
    static const char *const bad[] = {
        "m-empty", "m-null",       "m-object", "m-none",     "m-number", "m-norole",
        "m-role",  "m-badcontent", "m-part",   "m-partless", "m-video",  "m-nofile",
        "m-zero",  "m-fifo",       "m-url",    "m-twice",    "m-behind", "m-deep",
        "m-many",  "m-utf8",       "m-esc",    "m-number2"};
    char command[600];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(command, sizeof command, "run @M -n 1 --messages @D/%s.json", bad[i]);
        check(1, command, NULL);
        snprintf(command, sizeof command, "render @M --messages @D/%s.json --json", bad[i]);
        check(strstr("m-nofile m-zero m-fifo m-url", bad[i]) ? 10 : 1, command, NULL);
    }
    check(10, "run @M -n 1 --messages @D/m-nocontent.json", NULL);
    check(1, "run @M -n 1 --messages @D/nowhere.json", "nowhere.json");
    check(1, "run @M -n 1 --messages @D/folder", "folder");
    check(1, "run @M -n 1 --messages /dev/zero", NULL);
    check_input(1, "run @M -n 1 --messages -", NULL, "[", 1);

    static const char *const ids[] = {"",      "x",       "[",     "[-1]",      "[99999999999]",
                                      "[1.5]", "[\"1\"]", "[[1]]", "{\"a\":1}", "[1] [2]",
                                      "[1e9]", "[null]"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        check_input(1, "detokenize @M", NULL, ids[i], strlen(ids[i]));
    check_input(0, "detokenize @M", NULL, "[]", 2);
    check_input(0, "tokenize @M", "[", "\xff\xc0\xaf\xed\xa0\x80\0\xf4\x90\x80\x80", 11);
    check_input(0, "tokenize @M", "[]", "", 0);
    check_input(1, "tokenize @M --jsonl", NULL, "17\n", 3);
    check_input(1, "tokenize @M --jsonl", NULL, "\"a\n", 3);
    check_input(1, "detokenize @M --jsonl", NULL, "\"a\"\n", 4);
    size_t n;
    char *a = test_read(path_of("aaaa.txt"), &n);
    check_input(0, "tokenize @M", "[", a, n);
    free(a);

    check(1, "trace @M --ids 999999999 --out @D/trace", NULL);
    static struct result r;
    run(&r, "trace @M --ids 1,x --out @D/trace", "", 0);
    if (r.status != 1 && r.status != 2)
        complain("trace --ids 1,x", &r, "ids that are none");
    check(1, "trace @M --ids 1,2 --out @D/text.jpg", "text.jpg");
    check(1, "trace @M --ids 1,2 --out /proc/nowhere", "/proc/nowhere");
    check(1, "run @M -n 1 -p a --ctx 2", NULL);
    check(1, "run @M -n 1 -p a --ctx 1048576",
          NULL); /* a limit of the program, too large for the model */
    check(1, "run @M -n 1 --image @I -p a --max-memory 1000", "memory");
    check(1, "batch @M @D/nowhere.jsonl", "nowhere.jsonl");
    run(&r, "batch @M @D/batch.jsonl -n 1", "", 0);
    int errors = 0;
    for (const char *p = r.out; (p = strstr(p, "\"error\"")); p++)
        errors++;
    if (r.status != 1 || lines(r.out) != 4 || errors != 2)
        complain("batch", &r, "expected four lines, two of them errors, and status 1");
    check(0, "limits --json", "\"");
    check(0, "version --json", "\"version\"");
    check(0, "--help", "usage");
    check(0, "run --help", NULL);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    command_begin(argv[1]);
    make_pictures();
    make_models();
    make_texts();
    make_messages();
    wrong_usage();
    bad_models();
    bad_pictures();
    bad_requests();
    return command_end();
}
