/* answer.h: an answer as determinism compares it: ids, log-probabilities and the alternatives, bit
 * for bit, in one hash. */
#ifndef GOLDEN_ANSWER_H
#define GOLDEN_ANSWER_H

#include "case.h"

#define GOLDEN_N_GENERATE 24

struct golden_answer {
    uint64_t hash; /* begins with GOLDEN_HASH */
    size_t n_tokens, n_text, cached;
    char text[4096];
};
void golden_answer_add(struct golden_answer *a, const vlm_token *t);
/* Syncs and takes the whole answer. */
struct golden_answer golden_ask(vlm_session *s, const vlm_message *messages, size_t n);
/* Says what differs. */
bool golden_same(const char *what, const char *folder, const struct golden_answer *a,
                 const struct golden_answer *b);

/* neighbours.c: the request beside others in a step */
bool golden_neighbours(struct golden_case *c, const char *model, const char *isa);
/* kept.c: what others have read before, forks, files of sessions */
bool golden_kept(struct golden_case *c, const char *model, const char *isa);

#endif
