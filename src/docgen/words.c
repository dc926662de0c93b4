/* words.c: word lists for synthetic documents.  Data only. */
#include "docgen/words.h"

#define LIST(a)                                                                                    \
    {                                                                                              \
        a, sizeof(a) / sizeof(a[0])                                                                \
    }

const struct vlm_docgen_key vlm_docgen_keys[] = {
    {"Price", CLASS_PRICE},        {"Our price", CLASS_PRICE},   {"Now", CLASS_PRICE},
    {"Cost", CLASS_PRICE},         {"Price", CLASS_PRICE},       {"Total", CLASS_PRICE},
    {"You pay", CLASS_PRICE},      {"Sale price", CLASS_PRICE},  {"Amount", CLASS_PRICE},
    {"Sum", CLASS_PRICE},          {"Was", CLASS_MONEY},         {"Save", CLASS_MONEY},
    {"Tax", CLASS_MONEY},          {"VAT", CLASS_MONEY},         {"Deposit", CLASS_MONEY},
    {"Discount", CLASS_MONEY},     {"Unit price", CLASS_MONEY},  {"Per kg", CLASS_MONEY},
    {"Per unit", CLASS_MONEY},     {"Change", CLASS_MONEY},      {"Cash", CLASS_MONEY},
    {"Old price", CLASS_MONEY},    {"Fee", CLASS_MONEY},         {"Shipping", CLASS_MONEY},
    {"Weight", CLASS_WEIGHT},      {"Net weight", CLASS_WEIGHT}, {"Net wt", CLASS_WEIGHT},
    {"Weight", CLASS_WEIGHT},      {"Gross", CLASS_WEIGHT},      {"Mass", CLASS_WEIGHT},
    {"Code", CLASS_CODE},          {"SKU", CLASS_CODE},          {"Item no", CLASS_CODE},
    {"Art. no", CLASS_CODE},       {"Ref", CLASS_CODE},          {"Model", CLASS_CODE},
    {"Part no", CLASS_CODE},       {"Serial", CLASS_CODE},       {"ID", CLASS_CODE},
    {"PLU", CLASS_CODE},           {"EAN", CLASS_CODE},          {"Lot", CLASS_CODE},
    {"Batch", CLASS_CODE},         {"Lot no", CLASS_CODE},       {"Order", CLASS_CODE},
    {"Barcode", CLASS_CODE},       {"Invoice", CLASS_CODE},      {"Tracking", CLASS_CODE},
    {"Ticket", CLASS_CODE},        {"Phone", CLASS_CODE},        {"Tel", CLASS_CODE},
    {"Account", CLASS_CODE},       {"PIN", CLASS_CODE},          {"Number", CLASS_CODE},
    {"Best before", CLASS_EXPIRY}, {"Use by", CLASS_EXPIRY},     {"EXP", CLASS_EXPIRY},
    {"Expires", CLASS_EXPIRY},     {"Expiry", CLASS_EXPIRY},     {"Valid until", CLASS_EXPIRY},
    {"Sell by", CLASS_DATE},       {"Packed", CLASS_DATE},       {"Packed on", CLASS_DATE},
    {"Date", CLASS_DATE},          {"Date", CLASS_DATE},         {"Made on", CLASS_DATE},
    {"Checked", CLASS_DATE},       {"Printed", CLASS_DATE},      {"Born", CLASS_DATE},
    {"Arrival", CLASS_DATE},       {"Due", CLASS_DATE},          {"Issued", CLASS_DATE},
    {"Qty", CLASS_COUNT},          {"Quantity", CLASS_COUNT},    {"Pieces", CLASS_COUNT},
    {"Count", CLASS_COUNT},        {"Units", CLASS_COUNT},       {"Stock", CLASS_COUNT},
    {"Per box", CLASS_COUNT},      {"Pack", CLASS_COUNT},        {"Origin", CLASS_ORIGIN},
    {"Country", CLASS_ORIGIN},     {"Made in", CLASS_ORIGIN},    {"Product of", CLASS_ORIGIN},
    {"From", CLASS_ORIGIN},        {"Origin", CLASS_ORIGIN},     {"Size", CLASS_SIZE},
    {"Size", CLASS_SIZE},          {"Fits", CLASS_SIZE},         {"Color", CLASS_COLOUR},
    {"Colour", CLASS_COLOUR},      {"Shade", CLASS_COLOUR},      {"Aisle", CLASS_PLACE},
    {"Shelf", CLASS_PLACE},        {"Bin", CLASS_PLACE},         {"Row", CLASS_PLACE},
    {"Rack", CLASS_PLACE},         {"Store", CLASS_PLACE},       {"Zone", CLASS_PLACE},
    {"Bay", CLASS_PLACE},          {"Room", CLASS_PLACE},        {"Seat", CLASS_PLACE},
    {"Gate", CLASS_PLACE},         {"Table", CLASS_PLACE},       {"Dept", CLASS_PLACE},
    {"Platform", CLASS_PLACE},     {"Floor", CLASS_PLACE},       {"Till", CLASS_PLACE},
    {"Name", CLASS_PERSON},        {"Brand", CLASS_PERSON},      {"Maker", CLASS_PERSON},
    {"Seller", CLASS_PERSON},      {"Owner", CLASS_PERSON},      {"Clerk", CLASS_PERSON},
    {"Supplier", CLASS_PERSON},    {"Operator", CLASS_PERSON},   {"Farm", CLASS_PERSON},
    {"Author", CLASS_PERSON},      {"To", CLASS_PERSON},         {"Sender", CLASS_PERSON},
    {"Cashier", CLASS_PERSON},     {"Customer", CLASS_PERSON},   {"Product", CLASS_PRODUCT},
    {"Item", CLASS_PRODUCT},       {"Article", CLASS_PRODUCT},   {"Contents", CLASS_MEASURE},
    {"Volume", CLASS_MEASURE},     {"Voltage", CLASS_MEASURE},   {"Power", CLASS_MEASURE},
    {"Temp", CLASS_MEASURE},       {"Speed", CLASS_MEASURE},     {"Length", CLASS_MEASURE},
    {"Width", CLASS_MEASURE},      {"Height", CLASS_MEASURE},    {"Depth", CLASS_MEASURE},
    {"Fat", CLASS_MEASURE},        {"Sugar", CLASS_MEASURE},     {"Salt", CLASS_MEASURE},
    {"Energy", CLASS_MEASURE},     {"Protein", CLASS_MEASURE},   {"Fibre", CLASS_MEASURE},
    {"Alcohol", CLASS_MEASURE},    {"Pressure", CLASS_MEASURE},  {"Age", CLASS_MEASURE},
    {"Type", CLASS_WORD},          {"Material", CLASS_WORD},     {"Flavor", CLASS_WORD},
    {"Flavour", CLASS_WORD},       {"Status", CLASS_WORD},       {"Class", CLASS_WORD},
    {"Grade", CLASS_WORD},         {"Variety", CLASS_WORD},      {"Category", CLASS_WORD},
    {"Care", CLASS_WORD},          {"Storage", CLASS_WORD},      {"Line", CLASS_WORD},
    {"Method", CLASS_WORD},        {"Season", CLASS_WORD},       {"Style", CLASS_WORD},
    {"Note", CLASS_WORD},          {"Time", CLASS_TIME},         {"Hours", CLASS_TIME},
    {"Opens", CLASS_TIME},         {"Closes", CLASS_TIME},       {"Departs", CLASS_TIME},
    {"Start", CLASS_TIME},
};
const size_t vlm_docgen_n_keys = sizeof vlm_docgen_keys / sizeof vlm_docgen_keys[0];

