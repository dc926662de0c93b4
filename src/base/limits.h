/* limits.h: every limit the library enforces, once.  VLM_LIMIT_X names it, vlm limits prints it,
 * and tests/abuse tries each at the limit and one above. */
#ifndef VLM_BASE_LIMITS_H
#define VLM_BASE_LIMITS_H

#include <stdint.h>

#define VLM_LIMIT_TENSORS UINT64_C(65536)
#define VLM_LIMIT_TENSOR_DIMS UINT64_C(4)
#define VLM_LIMIT_TENSOR_DIM UINT64_C(2147483647)
#define VLM_LIMIT_TENSOR_ELEMENTS UINT64_C(281474976710655)
#define VLM_LIMIT_TENSOR_NAME_BYTES UINT64_C(1024)
#define VLM_LIMIT_SAFETENSORS_HEADER_BYTES UINT64_C(100000000)
#define VLM_LIMIT_SHARDS UINT64_C(1024)
#define VLM_LIMIT_GGUF_HEADER_BYTES UINT64_C(100000000)
#define VLM_LIMIT_GGUF_PAIRS UINT64_C(65536)
#define VLM_LIMIT_GGUF_KEY_BYTES UINT64_C(65535)
#define VLM_LIMIT_GGUF_NAME_BYTES UINT64_C(64)
#define VLM_LIMIT_GGUF_STRING_BYTES UINT64_C(16777216)
#define VLM_LIMIT_GGUF_STRINGS UINT64_C(8388608)
#define VLM_LIMIT_GGUF_ALIGNMENT UINT64_C(65536)
#define VLM_LIMIT_CONFIG_BYTES UINT64_C(4194304)
#define VLM_LIMIT_TOKENIZER_BYTES UINT64_C(67108864)
#define VLM_LIMIT_JSON_DEPTH UINT64_C(64)
#define VLM_LIMIT_JSON_STRING_BYTES UINT64_C(33554432)
#define VLM_LIMIT_JSON_MEMBERS UINT64_C(100000)
#define VLM_LIMIT_LAYERS UINT64_C(512)
#define VLM_LIMIT_HEADS UINT64_C(1024)
#define VLM_LIMIT_HEAD_DIM UINT64_C(1024)
#define VLM_LIMIT_HIDDEN UINT64_C(131072)
#define VLM_LIMIT_FFN UINT64_C(1048576)
#define VLM_LIMIT_VOCAB UINT64_C(1048576)
#define VLM_LIMIT_MERGES UINT64_C(4194304)
#define VLM_LIMIT_ADDED_TOKENS UINT64_C(65536)
#define VLM_LIMIT_TOKEN_BYTES UINT64_C(65536)
#define VLM_LIMIT_CONTEXT UINT64_C(1048576)
#define VLM_LIMIT_TEXT_BYTES UINT64_C(67108864)
#define VLM_LIMIT_TEMPLATE_BYTES UINT64_C(262144)
#define VLM_LIMIT_TEMPLATE_STEPS UINT64_C(1000000)
#define VLM_LIMIT_TEMPLATE_OUTPUT_BYTES UINT64_C(8388608)
#define VLM_LIMIT_TEMPLATE_DEPTH UINT64_C(64)
#define VLM_LIMIT_REGEX_BYTES UINT64_C(4096)
#define VLM_LIMIT_REGEX_MATCHES UINT64_C(1000000)
#define VLM_LIMIT_SCHEMA_BYTES UINT64_C(1048576)
#define VLM_LIMIT_GRAMMAR_NODES UINT64_C(100000)
#define VLM_LIMIT_GRAMMAR_RULES UINT64_C(4096)
#define VLM_LIMIT_GRAMMAR_DEPTH UINT64_C(64)
#define VLM_LIMIT_GRAMMAR_REPEATS UINT64_C(4096)
#define VLM_LIMIT_GRAMMAR_PROPERTIES UINT64_C(512)
#define VLM_LIMIT_GRAMMAR_STEPS UINT64_C(1000000)
#define VLM_LIMIT_MESSAGES UINT64_C(1024)
#define VLM_LIMIT_PARTS UINT64_C(4096)
#define VLM_LIMIT_IMAGES UINT64_C(16)
#define VLM_LIMIT_PICTURES UINT64_C(4096)
#define VLM_LIMIT_IMAGE_FILE_BYTES UINT64_C(33554432)
#define VLM_LIMIT_IMAGE_SIDE UINT64_C(16384)
#define VLM_LIMIT_IMAGE_PIXELS UINT64_C(67108864)
#define VLM_LIMIT_IMAGE_SCANS UINT64_C(256)
#define VLM_LIMIT_IMAGE_SCAN_PIXELS UINT64_C(1073741824)
#define VLM_LIMIT_VIDEO_FRAMES UINT64_C(256)
#define VLM_LIMIT_VIDEO_SECONDS UINT64_C(600)
#define VLM_LIMIT_VIDEO_STREAMS UINT64_C(64)
#define VLM_LIMIT_PDF_PAGES UINT64_C(2000)
#define VLM_LIMIT_PDF_PIXELS UINT64_C(25000000)
#define VLM_LIMIT_CHILD_BYTES UINT64_C(1073741824)
#define VLM_LIMIT_CHILD_CPU_SECONDS UINT64_C(20)
#define VLM_LIMIT_CHILD_SECONDS UINT64_C(60)
#define VLM_LIMIT_VIDEO_CHILD_SECONDS UINT64_C(600)
#define VLM_LIMIT_GIF_FRAMES UINT64_C(65536)
#define VLM_LIMIT_GIF_PIXELS UINT64_C(2147483648)
#define VLM_LIMIT_TILE_SIDE UINT64_C(4096)
#define VLM_LIMIT_TILES UINT64_C(1024)
#define VLM_LIMIT_PATCHES UINT64_C(65536)
#define VLM_LIMIT_STOP_STRINGS UINT64_C(16)
#define VLM_LIMIT_STOP_BYTES UINT64_C(256)
#define VLM_LIMIT_LOGIT_BIAS UINT64_C(1024)
#define VLM_LIMIT_LOGPROBS UINT64_C(20)
#define VLM_LIMIT_BATCH UINT64_C(256)
#define VLM_LIMIT_THREADS UINT64_C(256)
#define VLM_LIMIT_SESSION_BYTES UINT64_C(68719476736)

