/* meanings.c: how one asks for a value by what it means.  Data only; the last two of each list are
 * kept for tests.
 * Numbers (first) are part of the truth files: give new lists new numbers. */
#include "docgen/words.h"

#define WORDINGS(a, number)                                                                        \
    {                                                                                              \
        a, sizeof(a) / sizeof(a[0]), number                                                        \
    }

static const char *const meaning_price[] = {
    "How much does it cost?",
    "What does it cost?",
    "How much is it?",
    "What is the price?",
    "Price?",
    "how much is this",
    "What is the cost?",
    "What does this cost?",
    "How much do I have to pay?",
    "What would I pay for this?",
    "How much do they want for this?",
    "How much will it cost me?",
};

static const char *const meaning_total[] = {
    "What is the total?",          "How much is the total?",
    "What is the total amount?",   "Total?",
    "What was the total?",         "What is the final amount?",
    "What is the sum to pay?",     "How much is to be paid?",
    "What does it come to?",       "How much is it altogether?",
    "How much is the whole bill?", "What do I owe in total?",
};

static const char *const meaning_subtotal[] = {
    "What is the subtotal?",
    "How much is the subtotal?",
    "Subtotal?",
    "What is the amount before tax?",
    "What is the sum of the items?",
    "Give the subtotal.",
    "Read the subtotal.",
    "What is the net amount?",
    "How much is it before tax?",
    "Tell me the subtotal.",
    "What's the total before tax?",
    "Show me the subtotal.",
};

static const char *const meaning_tax[] = {
    "How much is the tax?",
    "What is the tax?",
    "Tax?",
    "How much tax is there?",
    "What is the tax amount?",
    "How much VAT is there?",
    "Give the tax.",
    "What is the amount of tax?",
    "How much tax was paid?",
    "Tell me the amount of tax.",
    "How much of this is tax?",
    "How much was charged in tax?",
};

static const char *const meaning_paid[] = {
    "How much was paid?",
    "How much was given?",
    "What amount was paid?",
    "How much did the customer pay?",
    "How much money was given?",
    "What was handed over?",
    "Amount paid?",
    "Give the amount paid.",
    "What did the customer give?",
    "How much money was handed over?",
    "How much did the customer hand over?",
    "Show me the amount that was paid.",
};

static const char *const meaning_change[] = {
    "How much change was given?",
    "What is the change?",
    "Change?",
    "How much change is there?",
    "How much was given back?",
    "What change was given?",
    "Give the change.",
    "What was returned to the customer?",
    "How much money came back?",
    "What did the customer get back?",
    "How much change did I get?",
    "Show me the change.",
};

static const char *const meaning_merchant[] = {
    "What is the name of the company?",
    "Which company is it?",
    "Who is it from?",
    "What is the company?",
    "Name of the company?",
    "What shop is it?",
    "What is the name of the shop?",
    "Which business is this?",
    "Who issued this?",
    "What is the business called?",
    "Which store is this from?",
    "Tell me the company name.",
};

static const char *const meaning_date[] = {
    "What is the date?",    "Which day is printed?",    "Date?",
    "Which date is it?",    "What date is printed?",    "Give the date.",
    "On which day was it?", "What day was it?",         "Tell me the date.",
    "What day is on it?",   "What's the date on this?", "Which date does it show?",
};

static const char *const meaning_time[] = {
    "What time is it?",     "What is the time?",      "Time?",
    "At what time was it?", "What time is printed?",  "Give the time.",
    "Which time is shown?", "Read the time.",         "Tell me the time.",
    "What o'clock was it?", "What time does it say?", "Show me the time.",
};

static const char *const meaning_number[] = {
    "What is the number?",
    "What is the document number?",
    "Number?",
    "Which number does it have?",
    "Give the number.",
    "What is the reference number?",
    "Read the number.",
    "What number is printed?",
    "Tell me the number.",
    "What is its number?",
    "What number is on this document?",
    "Show me the reference number.",
};

static const char *const meaning_due[] = {
    "When is it due?",
    "What is the due date?",
    "Due date?",
    "Until when must it be paid?",
    "When must it be paid?",
    "Give the due date.",
    "What is the payment date?",
    "By when is it to be paid?",
    "When is the payment due?",
    "What is the last day to pay?",
    "When do I have to pay this by?",
    "What's the payment deadline?",
};

static const char *const meaning_phone[] = {
    "What is the phone number?",
    "Phone number?",
    "Which number can I call?",
    "What is the telephone number?",
    "Give the phone number.",
    "Read the phone number.",
    "Telephone?",
    "What number do I call?",
    "How can I call them?",
    "Tell me the telephone number.",
    "What's their phone number?",
    "Show me the number to call.",
};

static const char *const meaning_email[] = {
    "What is the email address?",
    "Email?",
    "What is the email?",
    "Give the email address.",
    "Which email address is printed?",
    "Read the email address.",
    "What is the mail address?",
    "Where can I send an email?",
    "What address do I mail to?",
    "Tell me the email address.",
    "What's their email?",
    "Which email address can I write to?",
};