static const char *const nouns[] = {
    "Tea",       "Coffee",   "Olive Oil", "Milk",       "Butter",   "Bread",    "Rice",
    "Pasta",     "Honey",    "Apples",    "Bananas",    "Oranges",  "Lemons",   "Grapes",
    "Pears",     "Plums",    "Cherries",  "Peaches",    "Melon",    "Kiwi",     "Tomatoes",
    "Potatoes",  "Carrots",  "Onions",    "Garlic",     "Peppers",  "Lettuce",  "Spinach",
    "Leeks",     "Cabbage",  "Mushrooms", "Beans",      "Peas",     "Corn",     "Lentils",
    "Flour",     "Sugar",    "Salt",      "Pepper",     "Vinegar",  "Mustard",  "Ketchup",
    "Yogurt",    "Cheese",   "Cream",     "Eggs",       "Ham",      "Bacon",    "Sausage",
    "Chicken",   "Beef",     "Pork",      "Salmon",     "Tuna",     "Shrimp",   "Cod",
    "Soup",      "Sauce",    "Jam",       "Juice",      "Water",    "Cola",     "Beer",
    "Wine",      "Cider",    "Cookies",   "Crackers",   "Chips",    "Nuts",     "Almonds",
    "Walnuts",   "Raisins",  "Dates",     "Figs",       "Oats",     "Muesli",   "Cereal",
    "Chocolate", "Candy",    "Cake",      "Muffins",    "Bagels",   "Pizza",    "Soap",
    "Shampoo",   "Towel",    "Sponge",    "Candle",     "Lamp",     "Cable",    "Battery",
    "Charger",   "Mouse",    "Keyboard",  "Monitor",    "Printer",  "Paper",    "Pencil",
    "Pen",       "Notebook", "Folder",    "Glue",       "Tape",     "Scissors", "Stapler",
    "Chair",     "Desk",     "Shelf",     "Sofa",       "Bed",      "Pillow",   "Blanket",
    "Curtain",   "Carpet",   "Mirror",    "Clock",      "Watch",    "Ring",     "Jacket",
    "Coat",      "Shirt",    "T-Shirt",   "Jeans",      "Trousers", "Skirt",    "Dress",
    "Socks",     "Shoes",    "Boots",     "Sandals",    "Hat",      "Scarf",    "Gloves",
    "Belt",      "Bag",      "Backpack",  "Wallet",     "Umbrella", "Ball",     "Racket",
    "Bicycle",   "Helmet",   "Tent",      "Rope",       "Hammer",   "Screws",   "Nails",
    "Drill",     "Saw",      "Paint",     "Brush",      "Bucket",   "Ladder",   "Hose",
    "Seeds",     "Roses",    "Tulips",    "Cactus",     "Vase",     "Mug",      "Plate",
    "Bowl",      "Spoon",    "Fork",      "Knife",      "Pan",      "Kettle",   "Toaster",
    "Blender",   "Teapot",   "Bottle",    "Basket",     "Puzzle",   "Doll",     "Robot",
    "Kite",      "Guitar",   "Drum",      "Flute",      "Book",     "Poster",   "Postcard",
    "Calendar",  "Magnet",   "Sticker",   "Toothbrush",
};
const struct vlm_docgen_list vlm_docgen_nouns = LIST(nouns);

