/* words.h: the word lists of the docgen room (words.c). */
#ifndef VLM_DOCGEN_WORDS_H
#define VLM_DOCGEN_WORDS_H

#include <stddef.h>

enum vlm_docgen_class {
    CLASS_PRICE,
    CLASS_MONEY, /* an amount that is not what one pays */
    CLASS_WEIGHT,
    CLASS_CODE,
    CLASS_EXPIRY,
    CLASS_DATE,
    CLASS_COUNT,
    CLASS_ORIGIN,
    CLASS_SIZE,
    CLASS_COLOUR,
    CLASS_PLACE,
    CLASS_PERSON,
    CLASS_PRODUCT,
    CLASS_MEASURE,
    CLASS_WORD,
    CLASS_TIME,
    CLASS_RANDOM, /* an invented key; not in the table */
    N_CLASSES
};

struct vlm_docgen_key {
    const char *key;
    enum vlm_docgen_class cls;
};

struct vlm_docgen_list {
    const char *const *items;
    size_t n;
};

extern const struct vlm_docgen_key vlm_docgen_keys[];
extern const size_t vlm_docgen_n_keys;
extern const struct vlm_docgen_list vlm_docgen_nouns, vlm_docgen_adjectives, vlm_docgen_countries,
    vlm_docgen_colours, vlm_docgen_names, vlm_docgen_titles, vlm_docgen_others, vlm_docgen_months;
/* Questions: %s is the key or the line; the last VLM_DOCGEN_UNSEEN of each list are kept for tests.
 */
#define VLM_DOCGEN_UNSEEN 2
extern const struct vlm_docgen_list vlm_docgen_ask_value, vlm_docgen_ask_line, vlm_docgen_ask_nth,
    vlm_docgen_ask_read;
extern const struct vlm_docgen_list vlm_docgen_ask_meaning[N_CLASSES]; /* n 0: none */

#endif
