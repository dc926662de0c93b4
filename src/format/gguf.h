/* gguf.h: the header of one GGUF file (version 2 or 3), checked: key-value pairs and tensors.
 *
 * Nothing is copied but the list of pairs and the tensors' names: values are views into the file's
 * bytes, which must outlive them.  Every length is checked against the file and limits.h before it
 * is believed; keys and tensor names are unique; every string is UTF-8 without zero bytes; tensors
 * fill the data section, aligned, without holes or overlap. */
#ifndef VLM_FORMAT_GGUF_H
#define VLM_FORMAT_GGUF_H

#include "format/weights.h"

/* The numbers of the format. */
enum vlm_gguf_type {
    VLM_GGUF_U8,
    VLM_GGUF_I8,
    VLM_GGUF_U16,
    VLM_GGUF_I16,
    VLM_GGUF_U32,
    VLM_GGUF_I32,
    VLM_GGUF_F32,
    VLM_GGUF_BOOL,
    VLM_GGUF_STRING,
    VLM_GGUF_ARRAY,
    VLM_GGUF_U64,
    VLM_GGUF_I64,
    VLM_GGUF_F64
};

struct vlm_gguf_pair {
    const char *key; /* n_key bytes of the file, not terminated, UTF-8 without control characters */
    size_t n_key;
    enum vlm_gguf_type type; /* never ARRAY: then is_array and the element type */
    bool is_array;           /* arrays of arrays are refused */
    uint64_t n;              /* elements; 1 when no array */
    const uint8_t *data;     /* the value, or the first element, as it lies in the file */
    size_t n_data;           /* bytes from data to the end of the value */
};

struct vlm_gguf {
    const vlm_allocator *alloc;
    const char *file; /* its name in errors; a copy */
    uint32_t version;
    uint64_t alignment;
    struct vlm_gguf_pair *pairs; /* sorted by key */
    size_t n_pairs;
};

/* Reads the header of the n bytes of one file.  Its tensors are appended to *tensors (initialised
 * to zero by the caller for the first file) in the order of their data, with shapes outermost
 * first, as in safetensors.  A type of the format that num.h does not name gets VLM_NUM_OTHER; what
 * is no type of the format is refused.  On failure *tensors is as before. */
int vlm_gguf_read(struct vlm_gguf *out, struct vlm_weight_list *tensors, const vlm_allocator *alloc,
                  const uint8_t *data, size_t n, const char *file, vlm_error *err);
void vlm_gguf_free(struct vlm_gguf *g);

const struct vlm_gguf_pair *vlm_gguf_find(const struct vlm_gguf *g, const char *key); /* or NULL */
/* Single values by key.  Return VLM_OK, or fail naming file, key, what was found and expected.  A
 * missing key: *out keeps its value when optional, else an error.  Any integer type is taken as
 * u64 when it is not negative and in min..max; f32, f64 and integers as double, finite. */
int vlm_gguf_get_u64(uint64_t *out, const struct vlm_gguf *g, const char *key, bool optional,
                     uint64_t min, uint64_t max, vlm_error *err);
int vlm_gguf_get_double(double *out, const struct vlm_gguf *g, const char *key, bool optional,
                        double min, double max, vlm_error *err);
int vlm_gguf_get_bool(bool *out, const struct vlm_gguf *g, const char *key, bool optional,
                      vlm_error *err);
/* Not terminated; UTF-8 without zero bytes, but with any other control characters. */
int vlm_gguf_get_string(const char **out, size_t *n_out, const struct vlm_gguf *g, const char *key,
                        bool optional, vlm_error *err);

/* Walks an array of strings without an index: begin with zero, returns false past the end. */
struct vlm_gguf_strings {
    uint64_t i;
    size_t at;
};
bool vlm_gguf_next_string(struct vlm_gguf_strings *it, const char **out, size_t *n_out,
                          const struct vlm_gguf_pair *array);
/* Element i < n of an array of numbers or bools, or a single one (i = 0); exact for up to 53 bits.
 * NaN past the end and for strings. */
double vlm_gguf_number(const struct vlm_gguf_pair *array, uint64_t i);

/* A GGUF model as named tensors: one file or all parts of a split one ("-00001-of-0000N.gguf", any
 * part's name given).  Fills w as vlm_weights_open does (names sorted, files mapped) and *meta with
 * the pairs of the first part. w->source must live as long. */
int vlm_weights_open_gguf(struct vlm_weights *w, struct vlm_gguf *meta,
                          const struct vlm_files *source, const char *name, vlm_error *err);

/* Bytes of one number; 0 for strings and arrays.  Keys in the order of their bytes. */
size_t vlm_format_gguf_size(enum vlm_gguf_type t);
int vlm_format_gguf_compare(const char *a, size_t n_a, const char *b, size_t n_b);

#endif
