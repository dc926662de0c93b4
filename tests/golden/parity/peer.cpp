// peer.cpp: what parity.py asks of llama.cpp, with its public header only.  Built outside the tree
// against a copy of llama.cpp that is no part of this project (README.md).
//
//   peer logits MODEL PROMPTS ROWS THREADS   logits of the first ROWS ids of every prompt, to stdout
//   peer quantize IN OUT TYPE                TYPE: a llama_ftype number (Q4_0 2, Q8_0 7, Q4_K_M 15)
//
// PROMPTS: texts between form feeds.  For each: n, n ids; rows, vocabulary, rows * vocabulary floats.
#include "llama.h"

#include <cstdio>
#include <cstdlib>
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
    if (what == "quantize" && argc == 5) {
        llama_model_quantize_params qp = llama_model_quantize_default_params();
        qp.nthread = 1;
        qp.ftype = (llama_ftype)atoi(argv[4]);
        return (int)llama_model_quantize(argv[2], argv[3], &qp);
    }
    fprintf(stderr, "usage: peer logits MODEL PROMPTS ROWS THREADS | peer quantize IN OUT TYPE\n");
    return 2;
}
