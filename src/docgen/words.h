/* words.h: the word lists of the docgen room (words.c, wordings.c, meanings.c). */
#ifndef VLM_DOCGEN_WORDS_H
#define VLM_DOCGEN_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* What a value is, so that it can be asked for by meaning. */
enum vlm_docgen_class {
    CLASS_PRICE,
    CLASS_MONEY, /* an amount that is not what one pays */
    CLASS_WEIGHT,
    CLASS_CODE,
    CLASS_EXPIRY,
    CLASS_DATE,
    CLASS_COUNT,
    CLASS_TALLY, /* a number, but not of pieces */
    CLASS_ORIGIN,
    CLASS_SIZE,
    CLASS_COLOUR,
    CLASS_PLACE,
    CLASS_PERSON,
    CLASS_PRODUCT,
    CLASS_MEASURE,
    CLASS_WORD,
    CLASS_TIME,
    CLASS_TOTAL,
    CLASS_SUBTOTAL,
    CLASS_TAX,
    CLASS_PAID,
    CLASS_CHANGE,
    CLASS_PAYMENT,
    CLASS_MERCHANT,
    CLASS_NUMBER, /* of the document */
    CLASS_DUE,
    CLASS_PHONE,
    CLASS_EMAIL,
    CLASS_WEB,
    CLASS_JOB,
    CLASS_ADDRESS,
    CLASS_TOWN,
    CLASS_SENDER,
    CLASS_RECIPIENT,
    CLASS_SEAT,
    CLASS_GATE,
    CLASS_FROM,
    CLASS_TO,
    CLASS_EVENT,
    CLASS_TITLE,  /* of the document */
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

/* Wordings of one question: the last VLM_DOCGEN_UNSEEN are kept for tests; wording i is number
 * first + i everywhere. */
#define VLM_DOCGEN_UNSEEN 2
struct vlm_docgen_wordings {
    const char *const *items; /* at most one or two %s each */
    size_t n;
    uint32_t first;
};

extern const struct vlm_docgen_key vlm_docgen_keys[];
extern const size_t vlm_docgen_n_keys;
extern const struct vlm_docgen_list vlm_docgen_nouns, vlm_docgen_adjectives, vlm_docgen_countries,
    vlm_docgen_colours, vlm_docgen_names, vlm_docgen_surnames, vlm_docgen_shops, vlm_docgen_towns,
    vlm_docgen_jobs, vlm_docgen_payments, vlm_docgen_titles, vlm_docgen_others, vlm_docgen_months,
    vlm_docgen_thanks, vlm_docgen_events, vlm_docgen_forms, vlm_docgen_verbs, vlm_docgen_small;

/* What a till or an invoice prints, in English, French, German and Spanish (letters of ASCII). */
enum vlm_docgen_term {
    TERM_TOTAL,
    TERM_SUBTOTAL,
    TERM_TAX,
    TERM_CASH,
    TERM_CARD,
    TERM_CHANGE,
    TERM_DATE,
    TERM_TIME,
    TERM_NUMBER,
    TERM_CASHIER,
    TERM_TABLE,
    TERM_PHONE,
    TERM_QUANTITY,
    TERM_ITEM,
    TERM_PRICE,
    TERM_AMOUNT,
    TERM_RECEIPT,
    TERM_INVOICE,
    TERM_DUE,
    TERM_BILL_TO,
    TERM_DISCOUNT,
    N_TERMS
};
extern const struct vlm_docgen_list vlm_docgen_terms[4][N_TERMS];

extern const struct vlm_docgen_wordings vlm_docgen_ask_value, vlm_docgen_ask_line,
    vlm_docgen_ask_nth, vlm_docgen_ask_read, vlm_docgen_ask_item_price, vlm_docgen_ask_item_amount,
    vlm_docgen_ask_item_unit, vlm_docgen_ask_item_count, vlm_docgen_ask_which_item,
    vlm_docgen_ask_right, vlm_docgen_ask_below, vlm_docgen_ask_how_many, vlm_docgen_ask_dearest,
    vlm_docgen_ask_cheapest, vlm_docgen_ask_highest, vlm_docgen_ask_lowest, vlm_docgen_ask_contains,
    vlm_docgen_ask_dearer, vlm_docgen_ask_cheaper, vlm_docgen_ask_cell, vlm_docgen_ask_rows,
    vlm_docgen_ask_more, vlm_docgen_ask_less, vlm_docgen_ask_called;
/* A question about a value by what it means; n 0: none */
extern const struct vlm_docgen_wordings vlm_docgen_ask_meaning[N_CLASSES];

#endif
