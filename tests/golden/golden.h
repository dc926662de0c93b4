/* golden.h: the two golden tests; each prints a line per result and tells whether all was well. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include "case.h"
#include "vlm_tools.h"

/* One request against the reference. */
bool golden_compare(struct golden_case *c, vlm_engine *engine);
/* One checkpoint's requests at one ISA level: the same bytes whatever the threads, chunks, cache
 * states, neighbours, forks and files. */
bool golden_determinism(const char *model, const char *isa, struct golden_case *const *cases,
                        size_t n_cases);

#endif
