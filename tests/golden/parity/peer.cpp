// peer.cpp: what parity.py asks of llama.cpp, with its public header only.  Built outside the tree
// against a copy of llama.cpp that is no part of this project (README.md).
//
//   peer logits MODEL PROMPTS ROWS THREADS   logits of the first ROWS ids of every prompt, to stdout
//   peer bench MODEL THREADS PROMPT GEN      tokens a second: reading PROMPT ids, then generating GEN
//                                            (one thread: a second of the processor)
//   peer quantize IN OUT TYPE                TYPE: a llama_ftype number (Q4_0 2, Q8_0 7, Q4_K_M 15)
//
// PROMPTS: texts between form feeds.  For each: n, n ids; rows, vocabulary, rows * vocabulary floats.
#include "llama.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

static void put(const void *p, size_t n)
{
    if (fwrite(p, 1, n, stdout) != n)
        exit(1);
}

static std::vector<std::string> prompts_of(const char *path)
{
    std::ifstream f(path, std::ios::binary);
    std::string all((std::istreambuf_iterator<char>(f)), std::istreambuf_iterator<char>());
    std::vector<std::string> out;
    size_t at = 0, end;
    while ((end = all.find('\f', at)) != std::string::npos) {
        out.push_back(all.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

static int logits(const char *model_path, const char *prompts, int max_rows, int threads)
{
    llama_model_params mp = llama_model_default_params();
    mp.n_gpu_layers = 0;
    llama_model *model = llama_model_load_from_file(model_path, mp);
    if (!model)
        return 1;
    const llama_vocab *vocab = llama_model_get_vocab(model);
    int32_t n_vocab = llama_vocab_n_tokens(vocab);
    llama_context_params cp = llama_context_default_params();
    cp.n_ctx = cp.n_batch = cp.n_ubatch = 512;
    cp.n_threads = cp.n_threads_batch = threads;
    // as exact as it can: the cache in F32, no flash attention, on the processor
    cp.type_k = cp.type_v = GGML_TYPE_F32;
    cp.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    cp.offload_kqv = false;
    llama_context *ctx = llama_init_from_model(model, cp);
    if (!ctx)
        return 1;
    for (const std::string &text : prompts_of(prompts)) {
        std::vector<llama_token> ids(text.size() + 8);
        int32_t n = llama_tokenize(vocab, text.data(), (int32_t)text.size(), ids.data(),
                                   (int32_t)ids.size(), false, true);
        if (n < 0)
            return 1;
        int32_t rows = n < max_rows ? n : max_rows;
        put(&n, 4);
        put(ids.data(), 4 * (size_t)n);
        put(&rows, 4);
        put(&n_vocab, 4);
        llama_batch batch = llama_batch_init(rows, 0, 1);
        for (int32_t i = 0; i < rows; i++) {
            batch.token[i] = ids[(size_t)i];
            batch.pos[i] = i;
            batch.n_seq_id[i] = 1;
            batch.seq_id[i][0] = 0;
            batch.logits[i] = 1;
        }
        batch.n_tokens = rows;
        llama_memory_clear(llama_get_memory(ctx), true);
        if (llama_decode(ctx, batch) != 0)
            return 1;
        for (int32_t i = 0; i < rows; i++)
            put(llama_get_logits_ith(ctx, i), 4 * (size_t)n_vocab);
        llama_batch_free(batch);
    }
    return fflush(stdout) != 0;
}

// one thread: of the processor, which neighbours do not change; else of the clock
static double seconds(int threads)
{
    if (threads == 1)
        return (double)clock() / CLOCKS_PER_SEC;
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// n ids spread over the vocabulary, behind what is there
static bool decode(llama_context *ctx, std::vector<llama_token> &ids, bool one_by_one)
{
    size_t step = one_by_one ? 1 : 512;
    for (size_t at = 0; at < ids.size(); at += step) {
        size_t n = std::min(step, ids.size() - at);
        if (llama_decode(ctx, llama_batch_get_one(ids.data() + at, (int32_t)n)) != 0)
            return false;
    }
    llama_synchronize(ctx);
    return true;
}

static std::vector<llama_token> draw(int n, int32_t n_vocab)
{
    std::vector<llama_token> ids;
    for (int i = 0; i < n; i++)
        ids.push_back((llama_token)((unsigned)rand() % (unsigned)(n_vocab - 200)));
    return ids;
}

// as its own benchmark measures: the cache in F16, flash attention as it decides; once to warm up
static int bench(const char *path, int threads, int n_prompt, int n_gen)
{
    llama_model_params mp = llama_model_default_params();
    mp.n_gpu_layers = 0;
    llama_model *model = llama_model_load_from_file(path, mp);
    if (!model)
        return 1;
    int32_t n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
    llama_context_params cp = llama_context_default_params();
    cp.n_ctx = (uint32_t)(n_prompt + n_gen + 64);
    cp.n_batch = cp.n_ubatch = 512;
    cp.n_threads = cp.n_threads_batch = threads;
    llama_context *ctx = llama_init_from_model(model, cp);
    if (!ctx)
        return 1;
    double rate[2] = {0, 0};
    for (int rep = 0; rep < 2; rep++) {
        std::vector<llama_token> prompt = draw(n_prompt, n_vocab), answer = draw(n_gen, n_vocab),
                                 first = draw(16, n_vocab);
        llama_memory_clear(llama_get_memory(ctx), true);
        double start = seconds(threads);
        if (!decode(ctx, prompt, false))
            return 1;
        rate[0] = n_prompt / (seconds(threads) - start);
        llama_memory_clear(llama_get_memory(ctx), true);
        if (!decode(ctx, first, false))
            return 1;
        start = seconds(threads);
        if (!decode(ctx, answer, true))
            return 1;
        rate[1] = n_gen / (seconds(threads) - start);
    }
    printf("%.3f %.3f\n", rate[0], rate[1]);
    return 0;
}

int main(int argc, char **argv)
{
    std::string what = argc > 1 ? argv[1] : "";
    // the prebuilt packages load the processor's own library from the folder PEER_LIBS
    if (const char *libs = getenv("PEER_LIBS"))
        ggml_backend_load_all_from_path(libs);
    llama_backend_init();
    llama_log_set([](ggml_log_level level, const char *text, void *) {
        if (level >= GGML_LOG_LEVEL_WARN && level != GGML_LOG_LEVEL_CONT)
            fputs(text, stderr);
    }, nullptr);
    if (what == "logits" && argc == 6)
        return logits(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
    if (what == "bench" && argc == 6)
        return bench(argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
    if (what == "quantize" && argc == 5) {
        llama_model_quantize_params qp = llama_model_quantize_default_params();
        qp.nthread = 1;
        qp.ftype = (llama_ftype)atoi(argv[4]);
        return (int)llama_model_quantize(argv[2], argv[3], &qp);
    }
    fprintf(stderr, "usage: peer logits MODEL PROMPTS ROWS THREADS | peer quantize IN OUT TYPE |\n"
                    "       peer bench MODEL THREADS PROMPT GEN\n");
    return 2;
}
