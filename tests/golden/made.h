/* made.h: one set of random weights, made in memory as a Hugging Face directory (F32) and as a GGUF
 * model with its mmproj, in any type that GGUF knows.  For tests: what fails here ends the program.
 */
#ifndef GOLDEN_MADE_H
#define GOLDEN_MADE_H

#include "../abuse/model.h"
#include "base/buf.h"
#include "base/num.h"

enum { MADE_PARTS = 2 };

struct made_options {
    enum vlm_num type; /* of matrices; those it does not fit become Q8_0 or F16 */
    bool tied;         /* no output.weight */
    bool swapped;      /* ffn_up and ffn_down of the tower under each other's name */
    bool vision_type;  /* clip.vision.projector_type instead of clip.projector_type */
    size_t parts;      /* 1, or 2: both files split */
    unsigned width;    /* projection_dim that the mmproj claims; 0: the right one */
};
struct made {
    struct test_model hf; /* a directory's files; free with made_free */
    struct vlm_buf text[MADE_PARTS], vision[MADE_PARTS];
};
void made_make(struct made *m, const char *golden_model, const struct made_options *o);
void made_free(struct made *m);

#endif