static const char *const meaning_web[] = {
    "What is the website?",
    "Website?",
    "What is the web address?",
    "Give the website.",
    "Which website is printed?",
    "Read the web address.",
    "What is the URL?",
    "What is the homepage?",
    "Where are they on the web?",
    "Tell me the website.",
    "What's the link to their site?",
    "Show me the web address.",
};

static const char *const meaning_job[] = {
    "What is the job title?",
    "What does this person do?",
    "Job?",
    "What is the profession?",
    "What is the position?",
    "Give the job title.",
    "Read the job title.",
    "What is the occupation?",
    "Which job does the person have?",
    "What does the person work as?",
    "What kind of work does this person do?",
    "Tell me their job title.",
};

static const char *const meaning_address[] = {
    "What is the street?",
    "What is the address?",
    "Street?",
    "Which street is it?",
    "Give the street.",
    "Read the street.",
    "In which street is it?",
    "What is the street address?",
    "Where exactly is it?",
    "Tell me the street.",
    "Which street are they on?",
    "What street address is given?",
};

static const char *const meaning_person[] = {
    "What is the name?",
    "Whose name is it?",
    "Name of the person?",
    "Which person is named?",
    "Who is named?",
    "Give the name of the person.",
    "Which name is on it?",
    "What is the person's name?",
    "What is the person called?",
    "Tell me who is named.",
    "Whose name is on this?",
    "Tell me the person's name.",
};

static const char *const meaning_sender[] = {
    "Who is the sender?",
    "Who sent it?",
    "Sender?",
    "From whom is it?",
    "Who sends it?",
    "Give the sender.",
    "What is the name of the sender?",
    "Which sender is printed?",
    "Who is sending this?",
    "Tell me the sender.",
    "Who mailed this?",
    "What's the sender's name?",
};

static const char *const meaning_recipient[] = {
    "Who is the recipient?",
    "Who is it for?",
    "Recipient?",
    "To whom does it go?",
    "Who gets it?",
    "Give the recipient.",
    "What is the name of the recipient?",
    "Which recipient is printed?",
    "Who is it addressed to?",
    "Tell me the recipient.",
    "Who should receive this?",
    "Find the recipient's name.",
};

static const char *const meaning_town[] = {
    "Which town does it go to?",
    "What is the town?",
    "Town?",
    "Which city is it?",
    "What is the town and code?",
    "Give the town.",
    "Read the town.",
    "What city is printed?",
    "In which city is it?",
    "Tell me the town.",
    "What's the name of the town?",
    "Which city does it show?",
};

static const char *const meaning_seat[] = {
    "Which seat is it?",         "What is the seat?",        "Seat?",
    "What seat do I have?",      "What is the seat number?", "Give the seat.",
    "Which seat is printed?",    "Read the seat.",           "Where do I sit?",
    "Which seat should I take?", "What's my seat?",          "Which seat am I in?",
};

static const char *const meaning_gate[] = {
    "Which gate is it?",          "What is the gate?",        "Gate?",
    "Which gate do I go to?",     "What is the gate number?", "Give the gate.",
    "Which gate is printed?",     "Read the gate.",           "Where do I board?",
    "To which gate should I go?", "What's my gate?",          "Which gate do I board at?",
};

static const char *const ask_from_of[] = {
    "Where does it start?",
    "Where does the trip start?",
    "From where?",
    "Which place does it leave from?",
    "Where does it leave from?",
    "What is the departure?",
    "Where does the journey begin?",
    "Starting place?",
    "From which place does it go?",
    "What is the place of departure?",
    "Where am I leaving from?",
    "What's the starting point?",
};

static const char *const ask_to_of[] = {
    "Where does it go?",
    "Where does the trip end?",
    "To where?",
    "Which place does it go to?",
    "What is the destination?",
    "Where does the journey end?",
    "Destination?",
    "Where is the trip to?",
    "What place is it going to?",
    "Where will it arrive?",
    "Where am I headed?",
    "Where does this trip take me?",
};

static const char *const meaning_event[] = {
    "Which event is it?",
    "What is the event?",
    "Event?",
    "What is the ticket for?",
    "What is the name of the event?",
    "Give the event.",
    "What event is printed?",
    "What is taking place?",
    "What will I see?",
    "Which show is it?",
    "What event is this for?",
    "Show me the event.",
};

static const char *const meaning_title[] = {
    "What is the title?",       "What is the heading?",      "Title?",
    "What does the title say?", "Read the title.",           "Give the title.",
    "What is the headline?",    "Which title does it have?", "What is written at the top?",
    "How is the page headed?",  "What's this page titled?",  "Show me the title.",
};

static const char *const meaning_weight[] = {
    "How much does it weigh?",
    "How heavy is it?",
    "What is the weight?",
    "What does it weigh?",
    "Weight?",
    "Give the weight.",
    "How many grams is it?",
    "Read the weight.",
    "What weight is it?",
    "How heavy is this?",
    "Show me the weight.",
    "Tell me how heavy it is.",
};

