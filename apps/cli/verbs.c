/* verbs.c: the verbs of this build and what --help says about them. */
#include <stddef.h>

#include "cmd.h"

static const char run_notes[] =
    "MODEL is a directory in Hugging Face layout or a GGUF file; omitted or `pocket`, the model\n"
    "inside this program.  A bare argument that is a directory is the MODEL, a picture, clip or "
    "PDF\n"
    "is an --image, --video or --pdf, another text is the prompt (or the MODEL, when -p or "
    "--messages\n"
    "is given).  Files come before the text, in the order given; --pages and --dpi, --fps and\n"
    "--max-frames belong to the file before them, or to all when they come first.\n"
    "A message's content is a text or a list of {\"type\":\"text\",\"text\"}, "
    "{\"type\":\"image\",\"path\"},\n"
    "{\"type\":\"video\",\"path\",\"fps\",\"max_frames\"}, "
    "{\"type\":\"pdf\",\"path\",\"pages\",\"dpi\"}; paths are\n"
    "looked up beside the messages file, then in the current directory.\n"
    "Ctrl-C ends the answer; again, the program.\n";
static const char chat_notes[] =
    "A line is a message; \"\"\" begins one of several lines and ends it.  A line that begins with "
    "/ is a\n"
    "command, and // a message that begins with /:\n"
    "  /image FILE, /video FILE, /pdf FILE [PAGES]   a file of the next message\n"
    "  /system TEXT   the system message, now and after /reset\n"
    "  /reset         forget the conversation\n"
    "  /save F.json, /load F.json   the conversation as a messages file, for run --messages, too\n"
    "  /seed S, /temp T   as the options of these names\n"
    "  /stats, /help, /quit\n"
    "Ctrl-C ends the answer, which stays in the conversation as far as it went; Ctrl-D quits.\n"
    "MODEL is as in run; what else stands on the command line is a file of the first message.\n"
    "Without a terminal there are no prompts and no banner: a line in, an answer out (with --json "
    "an\n"
    "object as that of run), and the exit status is 1 if a line failed.\n"
    "Lines typed are remembered while the program runs; --history keeps them in\n"
    "$XDG_STATE_HOME/vlm/history (~/.local/state/vlm/history), readable by you alone.\n";
static const char batch_notes[] =
    "A line is {\"id\":..., \"images\":[\"a.png\"], \"prompt\":\"...\"} or {\"id\":..., "
    "\"messages\":[...]}, with\n"
    "paths relative to IN.jsonl.  An entry of images may be a PDF (\"pages\" beside it) or a clip, "
    "or a\n"
    "part as in messages.  A line may name options for itself, as \"max_tokens\", \"temperature\", "
    "\"seed\",\n"
    "\"stop\", \"choices\", \"regex\" or \"json_schema\" (the schema itself, or its file).  Each "
    "line "
    "becomes one\n"
    "object of `run --json` with the same id; one that fails becomes {\"id\":..., "
    "\"error\":\"...\"}, the others\n"
    "go on, and the exit status is 1.  What was seen in a line before is not looked at again.\n";
static const char score_notes[] =
    "A line is a request as in batch with \"answers\":[\" Yes\",\" No\"] or one \"answer\".  Each "
    "becomes\n"
    "{\"id\",\"scores\":[{\"answer\",\"logprob\",\"tokens\",\"token_logprobs\"}],\"best\"}: "
    "natural "
    "logarithms, summed\n"
    "over the answer's tokens, its end not counted.  An answer is taken as it stands: where "
    "replies "
    "begin\n"
    "with a space, as SmolVLM2's do, write it.\n";
static const char embed_notes[] =
    "A line is a request as in batch.  Each becomes {\"id\",\"embedding\":[...]}: the decoder's "
    "last "
    "layer\n"
    "behind its norm, the mean of all positions or the last, scaled to length 1.\n";
