/* wordings.c: how questions are asked.  Data only; the last two of each list are kept for tests.
 * Numbers (first) are part of the truth files: give new lists new numbers. */
#include "docgen/words.h"

#define WORDINGS(a, number)                                                                        \
    {                                                                                              \
        a, sizeof(a) / sizeof(a[0]), number                                                        \
    }

static const char *const ask_value[] = {
    "What is the %s?",
    "%s?",
    "%s",
    "Read the %s.",
    "What does it say for %s?",
    "Tell me the %s.",
    "What's the %s?",
    "Give the %s.",
    "Which %s is printed?",
    "Please read the %s",
    "What %s does it show?",
    "What is the %s on the page?",
    "what is the %s",
    "What is written next to %s?",
    "Find the %s.",
    "Show the %s.",
    "Give me the value of %s.",
    "What is given as %s?",
    "Can you tell me the %s?",
    "Look for the %s: what is it?",
    "What is entered for %s?",
    "I'm looking for the %s.",
};
const struct vlm_docgen_wordings vlm_docgen_ask_value = WORDINGS(ask_value, 100);

static const char *const ask_line[] = {
    "What is on line %s?",         "Read line %s.",    "Line %s?",
    "What does line %s say?",      "line %s",          "Give line %s.",
    "What is written on line %s?", "Tell me line %s.", "Which words are on line %s?",
    "Please give me line %s",      "Show me line %s.", "What text is on line %s?",
};
const struct vlm_docgen_wordings vlm_docgen_ask_line = WORDINGS(ask_line, 200);

static const char *const ask_nth[] = {
    "Read the %s line.",
    "What does the %s line say?",
    "What is the %s line?",
    "The %s line?",
    "What is on the %s line?",
    "Tell me the %s line.",
    "What is written on the %s line?",
    "Give the %s line.",
    "What is in the %s line?",
    "Give me the %s line",
    "Could you read me the %s line?",
    "Show me what the %s line says.",
};
const struct vlm_docgen_wordings vlm_docgen_ask_nth = WORDINGS(ask_nth, 300);

static const char *const ask_read[] = {
    "Read the page.",
    "Read everything.",
    "Transcribe the text.",
    "What does it say?",
    "Read all the text.",
    "Read it.",
    "Read the document.",
    "Transcribe everything.",
    "What is written here?",
    "Write down all the text.",
    "Type out everything on the page.",
    "Give me the full text.",
    "Can you copy out all the words on this page?",
    "Please type up the whole thing for me.",
};
const struct vlm_docgen_wordings vlm_docgen_ask_read = WORDINGS(ask_read, 400);

static const char *const ask_item_price[] = {
    "How much is %s?",
    "What does %s cost?",
    "What is the price of %s?",
    "Price of %s?",
    "How much does %s cost?",
    "What is paid for %s?",
    "Give the price of %s.",
    "Tell me what %s costs.",
    "How much was %s?",
    "How expensive is %s?",
    "What do they charge for %s?",
    "What will I be charged for %s?",
    "What's the price for %s?",
};
const struct vlm_docgen_wordings vlm_docgen_ask_item_price = WORDINGS(ask_item_price, 500);

static const char *const ask_item_amount[] = {
    "What is the amount for %s?",  "What does %s cost in all?",
    "What is the total for %s?",   "Amount for %s?",
    "What is paid for %s in all?", "Give the amount of %s.",
    "How much is %s altogether?",  "What is the line total of %s?",
    "What does %s come to?",       "How much is charged for %s in total?",
    "Total cost of %s?",           "What did %s add up to?",
};
const struct vlm_docgen_wordings vlm_docgen_ask_item_amount = WORDINGS(ask_item_amount, 600);

static const char *const ask_item_unit[] = {
    "What is the unit price of %s?",
    "What does one %s cost?",
    "Unit price of %s?",
    "How much is one %s?",
    "What is the price of a single %s?",
    "Give the unit price of %s.",
    "Price per unit of %s?",
    "How much for one %s?",
    "How much is each %s?",
    "What does a single %s cost?",
    "How much does %s cost apiece?",
    "What is the price per piece for %s?",
};
const struct vlm_docgen_wordings vlm_docgen_ask_item_unit = WORDINGS(ask_item_unit, 700);

static const char *const ask_item_count[] = {
    "How many %s?",
    "How many %s are there?",
    "What is the quantity of %s?",
    "Quantity of %s?",
    "How many %s were bought?",
    "How many units of %s?",
    "Give the quantity of %s.",
    "How many pieces of %s?",
    "How often was %s bought?",
    "What number of %s is listed?",
    "How many %s did I buy?",
    "What quantity is listed for %s?",
};
const struct vlm_docgen_wordings vlm_docgen_ask_item_count = WORDINGS(ask_item_count, 800);