static const char *const meaning_expiry[] = {
    "When does it expire?",
    "Until when is it good?",
    "What is the expiry date?",
    "How long can I keep it?",
    "Expiry date?",
    "When is it best before?",
    "Until when can it be used?",
    "Give the expiry date.",
    "When does it go off?",
    "Until when can I use it?",
    "What's the use-by date?",
    "What's the last day I can use it?",
};

static const char *const meaning_count[] = {
    "How many are there?",
    "How many pieces are there?",
    "How many?",
    "What is the quantity?",
    "What is the count?",
    "How many units are there?",
    "How many pieces?",
    "Give the quantity.",
    "How many do I get?",
    "What is the number of pieces?",
    "How many come in the pack?",
    "Tell me how many pieces there are.",
};

static const char *const meaning_origin[] = {
    "Where is it from?",         "Where was it made?",
    "Which country is it from?", "What is the origin?",
    "Country of origin?",        "What is the country?",
    "Give the origin.",          "Which country made it?",
    "Where does it come from?",  "In which country was it made?",
    "Where was this produced?",  "What country does it come from?",
};

static const char *const meaning_size[] = {
    "What size is it?",
    "Which size is it?",
    "Size?",
    "What is the size?",
    "Give the size.",
    "What size is printed?",
    "Which size does it have?",
    "Read the size.",
    "What size is this?",
    "How big is it?",
    "What size does the label say?",
    "What size am I looking at?",
};

static const char *const meaning_colour[] = {
    "What colour is it?",
    "What color is it?",
    "Which color is it?",
    "What is the colour?",
    "What is the color?",
    "Color?",
    "Colour?",
    "Which colour is it?",
    "Give the colour.",
    "Which colour is this?",
    "What color does it say?",
    "What colour is listed here?",
};

static const char *const meaning_product[] = {
    "What is the product?",
    "What product is this?",
    "What is the name of the product?",
    "What is it?",
    "Which product is it?",
    "Product?",
    "Name the product.",
    "What article is it?",
    "What is being sold?",
    "What does this label describe?",
    "What's this product called?",
    "Tell me the product name.",
};

const struct vlm_docgen_wordings vlm_docgen_ask_meaning[N_CLASSES] = {
    [CLASS_PRICE] = WORDINGS(meaning_price, 5000),
    [CLASS_TOTAL] = WORDINGS(meaning_total, 5100),
    [CLASS_SUBTOTAL] = WORDINGS(meaning_subtotal, 5200),
    [CLASS_TAX] = WORDINGS(meaning_tax, 5300),
    [CLASS_PAID] = WORDINGS(meaning_paid, 5400),
    [CLASS_CHANGE] = WORDINGS(meaning_change, 5500),
    [CLASS_MERCHANT] = WORDINGS(meaning_merchant, 5600),
    [CLASS_DATE] = WORDINGS(meaning_date, 5700),
    [CLASS_TIME] = WORDINGS(meaning_time, 5800),
    [CLASS_NUMBER] = WORDINGS(meaning_number, 5900),
    [CLASS_DUE] = WORDINGS(meaning_due, 6000),
    [CLASS_PHONE] = WORDINGS(meaning_phone, 6100),
    [CLASS_EMAIL] = WORDINGS(meaning_email, 6200),
    [CLASS_WEB] = WORDINGS(meaning_web, 6300),
    [CLASS_JOB] = WORDINGS(meaning_job, 6400),
    [CLASS_ADDRESS] = WORDINGS(meaning_address, 6500),
    [CLASS_PERSON] = WORDINGS(meaning_person, 6600),
    [CLASS_SENDER] = WORDINGS(meaning_sender, 6700),
    [CLASS_RECIPIENT] = WORDINGS(meaning_recipient, 6800),
    [CLASS_TOWN] = WORDINGS(meaning_town, 6900),
    [CLASS_SEAT] = WORDINGS(meaning_seat, 7000),
    [CLASS_GATE] = WORDINGS(meaning_gate, 7100),
    [CLASS_FROM] = WORDINGS(ask_from_of, 7200),
    [CLASS_TO] = WORDINGS(ask_to_of, 7300),
    [CLASS_EVENT] = WORDINGS(meaning_event, 7400),
    [CLASS_TITLE] = WORDINGS(meaning_title, 7500),
    [CLASS_WEIGHT] = WORDINGS(meaning_weight, 7600),
    [CLASS_EXPIRY] = WORDINGS(meaning_expiry, 7700),
    [CLASS_COUNT] = WORDINGS(meaning_count, 7800),
    [CLASS_ORIGIN] = WORDINGS(meaning_origin, 7900),
    [CLASS_SIZE] = WORDINGS(meaning_size, 8000),
    [CLASS_COLOUR] = WORDINGS(meaning_colour, 8100),
    [CLASS_PRODUCT] = WORDINGS(meaning_product, 8200),
};