static const char *const adjectives[] = {
    "Green",   "Black",   "White",   "Red",     "Blue",    "Fresh",   "Organic", "Dark",   "Light",
    "Sweet",   "Salted",  "Wild",    "Smoked",  "Dried",   "Frozen",  "Whole",   "Small",  "Large",
    "Mini",    "Classic", "Premium", "Extra",   "Royal",   "Country", "Garden",  "Winter", "Summer",
    "Italian", "French",  "Greek",   "Spicy",   "Mild",    "Crunchy", "Soft",    "Golden", "Silver",
    "Wooden",  "Cotton",  "Leather", "Steel",   "Glass",   "Plastic", "Travel",  "Family", "Kids",
    "Baby",    "Sport",   "Office",  "Kitchen", "Outdoor", "Vintage", "Modern",
};
const struct vlm_docgen_list vlm_docgen_adjectives = LIST(adjectives);

static const char *const countries[] = {
    "Spain",      "Italy",     "France",  "Germany",     "Portugal",    "Greece",
    "Poland",     "Norway",    "Sweden",  "Denmark",     "Finland",     "Iceland",
    "Ireland",    "Scotland",  "Wales",   "England",     "Austria",     "Hungary",
    "Romania",    "Bulgaria",  "Croatia", "Serbia",      "Turkey",      "Morocco",
    "Tunisia",    "Egypt",     "Kenya",   "Ghana",       "Ethiopia",    "India",
    "Nepal",      "China",     "Japan",   "Korea",       "Vietnam",     "Thailand",
    "Malaysia",   "Indonesia", "Peru",    "Chile",       "Brazil",      "Argentina",
    "Ecuador",    "Colombia",  "Mexico",  "Canada",      "USA",         "Cuba",
    "Israel",     "Jordan",    "Iran",    "Australia",   "New Zealand", "South Africa",
    "Costa Rica", "Sri Lanka", "Belgium", "Estonia",     "Latvia",      "Lithuania",
    "Ukraine",    "Malta",     "Cyprus",  "Switzerland", "Netherlands",
};
const struct vlm_docgen_list vlm_docgen_countries = LIST(countries);