static const char render_notes[] =
    "Prints the prompt text as the model's template gives it; with --json also the ids, pictures\n"
    "expanded.  --jsonl prints such an object for each line of its file, which may have tools of "
    "its\n"
    "own.  Members of messages that only the template knows (tool_calls, name) are handed on.\n";
static const char trace_notes[] =
    "Writes prompt_ids, pixels, vision.embed, vision.00 ..., vision.out, connector, text.embed, "
    "text.00 ...,\n"
    "text.norm, logits and, with -n, generated_ids as DIR/NAME.npy.  With --compare prints a "
    "table, and\n"
    "where the first difference begins; the exit status is 1 if there is one.\n";
static const char tiles_notes[] =
    "FILE is a picture, a PDF, a clip or a directory of frames; or name them with --image, --pdf\n"
    "and --video.  --out writes each tile as a PNG file.\n";
static const char bench_notes[] =
    "Without --prompt, --gen, --sessions, --depth or --image: the usual ones, in some minutes "
    "whatever\n"
    "the model: slow ones are repeated less often, or left out with the reason.  Work and limits "
    "are\n"
    "timed in turn; medians count.  A fraction is the time at the limits (operations over their "
    "peak, or\n"
    "bytes over the rate of reading, whichever is longer) over the time taken; when generating, "
    "bytes\n"
    "alone: weights, keys and values.  tile: one frame through the tower; picture, page: to the "
    "first\n"
    "token; memory: the most until then, beside files, keys and values.  --json prints a list; its "
    "last\n"
    "object names the machine.\n";
static const char docs_notes[] =
    "Writes OUTDIR/KIND-SEED.png, OUTDIR/truth.jsonl: for each question a line in the form batch "
    "reads,\n"
    "with the answer beside it, and OUTDIR/pages.jsonl: for each picture its text, lines with "
    "boxes and fields.\n"
    "Kinds: label, tag, text, receipt, invoice, form, card, list, table, shipping, ticket, "
    "paragraph, blank.\n"
    "The same kind, seed, strength, fonts and FreeType give the same bytes.\n";

static const char quantize_notes[] =
    "IN is a directory or a GGUF file; OUT becomes a GGUF file with the text model, and "
    "mmproj-OUT\n"
    "beside it one with the vision tower, as llama.cpp reads them.  Types: f32, f16, bf16, q8_0, "
    "q6_k,\n"
    "q5_k, q5_1, q5_0, q4_k, q4_1, q4_0, iq4_nl, q3_k, q2_k: all matrices, the head at least "
    "q6_k;\n"
    "q5_k_m, q4_k_m, q4_k_s, q3_k_m (not for the tower): more bits where llama.cpp gives them.  "
    "Rows\n"
    "that do not divide into blocks get the nearest type that fits.  Prints type, bytes and error "
    "of\n"
    "every tensor: the root of the squared differences over the squares.\n";