static const char *const ask_which_item[] = {
    "Which item costs %s?",
    "What costs %s?",
    "Which item is %s?",
    "What was sold for %s?",
    "Which product costs %s?",
    "What is priced at %s?",
    "Which line has the amount %s?",
    "Name the item for %s.",
    "Which article has the price %s?",
    "What can be had for %s?",
    "Find the item that costs %s.",
    "What did I buy for %s?",
};
const struct vlm_docgen_wordings vlm_docgen_ask_which_item = WORDINGS(ask_which_item, 900);

static const char *const ask_right[] = {
    "What is to the right of %s?",         "What is right of %s?",
    "What stands to the right of %s?",     "Which text is right of %s?",
    "Read what is right of %s.",           "What is next to %s on the right?",
    "What is printed to the right of %s?", "Right of %s?",
    "What follows %s on its line?",        "Which text stands on the right side of %s?",
    "What do you see to the right of %s?", "Give me the text to the right of %s.",
};
const struct vlm_docgen_wordings vlm_docgen_ask_right = WORDINGS(ask_right, 1000);

static const char *const ask_below[] = {
    "What is below %s?",
    "What is under %s?",
    "What stands below %s?",
    "Which text is below %s?",
    "Read what is below %s.",
    "What is printed under %s?",
    "What is directly below %s?",
    "Below %s?",
    "What comes underneath %s?",
    "Which text stands beneath %s?",
    "What can you see just below %s?",
    "Show me the text underneath %s.",
};
const struct vlm_docgen_wordings vlm_docgen_ask_below = WORDINGS(ask_below, 1100);

static const char *const ask_how_many[] = {
    "How many items are there?",
    "How many items are listed?",
    "How many items?",
    "Count the items.",
    "What is the number of items?",
    "How many different items are there?",
    "How many entries are listed?",
    "Number of items?",
    "How many products are on it?",
    "How many things are listed?",
    "How many items are on the list?",
    "Tell me how many items there are.",
};
const struct vlm_docgen_wordings vlm_docgen_ask_how_many = WORDINGS(ask_how_many, 1200);

static const char *const ask_dearest[] = {
    "What is the most expensive item?",
    "Which item costs the most?",
    "Which item is the most expensive?",
    "What costs the most?",
    "Which item has the highest price?",
    "Name the most expensive item.",
    "Most expensive item?",
    "Which product is the most expensive?",
    "What is the dearest item?",
    "For which item is the most paid?",
    "Which item is priced highest?",
    "Show me the priciest item.",
};
const struct vlm_docgen_wordings vlm_docgen_ask_dearest = WORDINGS(ask_dearest, 1300);

static const char *const ask_cheapest[] = {
    "What is the cheapest item?",
    "Which item costs the least?",
    "Which item is the cheapest?",
    "What costs the least?",
    "Which item has the lowest price?",
    "Name the cheapest item.",
    "Cheapest item?",
    "Which product is the cheapest?",
    "What is the least expensive item?",
    "For which item is the least paid?",
    "Find the item with the lowest price.",
    "What's the cheapest thing on here?",
};
const struct vlm_docgen_wordings vlm_docgen_ask_cheapest = WORDINGS(ask_cheapest, 1400);

static const char *const ask_highest[] = {
    "What is the highest price?",
    "What is the highest item price?",
    "Highest price?",
    "What is the largest amount of an item?",
    "How much is the most expensive item?",
    "What does the most expensive item cost?",
    "Give the highest price.",
    "What is the maximum price?",
    "What is the top price of an item?",
    "How much does the dearest item cost?",
    "How much is the priciest item?",
    "Tell me the highest price on the list.",
};
const struct vlm_docgen_wordings vlm_docgen_ask_highest = WORDINGS(ask_highest, 1500);

static const char *const ask_lowest[] = {
    "What is the lowest price?",
    "What is the lowest item price?",
    "Lowest price?",
    "What is the smallest amount of an item?",
    "How much is the cheapest item?",
    "What does the cheapest item cost?",
    "Give the lowest price.",
    "What is the minimum price?",
    "What is the bottom price of an item?",
    "How much does the least expensive item cost?",
    "What's the price of the cheapest item?",
    "Show me the lowest price.",
};
const struct vlm_docgen_wordings vlm_docgen_ask_lowest = WORDINGS(ask_lowest, 1600);