static const char *const colours[] = {
    "red",      "green",    "blue",       "black",      "white", "grey",  "yellow",
    "orange",   "purple",   "pink",       "brown",      "beige", "navy",  "olive",
    "silver",   "gold",     "cream",      "teal",       "mint",  "coral", "ivory",
    "charcoal", "sky blue", "dark green", "light grey",
};
const struct vlm_docgen_list vlm_docgen_colours = LIST(colours);

static const char *const names[] = {
    "Anna",   "Ben",    "Carla",  "David",  "Emma",   "Felix",  "Greta",  "Hugo",   "Ines",
    "Jonas",  "Karin",  "Leo",    "Maria",  "Nils",   "Olga",   "Paul",   "Quinn",  "Rosa",
    "Simon",  "Tina",   "Uwe",    "Vera",   "Walter", "Xenia",  "Yusuf",  "Zoe",    "Smith",
    "Jones",  "Miller", "Brown",  "Garcia", "Rossi",  "Dubois", "Weber",  "Novak",  "Larsen",
    "Kim",    "Patel",  "Tanaka", "Silva",  "Costa",  "Moreau", "Becker", "Hansen", "Kowalski",
    "Bakker", "Evans",  "Clark",  "Lopez",
};
const struct vlm_docgen_list vlm_docgen_names = LIST(names);

static const char *const titles[] = {
    "SALE",      "Special Offer", "Today only",   "NEW",          "Reduced",      "Best Price",
    "Offer",     "Last Chance",   "Bargain",      "Shelf Label",  "Product Info", "Inventory",
    "Farm Shop", "City Market",   "Corner Store", "Fresh Market", "Super Saver",  "Home & Garden",
    "Bakery",    "Fish Market",   "Book Store",   "Hardware",     "Property of",  "Sample",
    "Fragile",   "Open Box",      "Clearance",    "Members only", "Weekend Deal", "Top Seller",
    "Organic",   "Local",
};
const struct vlm_docgen_list vlm_docgen_titles = LIST(titles);

