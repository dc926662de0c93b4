/* abuse_changed.c VLM: model files that change while the command generates (group M28), and a full
 * disk.
 *
 * Cut short: one line and status 1, or, when what was cut is not needed, the same answer.  Deleted
 * or replaced by a rename: the same answer.  Written over: no signal, and at most one line. */
#include <errno.h>

#include "command.h"
#include "gguf_model.h"

static char target[1200], other[1200]; /* the weights that change; the file that replaces them */
static size_t n_target;

static void cut(size_t n)
{
    if (truncate(target, (off_t)n) != 0)
        test_die(target, strerror(errno));
}

static void cut_to_nothing(void)
{
    cut(0);
}

static void cut_in_half(void)
{
    cut(n_target / 2);
}

static void cut_a_page(void)
{
    cut(n_target - 4096);
}

static void delete_it(void)
{
    unlink(target);
}

static void rename_over(void)
{
    if (rename(other, target) != 0)
        test_die(target, strerror(errno));
}

static void write_over(int byte)
{
    char block[4096];
    memset(block, byte, sizeof block);
    int fd = open(target, O_WRONLY);
    for (size_t at = 0; at < n_target; at += sizeof block)
        if (pwrite(fd, block, sizeof block, (off_t)at) < 0)
            test_die(target, strerror(errno));
    close(fd);
}

static void write_zeros(void)
{
    write_over(0);
}

static void write_nans(void)
{
    write_over(0xff);
}

enum { NEEDED, PERHAPS, SAME, ANY }; /* how it must go on */

static const struct change {
    const char *name;
    void (*make)(void);
    int outcome;
} changes[] = {
    {"cut to nothing", cut_to_nothing, NEEDED},
    {"cut in half", cut_in_half, PERHAPS},
    {"cut by a page", cut_a_page, PERHAPS},
    {"deleted", delete_it, SAME},
    {"replaced", rename_over, SAME},
    {"written over with zeros", write_zeros, ANY},
    {"written over with NaN", write_nans, ANY},
};

static const char *judge(const struct result *r, const struct result *undisturbed, int outcome)
{
    bool same = r->status == 0 && r->n_err == 0 && !strcmp(r->out, undisturbed->out);
    bool one_line = r->status == 1 && lines(r->err) == 1 && !strncmp(r->err, "vlm: ", 5);
    if (outcome == NEEDED)
        return one_line ? NULL : "expected status 1 and one line";
    if (outcome == SAME)
        return same ? NULL : "expected the answer of the undisturbed run";
    if (outcome == PERHAPS)
        return same || one_line ? NULL : "expected the same answer, or status 1 and one line";
    return one_line || (r->status == 0 && r->n_err == 0) ? NULL : "expected no signal";
}

/* One change to the weights of a model, met while it generates.  Some answers are too short to be
 * met: other seeds are tried. */
static void try_change(const char *path, const void *weights, size_t n, const struct change *c)
{
    static struct result undisturbed, r;
    char command[1400];
    bool met = false;
    n_target = n;
    for (int seed = 0; seed < 30 && !met; seed++) {
        snprintf(command, sizeof command, "run %s -n 180 --temp 2 --seed %d -p hello", path, seed);
        put(strrchr(target, '/') + 1, weights, n); /* made anew in the folder, then moved in */
        if (rename(path_of(strrchr(target, '/') + 1), target) != 0)
            test_die(target, strerror(errno));
        run(&undisturbed, command, "", 0);
        put("other", weights, n / 3);
        on_first_byte = c->make;
        run(&r, command, "", 0);
        met = !on_first_byte && (r.status != 0 || c->outcome != NEEDED);
        on_first_byte = NULL;
    }
    const char *why = met ? judge(&r, &undisturbed, c->outcome) : "30 answers went on as before";
    if (why) {
        printf("%s: ", c->name);
        complain(command, &r, why);
    }
}

static void change_weights(const char *path, const char *file, const void *weights, size_t n)
{
    snprintf(target, sizeof target, "%s", file);
    snprintf(other, sizeof other, "%s", path_of("other"));
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        try_change(path, weights, n, &changes[i]);
}

static void full_disk(void)
{
    char *argv[] = {(char *)(uintptr_t)vlm, "limits", NULL};
    int err[2];
    if (pipe(err))
        test_die("pipe", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        dup2(open("/dev/full", O_WRONLY), 1);
        dup2(err[1], 2);
        execv(vlm, argv);
        _exit(127);
    }
    close(err[1]);
    char text[512] = "";
    ssize_t got = read(err[0], text, sizeof text - 1);
    close(err[0]);
    int status;
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 1 || got <= 0 || strncmp(text, "vlm: ", 5)) {
        printf("FAILED: vlm limits to a full disk: status %d, %s\n", status, text);
        n_bad++;
    }
    n_run += 1;
}

int main(int argc, char **argv)
{
    static uint8_t gguf[1 << 20];
    size_t n;
    if (argc < 2)
        return 2;
    command_begin(argv[1]);
    char *weights = test_read(GOLDEN "/v1-tokens/model/model.safetensors", &n);
    char file[1100], folder[1100];
    put_model_with("hf", "model.safetensors", weights, n);
    snprintf(file, sizeof file, "%s", path_of("hf/model.safetensors"));
    snprintf(folder, sizeof folder, "%s", path_of("hf"));
    change_weights(folder, file, weights, n);
    free(weights);
    mkdir(path_of("gguf"), 0700);
    n = gguf_model(gguf, sizeof gguf, false, NULL, 0);
    snprintf(file, sizeof file, "%s", path_of("gguf/m.gguf"));
    change_weights(file, file, gguf, n);
    full_disk();
    return command_end();
}