static const char *const ask_contains[] = {
    "Does the page contain %s?", "Is %s on the page?",       "Is the word %s there?",
    "Does it say %s?",           "Is %s written there?",     "Does %s appear on the page?",
    "Is %s printed anywhere?",   "Is there the text %s?",    "Can you find %s on the page?",
    "Is %s mentioned?",          "Can you see %s anywhere?", "Does the text include %s?",
};
const struct vlm_docgen_wordings vlm_docgen_ask_contains = WORDINGS(ask_contains, 1700);

static const char *const ask_dearer[] = {
    "Which costs more, %s or %s?",          "What is more expensive, %s or %s?",
    "Which is dearer, %s or %s?",           "%s or %s: which costs more?",
    "Which is priced higher, %s or %s?",    "Which has the higher price, %s or %s?",
    "Compare %s and %s: which costs more?", "What costs more, %s or %s?",
    "Of %s and %s, which costs more?",      "Is more paid for %s or %s?",
    "Which one is pricier, %s or %s?",      "Is %s or %s more expensive?",
};
const struct vlm_docgen_wordings vlm_docgen_ask_dearer = WORDINGS(ask_dearer, 1800);

static const char *const ask_cheaper[] = {
    "Which costs less, %s or %s?",
    "What is cheaper, %s or %s?",
    "Which is cheaper, %s or %s?",
    "%s or %s: which costs less?",
    "Which is priced lower, %s or %s?",
    "Which has the lower price, %s or %s?",
    "Compare %s and %s: which costs less?",
    "What costs less, %s or %s?",
    "Of %s and %s, which costs less?",
    "Is less paid for %s or %s?",
    "Is %s or %s cheaper?",
    "Between %s and %s, which is less expensive?",
};
const struct vlm_docgen_wordings vlm_docgen_ask_cheaper = WORDINGS(ask_cheaper, 1900);

static const char *const ask_cell[] = {
    "What is the %s of %s?", "What is the %s for %s?",       "%s of %s?",
    "Give the %s of %s.",    "What %s does %s have?",        "Read the %s of %s.",
    "Tell me the %s of %s.", "What is in column %s for %s?", "Which %s belongs to %s?",
    "Look up the %s of %s.", "Show me the %s for %s.",       "In the table, what is the %s of %s?",
};
const struct vlm_docgen_wordings vlm_docgen_ask_cell = WORDINGS(ask_cell, 2000);

static const char *const ask_rows[] = {
    "How many rows does the table have?",
    "How many rows are there?",
    "How many rows?",
    "Count the rows.",
    "How many lines has the table?",
    "What is the number of rows?",
    "How many entries are in the table?",
    "How many rows without the head?",
    "How many records are listed?",
    "Number of rows below the head?",
    "How many rows are in this table?",
    "Count the table rows, not the header.",
};
const struct vlm_docgen_wordings vlm_docgen_ask_rows = WORDINGS(ask_rows, 2100);

static const char *const ask_more[] = {
    "Which is more, %s or %s?",
    "What is more, %s or %s?",
    "Which is higher, %s or %s?",
    "Which amount is larger, %s or %s?",
    "%s or %s: which is more?",
    "What is larger, %s or %s?",
    "Compare %s and %s: which is higher?",
    "Which is larger, %s or %s?",
    "Of %s and %s, which is more?",
    "Which is greater, %s or %s?",
    "Which one is bigger, %s or %s?",
    "Between %s and %s, which is higher?",
};
const struct vlm_docgen_wordings vlm_docgen_ask_more = WORDINGS(ask_more, 3000);

static const char *const ask_less[] = {
    "Which is less, %s or %s?",           "What is less, %s or %s?",
    "Which is lower, %s or %s?",          "Which amount is smaller, %s or %s?",
    "%s or %s: which is less?",           "What is smaller, %s or %s?",
    "Compare %s and %s: which is lower?", "Which is smaller, %s or %s?",
    "Of %s and %s, which is less?",       "Which is the lesser, %s or %s?",
    "Which value is lower, %s or %s?",    "Is %s or %s smaller?",
};
const struct vlm_docgen_wordings vlm_docgen_ask_less = WORDINGS(ask_less, 3100);

static const char *const ask_called[] = {
    "What is the %s?",
    "What's the %s?",
    "%s?",
    "Tell me the %s.",
    "Give the %s.",
    "Read the %s.",
    "Name the %s.",
    "Please read the %s",
    "Find the %s.",
    "Can you tell me the %s?",
    "I need to know the %s.",
    "Could you give me the %s?",
};
const struct vlm_docgen_wordings vlm_docgen_ask_called = WORDINGS(ask_called, 3200);