/* X(name, meaning): the same list for printing and testing. */
#define VLM_LIMITS(X)                                                                              \
    X(TENSORS, "tensors in a model")                                                               \
    X(TENSOR_DIMS, "dimensions of a tensor")                                                       \
    X(TENSOR_DIM, "size of one dimension")                                                         \
    X(TENSOR_ELEMENTS, "elements of a tensor (2^48 - 1)")                                          \
    X(TENSOR_NAME_BYTES, "name of a tensor")                                                       \
    X(SAFETENSORS_HEADER_BYTES, "header of a safetensors file")                                    \
    X(SHARDS, "files of one sharded model")                                                        \
    X(GGUF_HEADER_BYTES, "pairs and table of tensors of a GGUF file")                              \
    X(GGUF_PAIRS, "key-value pairs of a GGUF file")                                                \
    X(GGUF_KEY_BYTES, "key of a GGUF file")                                                        \
    X(GGUF_NAME_BYTES, "name of a tensor of a GGUF file")                                          \
    X(GGUF_STRING_BYTES, "one string of a GGUF file")                                              \
    X(GGUF_STRINGS, "strings in all arrays of a GGUF file")                                        \
    X(GGUF_ALIGNMENT, "alignment of a GGUF file")                                                  \
    X(CONFIG_BYTES, "config, processor and template files")                                        \
    X(TOKENIZER_BYTES, "tokenizer.json")                                                           \
    X(JSON_DEPTH, "nesting of JSON")                                                               \
    X(JSON_STRING_BYTES, "one JSON string")                                                        \
    X(JSON_MEMBERS, "members of one JSON object in configs and requests")                          \
    X(LAYERS, "layers of the decoder or the tower")                                                \
    X(HEADS, "attention heads")                                                                    \
    X(HEAD_DIM, "size of one head")                                                                \
    X(HIDDEN, "width of a layer")                                                                  \
    X(FFN, "width of a feed-forward layer")                                                        \
    X(VOCAB, "entries of the vocabulary")                                                          \
    X(MERGES, "merges of a tokenizer")                                                             \
    X(ADDED_TOKENS, "added tokens of a tokenizer")                                                 \
    X(TOKEN_BYTES, "bytes of one token")                                                           \
    X(CONTEXT, "positions of a session")                                                           \
    X(TEXT_BYTES, "text to tokenise in one call")                                                  \
    X(TEMPLATE_BYTES, "source of a chat template")                                                 \
    X(TEMPLATE_STEPS, "steps a template may take")                                                 \
    X(TEMPLATE_OUTPUT_BYTES, "output of a template")                                               \
    X(TEMPLATE_DEPTH, "nesting of a template's statements and expressions")                        \
    X(REGEX_BYTES, "pattern in a tokenizer")                                                       \
    X(REGEX_MATCHES, "match steps of a tokenizer's pattern")                                       \
    X(SCHEMA_BYTES, "JSON schema of a constraint")                                                 \
    X(GRAMMAR_NODES, "nodes of a compiled constraint")                                             \
    X(GRAMMAR_RULES, "rules of a constraint")                                                      \
    X(GRAMMAR_DEPTH, "nesting of a constraint and of the texts it makes")                          \
    X(GRAMMAR_REPEATS, "a counted repetition, length or number of items in a constraint")          \
    X(GRAMMAR_PROPERTIES, "properties of one object of a schema")                                  \
    X(GRAMMAR_STEPS, "comparisons while a schema's choices and joins are compiled")                \
    X(MESSAGES, "messages of a conversation")                                                      \
    X(PARTS, "parts of one message")                                                               \
    X(IMAGES, "pictures and videos of a request, pages of PDF files not counted")                  \
    X(PICTURES, "pictures of a conversation, pages and frames of videos counted")                  \
    X(IMAGE_FILE_BYTES, "picture file")                                                            \
    X(IMAGE_SIDE, "side of a picture in pixels")                                                   \
    X(IMAGE_PIXELS, "pixels of a picture")                                                         \
    X(IMAGE_SCANS, "scans of a progressive JPEG (encoders write about ten)")                       \
    X(IMAGE_SCAN_PIXELS, "scans of a JPEG times its pixels")                                       \
    X(VIDEO_FRAMES, "frames of a clip that the model sees")                                        \
    X(VIDEO_SECONDS, "length of a clip")                                                           \
    X(VIDEO_STREAMS, "video streams of a file")                                                    \
    X(PDF_PAGES, "pages of a PDF")                                                                 \
    X(PDF_PIXELS, "pixels of a drawn page")                                                        \
    X(CHILD_BYTES, "memory of a decoding child")                                                   \
    X(CHILD_CPU_SECONDS, "processor time of a child that decodes a picture or a page")             \
    X(CHILD_SECONDS, "time until such a child must have ended")                                    \
    X(VIDEO_CHILD_SECONDS, "processor time, and time, of a child that decodes a clip")             \
    X(GIF_FRAMES, "frames of an animated GIF")                                                     \
    X(GIF_PIXELS, "pixels of all frames of a GIF")                                                 \
    X(TILE_SIDE, "side of a tile in pixels")                                                       \
    X(TILES, "tiles of one picture")                                                               \
    X(PATCHES, "patches of a tile")                                                                \
    X(STOP_STRINGS, "stop strings")                                                                \
    X(STOP_BYTES, "bytes of a stop string")                                                        \
    X(LOGIT_BIAS, "logit biases of a session")                                                     \
    X(LOGPROBS, "alternatives reported beside a token")                                            \
    X(BATCH, "sessions of one step")                                                               \
    X(THREADS, "threads of an engine")                                                             \
    X(SESSION_BYTES, "file of a saved session")

#endif