static const char *const others[] = {
    "cotton",   "wool",        "silk",     "linen",    "steel", "oak",       "pine",      "glass",
    "nylon",    "rubber",      "vanilla",  "lemon",    "mint",  "cherry",    "ginger",    "cocoa",
    "caramel",  "open",        "closed",   "ready",    "sold",  "new",       "used",      "fresh",
    "frozen",   "chilled",     "dry",      "cool",     "dark",  "hand wash", "cold wash", "no iron",
    "round",    "square",      "matte",    "glossy",   "soft",  "hard",      "spring",    "summer",
    "autumn",   "winter",      "first",    "second",   "basic", "pro",       "plus",      "fragile",
    "vegan",    "gluten free", "no sugar", "keep dry", "ripe",  "medium",    "strong",    "extra",
    "standard",
};
const struct vlm_docgen_list vlm_docgen_others = LIST(others);

static const char *const months[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
};
const struct vlm_docgen_list vlm_docgen_months = LIST(months);

static const char *const ask_value[] = {
    "What is the %s?",
    "What is the %s?",
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
    "What is the %s on the label?",
    "what is the %s",
    "What is written next to %s?",
    "Find the %s.",
    "Show the %s.",
    "Can you tell me the %s?",
    "Look for the %s: what is it?",
};
const struct vlm_docgen_list vlm_docgen_ask_value = LIST(ask_value);

static const char *const ask_line[] = {
    "What is on line %s?",
    "Read line %s.",
    "Line %s?",
    "What does line %s say?",
    "line %s",
    "Give line %s.",
    "Which words are on line %s?",
    "Please give me line %s",
};
const struct vlm_docgen_list vlm_docgen_ask_line = LIST(ask_line);

static const char *const ask_nth[] = {
    "Read the %s line.", "What does the %s line say?", "What is the %s line?",
    "The %s line?",      "What is in the %s line?",    "Give me the %s line",
};
const struct vlm_docgen_list vlm_docgen_ask_nth = LIST(ask_nth);

static const char *const ask_read[] = {
    "Read the label.",          "Read everything.",         "Transcribe the text.",
    "What does the label say?", "Read all the text.",       "Read it.",
    "What is written here?",    "Write down all the text.", "Please read this to me.",
};
const struct vlm_docgen_list vlm_docgen_ask_read = LIST(ask_read);

static const char *const price[] = {
    "How much does it cost?",
    "What does it cost?",
    "How much is it?",
    "What is the price?",
    "Price?",
    "how much is this",
    "How much do I have to pay?",
    "What would I pay for this?",
};
static const char *const weight[] = {
    "How much does it weigh?", "How heavy is it?",   "What is the weight?",
    "What does it weigh?",     "What weight is it?", "How heavy is this?",
};
static const char *const expiry[] = {
    "When does it expire?",    "Until when is it good?", "What is the expiry date?",
    "How long can I keep it?", "When does it go off?",   "Until when can I use it?",
};
static const char *const count[] = {
    "How many are there?",   "How many pieces are there?", "How many?",
    "What is the quantity?", "How many do I get?",         "How many items are there?",
};
static const char *const origin[] = {
    "Where is it from?",   "Where was it made?",       "Which country is it from?",
    "What is the origin?", "Where does it come from?", "In which country was it made?",
};
static const char *const size[] = {
    "What size is it?",
    "Which size is it?",
    "What size is this?",
    "How big is it?",
};
static const char *const colour[] = {
    "What colour is it?",
    "What color is it?",
    "Which color is it?",
    "Which colour is this?",
};
static const char *const product[] = {
    "What is the product?", "What product is this?",          "What is the name of the product?",
    "What is it?",          "Which product is it?",           "What is this label for?",
    "What is being sold?",  "What does this label describe?",
};
const struct vlm_docgen_list vlm_docgen_ask_meaning[N_CLASSES] = {
    [CLASS_PRICE] = LIST(price),   [CLASS_WEIGHT] = LIST(weight),   [CLASS_EXPIRY] = LIST(expiry),
    [CLASS_COUNT] = LIST(count),   [CLASS_ORIGIN] = LIST(origin),   [CLASS_SIZE] = LIST(size),
    [CLASS_COLOUR] = LIST(colour), [CLASS_PRODUCT] = LIST(product),
};
