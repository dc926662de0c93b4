/* ask.h: what ask.c and ask_items.c share.  Owned by the docgen room. */
#ifndef VLM_DOCGEN_ASK_H
#define VLM_DOCGEN_ASK_H

#include "docgen/content.h"

/* One more question; a and b replace the wording's %s.  False when it does not fit. */
bool vlm_docgen_put_question(struct vlm_docgen_writer *w, enum vlm_docgen_family family,
                             const struct vlm_docgen_wordings *list, const char *a, const char *b,
                             const char *answer);
/* How often text stands on the page as whole words, whatever the case. */
int vlm_docgen_times(const struct vlm_docgen_writer *w, const char *text);
/* text as a person would type it: now and then in small letters */
void vlm_docgen_spell(struct vlm_docgen_writer *w, char *out, size_t cap, const char *text);
/* Questions about items, cells of tables and amounts. */
void vlm_docgen_ask_items(struct vlm_docgen_writer *w);

#endif