const struct cli_verb cli_verbs[] = {
    {"run", V_RUN, 0, CLI_LIST_MAX, "[MODEL] [FILE]... [PROMPT] [options]",
     "answer a question about pictures, pages and clips", run_notes,
     "  vlm run receipt.jpg \"What is the total?\"\n"
     "  vlm run SmolVLM2-2.2B-Instruct --image a.png --image b.png -p \"What changed?\" -n 100\n"
     "  vlm run --pdf report.pdf --pages 1-3,7 -p \"Who signed?\" --image signature.png\n"
     "  vlm run MODEL clip.mp4 --fps 0.5 --max-frames 20 \"What happens?\"\n"
     "  vlm run --messages conversation.json --json\n"
     "  cat photo.jpg | vlm run --image - -p \"Describe this.\" --temp 0.7 --top-p 0.9 --seed 7\n",
     cli_cmd_run},
    {"chat", V_CHAT, 0, CLI_LIST_MAX, "[MODEL] [FILE]... [options]",
     "a conversation about pictures, pages and clips", chat_notes,
     "  vlm chat\n"
     "  vlm chat SmolVLM2-500M-Video-Instruct receipt.jpg --system \"Answer briefly.\" --verbose\n"
     "  printf '/image a.png\\nWhat is this?\\nWhat colour is it?\\n' | vlm chat MODEL\n",
     cli_cmd_chat},
    {"batch", V_BATCH, 1, 2, "[MODEL] IN.jsonl [options]", "answer many requests, one a line",
     batch_notes,
     "  vlm batch questions.jsonl -o answers.jsonl\n"
     "  vlm batch MODEL questions.jsonl --parallel 4 --temp 0.7 --choices 3 -o answers.jsonl\n"
     "  vlm batch SmolVLM2-500M-Video-Instruct - < questions.jsonl | head -1\n",
     cli_cmd_batch},
    {"score", V_SCORE, 1, 2, "[MODEL] IN.jsonl [options]", "how likely given answers are",
     score_notes,
     "  vlm score questions.jsonl -o scores.jsonl\n"
     "  echo '{\"id\":1,\"images\":[\"a.png\"],\"prompt\":\"Is it signed?\",\"answers\":[\" "
     "Yes\",\" No\"]}'"
     " | vlm score -\n",
     cli_cmd_score},
    {"embed", V_EMBED, 1, 2, "[MODEL] IN.jsonl [options]", "texts and pictures as vectors",
     embed_notes,
     "  vlm embed SmolVLM2-500M-Video-Instruct pages.jsonl --pooling mean -o vectors.jsonl\n",
     cli_cmd_score},
    {"tokenize", V_TOKENIZE, 1, 1, "MODEL [options]", "text on standard input to token ids",
     "No bos is added.  Text never yields control tokens unless --special is given.\n",
     "  echo -n \"Hello there\" | vlm tokenize pocket\n"
     "  vlm tokenize SmolVLM2-256M-Video-Instruct --jsonl < strings.jsonl\n",
     cli_cmd_tokenize},
    {"detokenize", V_DETOKENIZE, 1, 1, "MODEL [options]", "token ids on standard input to text",
     NULL,
     "  echo \"[19556, 665]\" | vlm detokenize SmolVLM2-256M-Video-Instruct\n"
     "  vlm detokenize pocket --jsonl < ids.jsonl\n",
     cli_cmd_detokenize},
    {"render", V_RENDER, 1, 1, "MODEL (--messages F.json | --jsonl F.jsonl) [options]",
     "the prompt that a conversation becomes", render_notes,
     "  vlm render pocket --messages conversation.json\n"
     "  vlm render SmolVLM2-500M-Video-Instruct --messages conversation.json --json\n"
     "  vlm render MODEL --jsonl conversations.jsonl --tools tools.json\n",
     cli_cmd_render},
    {"trace", V_TRACE, 0, CLI_LIST_MAX,
     "MODEL [FILE]... (PROMPT | --messages F | --ids LIST) --out DIR [options]",
     "every intermediate of a forward pass, as .npy files", trace_notes,
     "  vlm trace pocket label.png \"What is the price?\" --out ours\n"
     "  vlm trace SmolVLM2-500M-Video-Instruct --image a.png -p \"Hi\" --out ours --compare "
     "reference\n"
     "  vlm trace pocket --ids 1,2,3 -n 8 --out ours --only logits --only generated_ids\n",
     cli_cmd_trace},
    {"tiles", V_TILES, 0, 2, "[MODEL] FILE [options]",
     "what the model sees of a picture, a PDF or a video", tiles_notes,
     "  vlm tiles receipt.jpg\n"
     "  vlm tiles SmolVLM2-2.2B-Instruct receipt.jpg --out tiles --max-tiles 6\n"
     "  vlm tiles SmolVLM2-2.2B-Instruct report.pdf --pages 2-3 --json\n"
     "  vlm tiles SmolVLM2-500M-Video-Instruct clip.mp4 --max-frames 8 --out frames\n",
     cli_cmd_tiles},
    {"inspect", V_INSPECT, 1, 1, "MODEL [options]", "what a model is made of", NULL,
     "  vlm inspect SmolVLM2-256M-Video-Instruct --tensors\n"
     "  vlm inspect pocket --json\n",
     cli_cmd_inspect},
    {"plan", V_PLAN, 1, 1, "MODEL [options]", "the memory a session would take", NULL,
     "  vlm plan SmolVLM2-2.2B-Instruct --ctx 4096 --kv f16\n"
     "  vlm plan SmolVLM2-500M-Video-Instruct --image 1536x2048 --image 800x600\n",
     cli_cmd_plan},
    {"bench", V_BENCH, 0, 1, "[MODEL] [options]",
     "this machine's limits, and the fractions reached", bench_notes,
     "  vlm bench\n"
     "  vlm bench SmolVLM2-500M-Video-Instruct --threads 2 --reps 9 --json\n"
     "  vlm bench MODEL --prompt 512 --gen 64 --depth 0 --depth 4096 --kv f16\n"
     "  vlm bench 500m-q8_0.gguf --against 500m-f16.gguf --gen 64\n"
     "  vlm bench MODEL --against-isa scalar --prompt 64\n",
     cli_cmd_bench},
    {"quantize", V_QUANTIZE, 2, 2, "IN OUT --type T [options]", "a model as GGUF files of any type",
     quantize_notes,
     "  vlm quantize SmolVLM2-500M-Video-Instruct 500m-q8_0.gguf --type q8_0\n"
     "  vlm quantize SmolVLM2-2.2B-Instruct out/2.2b.gguf --type q4_k_m --vision-type q8_0\n"
     "  vlm quantize 500m-f16.gguf 500m-q4_k_m.gguf --type q4_k_m --importance imatrix.gguf "
     "--json\n"
     "  vlm run out/2.2b.gguf page.png \"What is the total?\"\n",
     cli_cmd_quantize},
    {"make-docs", V_MAKE_DOCS, 1, 1, "--kind KIND --seed S --count N [--strength X] OUTDIR",
     "draw documents whose content is known", docs_notes,
     "  vlm make-docs --kind label --seed 7 --count 3 docs\n"
     "  vlm batch docs/truth.jsonl -n 24\n",
     cli_cmd_make_docs},
    {"show", V_SHOW, 1, 1, "FILE [options]", "draw a picture in the terminal", NULL,
     "  vlm show label.png --width 60\n", cli_cmd_show},
    {"limits", V_LIMITS, 0, 0, "[options]", "every limit the program enforces", NULL,
     "  vlm limits --json\n", cli_cmd_limits},
    {"version", V_VERSION, 0, 0, "[options]", "version, commit, compiler, kernels, libraries", NULL,
     "  vlm version --json\n", cli_cmd_version},
    {"completion", V_COMPLETION, 1, 1, "SHELL",
     "completion of verbs, options and files for a shell",
     "SHELL is bash, zsh or fish.  `make install` puts the scripts where the shells look.\n",
     "  vlm completion bash > ~/.local/share/bash-completion/completions/vlm\n"
     "  source <(vlm completion bash)\n"
     "  vlm completion zsh > ~/.zfunc/_vlm\n"
     "  vlm completion fish > ~/.config/fish/completions/vlm.fish\n",
     cli_cmd_completion},
    {"man", V_MAN, 0, 1, "[VERB] [options]", "the manual page of the program or of a verb",
     "Prints the page's source; --out writes those of all verbs.  `make install` installs them.\n",
     "  vlm man run | man -l -\n"
     "  vlm man --out man1\n",
     cli_cmd_man},
    {"help", V_HELP, 0, 1, "[VERB]", "this list, or the help of one verb", NULL, "  vlm help run\n",
     cli_cmd_help},
    {0}};
