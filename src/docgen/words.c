/* words.c: word lists for synthetic documents.  Data only. */
#include "docgen/words.h"

#define LIST(a)                                                                                    \
    {                                                                                              \
        a, sizeof(a) / sizeof(a[0])                                                                \
    }

const struct vlm_docgen_key vlm_docgen_keys[] = {
    {"Price", CLASS_PRICE},
    {"Our price", CLASS_PRICE},
    {"Now", CLASS_PRICE},
    {"Cost", CLASS_PRICE},
    {"Price", CLASS_PRICE},
    {"Total", CLASS_TOTAL},
    {"You pay", CLASS_PRICE},
    {"Sale price", CLASS_PRICE},
    {"Amount", CLASS_PRICE},
    {"Sum", CLASS_PRICE},
    {"Was", CLASS_MONEY},
    {"Save", CLASS_MONEY},
    {"Tax", CLASS_TAX},
    {"VAT", CLASS_TAX},
    {"Deposit", CLASS_MONEY},
    {"Discount", CLASS_MONEY},
    {"Unit price", CLASS_MONEY},
    {"Per kg", CLASS_MONEY},
    {"Per unit", CLASS_MONEY},
    {"Change", CLASS_CHANGE},
    {"Cash", CLASS_MONEY},
    {"Old price", CLASS_MONEY},
    {"Fee", CLASS_MONEY},
    {"Shipping", CLASS_MONEY},
    {"Weight", CLASS_WEIGHT},
    {"Net weight", CLASS_WEIGHT},
    {"Net wt", CLASS_WEIGHT},
    {"Weight", CLASS_WEIGHT},
    {"Gross", CLASS_WEIGHT},
    {"Mass", CLASS_WEIGHT},
    {"Code", CLASS_CODE},
    {"SKU", CLASS_CODE},
    {"Item no", CLASS_CODE},
    {"Art. no", CLASS_CODE},
    {"Ref", CLASS_CODE},
    {"Model", CLASS_CODE},
    {"Part no", CLASS_CODE},
    {"Serial", CLASS_CODE},
    {"ID", CLASS_CODE},
    {"PLU", CLASS_CODE},
    {"EAN", CLASS_CODE},
    {"Lot", CLASS_CODE},
    {"Batch", CLASS_CODE},
    {"Lot no", CLASS_CODE},
    {"Order", CLASS_CODE},
    {"Barcode", CLASS_CODE},
    {"Invoice", CLASS_CODE},
    {"Tracking", CLASS_CODE},
    {"Ticket", CLASS_CODE},
    {"Phone", CLASS_PHONE},
    {"Tel", CLASS_PHONE},
    {"Account", CLASS_CODE},
    {"PIN", CLASS_CODE},
    {"Number", CLASS_CODE},
    {"Best before", CLASS_EXPIRY},
    {"Use by", CLASS_EXPIRY},
    {"EXP", CLASS_EXPIRY},
    {"Expires", CLASS_EXPIRY},
    {"Expiry", CLASS_EXPIRY},
    {"Valid until", CLASS_EXPIRY},
    {"Sell by", CLASS_DATE},
    {"Packed", CLASS_DATE},
    {"Packed on", CLASS_DATE},
    {"Date", CLASS_DATE},
    {"Date", CLASS_DATE},
    {"Made on", CLASS_DATE},
    {"Checked", CLASS_DATE},
    {"Printed", CLASS_DATE},
    {"Born", CLASS_DATE},
    {"Arrival", CLASS_DATE},
    {"Due", CLASS_DUE},
    {"Issued", CLASS_DATE},
    {"Qty", CLASS_COUNT},
    {"Quantity", CLASS_COUNT},
    {"Pieces", CLASS_COUNT},
    {"Count", CLASS_COUNT},
    {"Units", CLASS_COUNT},
    {"Stock", CLASS_COUNT},
    {"Per box", CLASS_COUNT},
    {"Pack", CLASS_COUNT},
    {"Origin", CLASS_ORIGIN},
    {"Country", CLASS_ORIGIN},
    {"Made in", CLASS_ORIGIN},
    {"Product of", CLASS_ORIGIN},
    {"From", CLASS_ORIGIN},
    {"Origin", CLASS_ORIGIN},
    {"Size", CLASS_SIZE},
    {"Size", CLASS_SIZE},
    {"Fits", CLASS_SIZE},
    {"Color", CLASS_COLOUR},
    {"Colour", CLASS_COLOUR},
    {"Shade", CLASS_COLOUR},
    {"Aisle", CLASS_PLACE},
    {"Shelf", CLASS_PLACE},
    {"Bin", CLASS_PLACE},
    {"Row", CLASS_PLACE},
    {"Rack", CLASS_PLACE},
    {"Store", CLASS_PLACE},
    {"Zone", CLASS_PLACE},
    {"Bay", CLASS_PLACE},
    {"Room", CLASS_PLACE},
    {"Seat", CLASS_SEAT},
    {"Gate", CLASS_GATE},
    {"Table", CLASS_PLACE},
    {"Dept", CLASS_PLACE},
    {"Platform", CLASS_PLACE},
    {"Floor", CLASS_PLACE},
    {"Till", CLASS_PLACE},
    {"Name", CLASS_PERSON},
    {"Brand", CLASS_PERSON},
    {"Maker", CLASS_PERSON},
    {"Seller", CLASS_PERSON},
    {"Owner", CLASS_PERSON},
    {"Clerk", CLASS_PERSON},
    {"Supplier", CLASS_PERSON},
    {"Operator", CLASS_PERSON},
    {"Farm", CLASS_PERSON},
    {"Author", CLASS_PERSON},
    {"To", CLASS_RECIPIENT},
    {"Sender", CLASS_SENDER},
    {"Cashier", CLASS_PERSON},
    {"Customer", CLASS_PERSON},
    {"Product", CLASS_PRODUCT},
    {"Item", CLASS_PRODUCT},
    {"Article", CLASS_PRODUCT},
    {"Contents", CLASS_MEASURE},
    {"Volume", CLASS_MEASURE},
    {"Voltage", CLASS_MEASURE},
    {"Power", CLASS_MEASURE},
    {"Temp", CLASS_MEASURE},
    {"Speed", CLASS_MEASURE},
    {"Length", CLASS_MEASURE},
    {"Width", CLASS_MEASURE},
    {"Height", CLASS_MEASURE},
    {"Depth", CLASS_MEASURE},
    {"Fat", CLASS_MEASURE},
    {"Sugar", CLASS_MEASURE},
    {"Salt", CLASS_MEASURE},
    {"Energy", CLASS_MEASURE},
    {"Protein", CLASS_MEASURE},
    {"Fibre", CLASS_MEASURE},
    {"Alcohol", CLASS_MEASURE},
    {"Pressure", CLASS_MEASURE},
    {"Age", CLASS_MEASURE},
    {"Type", CLASS_WORD},
    {"Material", CLASS_WORD},
    {"Flavor", CLASS_WORD},
    {"Flavour", CLASS_WORD},
    {"Status", CLASS_WORD},
    {"Class", CLASS_WORD},
    {"Grade", CLASS_WORD},
    {"Variety", CLASS_WORD},
    {"Category", CLASS_WORD},
    {"Care", CLASS_WORD},
    {"Storage", CLASS_WORD},
    {"Line", CLASS_WORD},
    {"Method", CLASS_WORD},
    {"Season", CLASS_WORD},
    {"Style", CLASS_WORD},
    {"Note", CLASS_WORD},
    {"Time", CLASS_TIME},
    {"Hours", CLASS_TIME},
    {"Opens", CLASS_TIME},
    {"Closes", CLASS_TIME},
    {"Departs", CLASS_TIME},
    {"Start", CLASS_TIME},
    {"Email", CLASS_EMAIL},
    {"Street", CLASS_ADDRESS},
    {"City", CLASS_TOWN},
    {"Town", CLASS_TOWN},
    {"First name", CLASS_PERSON},
    {"Surname", CLASS_PERSON},
    {"Company", CLASS_MERCHANT},
    {"Job", CLASS_JOB},
    {"Position", CLASS_JOB},
    {"Department", CLASS_WORD},
    {"Website", CLASS_WEB},
    {"Destination", CLASS_TOWN},
    {"Payment", CLASS_PAYMENT},
    {"Paid by", CLASS_PAYMENT},
    {"Birthday", CLASS_DATE},
    {"Passport", CLASS_CODE},
    {"Licence", CLASS_CODE},
    {"Member no", CLASS_CODE},
    {"Customer no", CLASS_CODE},
    {"Vehicle", CLASS_CODE},
    {"Plate", CLASS_CODE},
    {"Policy", CLASS_CODE},
    {"Claim", CLASS_CODE},
    {"Doctor", CLASS_PERSON},
    {"Teacher", CLASS_PERSON},
    {"Contact", CLASS_PERSON},
    {"Signed by", CLASS_PERSON},
    {"Level", CLASS_TALLY},
    {"Score", CLASS_TALLY},
    {"Points", CLASS_TALLY},
    {"Version", CLASS_CODE},
    {"Postcode", CLASS_CODE},
    {"Balance", CLASS_MONEY},
    {"Rent", CLASS_MONEY},
    {"Salary", CLASS_MONEY},
    {"Budget", CLASS_MONEY},
    {"Interest", CLASS_MEASURE},
    {"Check-in", CLASS_DATE},
    {"Check-out", CLASS_DATE},
    {"Nights", CLASS_TALLY},
    {"Guests", CLASS_TALLY},
    {"Distance", CLASS_MEASURE},
    {"Duration", CLASS_MEASURE},
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
    "Anna",  "Ben",   "Carla",  "David",  "Emma",   "Felix",  "Greta",  "Hugo",  "Ines",  "Jonas",
    "Karin", "Leo",   "Maria",  "Nils",   "Olga",   "Paul",   "Quinn",  "Rosa",  "Simon", "Tina",
    "Uwe",   "Vera",  "Walter", "Xenia",  "Yusuf",  "Zoe",    "Alice",  "Boris", "Clara", "Denis",
    "Eva",   "Frank", "Gina",   "Hanna",  "Ivan",   "Julia",  "Kurt",   "Lena",  "Max",   "Nora",
    "Oskar", "Petra", "Ralf",   "Sara",   "Tom",    "Ursula", "Victor", "Wendy", "Yann",  "Adam",
    "Bella", "Chris", "Dora",   "Erik",   "Fiona",  "George", "Helen",  "Iris",  "Jack",  "Kate",
    "Lucas", "Mia",   "Noah",   "Oliver", "Sophie",
};
const struct vlm_docgen_list vlm_docgen_names = LIST(names);

static const char *const surnames[] = {
    "Smith",    "Jones",  "Miller", "Brown",  "Garcia",  "Rossi",   "Dubois",   "Weber",  "Novak",
    "Larsen",   "Kim",    "Patel",  "Tanaka", "Silva",   "Costa",   "Moreau",   "Becker", "Hansen",
    "Kowalski", "Bakker", "Evans",  "Clark",  "Lopez",   "Wilson",  "Taylor",   "Moore",  "Martin",
    "Lee",      "Walker", "Young",  "King",   "Wright",  "Scott",   "Green",    "Baker",  "Adams",
    "Nelson",   "Hill",   "Carter", "Turner", "Parker",  "Collins", "Cook",     "Bell",   "Ward",
    "Cox",      "Gray",   "Fisher", "Hunt",   "Stone",   "Lambert", "Fontaine", "Girard", "Mercier",
    "Schmidt",  "Wagner", "Vogel",  "Braun",  "Fischer", "Krause",  "Navarro",  "Ortega", "Molina",
    "Vega",     "Nunez",  "Rivera", "Berg",   "Lund",    "Holm",    "Dahl",     "Petrov", "Horvat",
    "Sato",     "Ito",    "Chen",   "Wang",   "Singh",   "Khan",    "Ali",      "Okafor", "Mensah",
};
const struct vlm_docgen_list vlm_docgen_surnames = LIST(surnames);

static const char *const shops[] = {
    "Market", "Store",    "Cafe",     "Bakery",    "Deli",    "Grill",  "Bistro",   "Foods",
    "Books",  "Hardware", "Pharmacy", "Kitchen",   "Garden",  "Shop",   "Supply",   "Trading",
    "Pizza",  "Bar",      "Motors",   "Tools",     "Fashion", "Hotel",  "Services", "Systems",
    "Media",  "Studio",   "Group",    "Logistics", "Energy",  "Design", "Partners", "Consulting",
    "Labs",   "Print",    "Travel",   "Airlines",  "Rail",    "Sports", "Florist",  "Electric",
};
const struct vlm_docgen_list vlm_docgen_shops = LIST(shops);

static const char *const towns[] = {
    "London",  "Paris",   "Berlin",  "Madrid",  "Rome",     "Vienna",  "Oslo",     "Lisbon",
    "Dublin",  "Prague",  "Warsaw",  "Athens",  "Zurich",   "Geneva",  "Lyon",     "Nice",
    "Lille",   "Munich",  "Hamburg", "Cologne", "Bonn",     "Dresden", "Seville",  "Malaga",
    "Bilbao",  "Porto",   "Milan",   "Turin",   "Naples",   "Leeds",   "York",     "Bath",
    "Oxford",  "Bristol", "Boston",  "Dallas",  "Denver",   "Austin",  "Miami",    "Seattle",
    "Chicago", "Detroit", "Houston", "Atlanta", "Portland", "Toronto", "Montreal", "Ottawa",
    "Sydney",  "Perth",   "Tokyo",   "Osaka",   "Kyoto",    "Delhi",   "Mumbai",   "Cairo",
    "Lima",    "Quito",   "Bogota",  "Nantes",  "Bremen",   "Ulm",     "Kiel",     "Ghent",
    "Bergen",  "Malmo",   "Turku",   "Tampa",   "Reno",     "Salem",   "Dover",    "Albany",
};
const struct vlm_docgen_list vlm_docgen_towns = LIST(towns);

static const char *const jobs[] = {
    "Engineer",     "Manager",         "Director",     "Sales Manager", "Accountant",
    "Designer",     "Architect",       "Consultant",   "Lawyer",        "Dentist",
    "Photographer", "Editor",          "Teacher",      "Nurse",         "Plumber",
    "Electrician",  "Carpenter",       "Gardener",     "Chef",          "Baker",
    "Florist",      "Developer",       "Analyst",      "Scientist",     "Technician",
    "Assistant",    "Secretary",       "Broker",       "Tailor",        "Mechanic",
    "Translator",   "Head of Sales",   "Owner",        "Founder",       "Partner",
    "Art Director", "Product Manager", "Data Analyst", "Project Lead",  "Vice President",
};
const struct vlm_docgen_list vlm_docgen_jobs = LIST(jobs);

static const char *const payments[] = {
    "Cash",    "Card",    "VISA", "Mastercard", "Debit",     "Credit",
    "Voucher", "EC card", "Amex", "PayPal",     "Gift card", "Check",
};
const struct vlm_docgen_list vlm_docgen_payments = LIST(payments);

static const char *const thanks[] = {
    "Thank you!",
    "THANK YOU",
    "Thank you for your visit",
    "Please come again",
    "Have a nice day",
    "Merci et a bientot",
    "Merci de votre visite",
    "Vielen Dank",
    "Danke! Bis bald",
    "Gracias por su compra",
    "Gracias",
    "See you soon",
    "Goodbye",
    "Keep this receipt",
    "No refunds",
    "Customer copy",
    "Have a great day!",
    "Thanks for shopping",
    "Enjoy your meal",
    "Auf Wiedersehen",
};
const struct vlm_docgen_list vlm_docgen_thanks = LIST(thanks);

static const char *const events[] = {
    "Jazz Night",  "Rock Festival", "City Museum", "Opera",      "Science Fair", "Film Club",
    "Circus",      "Theatre",       "Concert",     "Zoo",        "Football Cup", "Art Show",
    "Comedy Club", "Marathon",      "Book Fair",   "Ballet",     "Cinema",       "Aquarium",
    "Car Show",    "Open Air",      "Planetarium", "Ice Hockey", "Tennis Open",  "Poetry Slam",
};
const struct vlm_docgen_list vlm_docgen_events = LIST(events);

static const char *const forms[] = {
    "Registration",  "Application",  "Order Form",   "Membership", "Request",      "Questionnaire",
    "Work Order",    "Visitor",      "Claim Form",   "Checklist",  "Inspection",   "Time Sheet",
    "Delivery Note", "Patient Form", "Booking",      "Survey",     "Packing List", "Report",
    "Contact Form",  "Entry Form",   "Repair Order", "Guest Card", "Test Report",  "Leave Request",
};
const struct vlm_docgen_list vlm_docgen_forms = LIST(forms);

static const char *const verbs[] = {
    "is",     "are",    "was",   "has",    "had",   "can",    "will",    "may",     "must",
    "makes",  "takes",  "gives", "goes",   "comes", "sees",   "finds",   "keeps",   "holds",
    "brings", "needs",  "reads", "writes", "opens", "closes", "begins",  "ends",    "turns",
    "moves",  "stands", "falls", "grows",  "works", "plays",  "runs",    "waits",   "calls",
    "asks",   "tells",  "shows", "helps",  "looks", "seems",  "becomes", "remains", "returns",
};
const struct vlm_docgen_list vlm_docgen_verbs = LIST(verbs);

static const char *const small[] = {
    "the",     "a",     "an",     "and",   "or",    "but",   "of",   "in",      "on",   "at",
    "to",      "from",  "with",   "for",   "by",    "as",    "not",  "no",      "this", "that",
    "these",   "those", "it",     "he",    "she",   "they",  "we",   "you",     "I",    "my",
    "your",    "his",   "her",    "our",   "their", "one",   "two",  "some",    "many", "few",
    "all",     "each",  "every",  "when",  "where", "why",   "how",  "if",      "then", "so",
    "because", "while", "before", "after", "over",  "under", "near", "between",
};
const struct vlm_docgen_list vlm_docgen_small = LIST(small);

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

static const char *const total_en[] = {"Total",      "TOTAL",       "Total due",
                                       "Amount due", "Grand total", "To pay"};
static const char *const subtotal_en[] = {"Subtotal", "Sub-total", "SUBTOTAL", "Net",
                                          "Sum of items"};
static const char *const tax_en[] = {"Tax", "TAX", "VAT", "Sales tax", "GST"};
static const char *const cash_en[] = {"Cash", "CASH", "Paid", "Tendered", "Cash paid"};
static const char *const card_en[] = {"Card", "VISA", "Mastercard", "Debit card", "Credit card"};
static const char *const change_en[] = {"Change", "CHANGE", "Change due"};
static const char *const date_en[] = {"Date", "DATE", "Date"};
static const char *const time_en[] = {"Time", "TIME", "Time"};
static const char *const number_en[] = {"Receipt no", "No",     "Receipt #", "Trans", "Order",
                                        "Ref",        "Number", "Bill no",   "Doc no"};
static const char *const cashier_en[] = {"Cashier", "Server", "Clerk", "Served by", "Operator"};
static const char *const table_en[] = {"Table", "Till", "Register"};
static const char *const phone_en[] = {"Tel", "Phone", "Tel.", "Call"};
static const char *const quantity_en[] = {"Qty", "QTY", "Qty", "No"};
static const char *const item_en[] = {"Item", "Description", "Article", "Product"};
static const char *const price_en[] = {"Price", "Unit", "Each"};
static const char *const amount_en[] = {"Amount", "Total", "Sum"};
static const char *const receipt_en[] = {"Receipt"};
static const char *const invoice_en[] = {"Invoice", "INVOICE", "Tax invoice", "Bill"};
static const char *const due_en[] = {"Due date", "Due", "Pay by", "Payment due"};
static const char *const bill_to_en[] = {"Bill to", "Customer", "Client", "Billed to", "Sold to"};
static const char *const discount_en[] = {"Discount", "You save", "Less"};
static const char *const total_fr[] = {"Total", "TOTAL", "A payer", "Total TTC", "Montant"};
static const char *const subtotal_fr[] = {"Sous-total", "Total HT"};
static const char *const tax_fr[] = {"TVA", "dont TVA", "Taxe"};
static const char *const cash_fr[] = {"Especes", "Paye", "Recu"};
static const char *const card_fr[] = {"Carte", "CB", "VISA"};
static const char *const change_fr[] = {"Rendu", "Monnaie"};
static const char *const date_fr[] = {"Date", "Le"};
static const char *const time_fr[] = {"Heure"};
static const char *const number_fr[] = {"Ticket no", "Facture no", "No"};
static const char *const cashier_fr[] = {"Caissier", "Serveur", "Vendeur"};
static const char *const table_fr[] = {"Table", "Caisse"};
static const char *const phone_fr[] = {"Tel", "Tel."};
static const char *const quantity_fr[] = {"Qte", "Nb"};
static const char *const item_fr[] = {"Article", "Produit"};
static const char *const price_fr[] = {"Prix", "PU"};
static const char *const amount_fr[] = {"Montant", "Total"};
static const char *const receipt_fr[] = {"Recu"};
static const char *const invoice_fr[] = {"Facture", "FACTURE"};
static const char *const due_fr[] = {"Echeance", "A regler le"};
static const char *const bill_to_fr[] = {"Client", "Facture a"};
static const char *const discount_fr[] = {"Remise", "Rabais"};
static const char *const total_de[] = {"Summe", "SUMME", "Gesamt", "Zu zahlen", "Endbetrag"};
static const char *const subtotal_de[] = {"Zwischensumme", "Netto"};
static const char *const tax_de[] = {"MwSt", "MwSt.", "USt"};
static const char *const cash_de[] = {"Bar", "Gegeben", "Bezahlt"};
static const char *const card_de[] = {"Karte", "EC-Karte", "VISA"};
static const char *const change_de[] = {"Wechselgeld", "Zurueck", "Rest"};
static const char *const date_de[] = {"Datum", "Datum"};
static const char *const time_de[] = {"Uhrzeit", "Zeit"};
static const char *const number_de[] = {"Beleg-Nr", "Bon-Nr", "Nr"};
static const char *const cashier_de[] = {"Kassierer", "Bediener", "Kasse"};
static const char *const table_de[] = {"Tisch", "Kasse"};
static const char *const phone_de[] = {"Tel", "Telefon", "Tel."};
static const char *const quantity_de[] = {"Menge", "Anz"};
static const char *const item_de[] = {"Artikel", "Ware"};
static const char *const price_de[] = {"Preis", "Einzel"};
static const char *const amount_de[] = {"Betrag", "Gesamt"};
static const char *const receipt_de[] = {"Quittung"};
static const char *const invoice_de[] = {"Rechnung", "RECHNUNG"};
static const char *const due_de[] = {"Faellig am", "Zahlbar bis"};
static const char *const bill_to_de[] = {"Kunde", "An"};
static const char *const discount_de[] = {"Rabatt", "Nachlass"};
static const char *const total_es[] = {"Total", "TOTAL", "A pagar", "Importe total"};
static const char *const subtotal_es[] = {"Subtotal", "Base"};
static const char *const tax_es[] = {"IVA", "Impuesto"};
static const char *const cash_es[] = {"Efectivo", "Entregado", "Pagado"};
static const char *const card_es[] = {"Tarjeta", "VISA"};
static const char *const change_es[] = {"Cambio", "Vuelto"};
static const char *const date_es[] = {"Fecha", "Fecha"};
static const char *const time_es[] = {"Hora"};
static const char *const number_es[] = {"Ticket", "Factura no", "Num"};
static const char *const cashier_es[] = {"Cajero", "Atendido por"};
static const char *const table_es[] = {"Mesa", "Caja"};
static const char *const phone_es[] = {"Tel", "Telefono"};
static const char *const quantity_es[] = {"Cant", "Uds"};
static const char *const item_es[] = {"Articulo", "Producto"};
static const char *const price_es[] = {"Precio", "P.U."};
static const char *const amount_es[] = {"Importe", "Total"};
static const char *const receipt_es[] = {"Recibo"};
static const char *const invoice_es[] = {"Factura", "FACTURA"};
static const char *const due_es[] = {"Vence", "Vencimiento"};
static const char *const bill_to_es[] = {"Cliente", "Para"};
static const char *const discount_es[] = {"Descuento"};
const struct vlm_docgen_list vlm_docgen_terms[4][N_TERMS] = {
    {
        [TERM_TOTAL] = LIST(total_en),       [TERM_SUBTOTAL] = LIST(subtotal_en),
        [TERM_TAX] = LIST(tax_en),           [TERM_CASH] = LIST(cash_en),
        [TERM_CARD] = LIST(card_en),         [TERM_CHANGE] = LIST(change_en),
        [TERM_DATE] = LIST(date_en),         [TERM_TIME] = LIST(time_en),
        [TERM_NUMBER] = LIST(number_en),     [TERM_CASHIER] = LIST(cashier_en),
        [TERM_TABLE] = LIST(table_en),       [TERM_PHONE] = LIST(phone_en),
        [TERM_QUANTITY] = LIST(quantity_en), [TERM_ITEM] = LIST(item_en),
        [TERM_PRICE] = LIST(price_en),       [TERM_AMOUNT] = LIST(amount_en),
        [TERM_RECEIPT] = LIST(receipt_en),   [TERM_INVOICE] = LIST(invoice_en),
        [TERM_DUE] = LIST(due_en),           [TERM_BILL_TO] = LIST(bill_to_en),
        [TERM_DISCOUNT] = LIST(discount_en),
    },
    {
        [TERM_TOTAL] = LIST(total_fr),       [TERM_SUBTOTAL] = LIST(subtotal_fr),
        [TERM_TAX] = LIST(tax_fr),           [TERM_CASH] = LIST(cash_fr),
        [TERM_CARD] = LIST(card_fr),         [TERM_CHANGE] = LIST(change_fr),
        [TERM_DATE] = LIST(date_fr),         [TERM_TIME] = LIST(time_fr),
        [TERM_NUMBER] = LIST(number_fr),     [TERM_CASHIER] = LIST(cashier_fr),
        [TERM_TABLE] = LIST(table_fr),       [TERM_PHONE] = LIST(phone_fr),
        [TERM_QUANTITY] = LIST(quantity_fr), [TERM_ITEM] = LIST(item_fr),
        [TERM_PRICE] = LIST(price_fr),       [TERM_AMOUNT] = LIST(amount_fr),
        [TERM_RECEIPT] = LIST(receipt_fr),   [TERM_INVOICE] = LIST(invoice_fr),
        [TERM_DUE] = LIST(due_fr),           [TERM_BILL_TO] = LIST(bill_to_fr),
        [TERM_DISCOUNT] = LIST(discount_fr),
    },
    {
        [TERM_TOTAL] = LIST(total_de),       [TERM_SUBTOTAL] = LIST(subtotal_de),
        [TERM_TAX] = LIST(tax_de),           [TERM_CASH] = LIST(cash_de),
        [TERM_CARD] = LIST(card_de),         [TERM_CHANGE] = LIST(change_de),
        [TERM_DATE] = LIST(date_de),         [TERM_TIME] = LIST(time_de),
        [TERM_NUMBER] = LIST(number_de),     [TERM_CASHIER] = LIST(cashier_de),
        [TERM_TABLE] = LIST(table_de),       [TERM_PHONE] = LIST(phone_de),
        [TERM_QUANTITY] = LIST(quantity_de), [TERM_ITEM] = LIST(item_de),
        [TERM_PRICE] = LIST(price_de),       [TERM_AMOUNT] = LIST(amount_de),
        [TERM_RECEIPT] = LIST(receipt_de),   [TERM_INVOICE] = LIST(invoice_de),
        [TERM_DUE] = LIST(due_de),           [TERM_BILL_TO] = LIST(bill_to_de),
        [TERM_DISCOUNT] = LIST(discount_de),
    },
    {
        [TERM_TOTAL] = LIST(total_es),       [TERM_SUBTOTAL] = LIST(subtotal_es),
        [TERM_TAX] = LIST(tax_es),           [TERM_CASH] = LIST(cash_es),
        [TERM_CARD] = LIST(card_es),         [TERM_CHANGE] = LIST(change_es),
        [TERM_DATE] = LIST(date_es),         [TERM_TIME] = LIST(time_es),
        [TERM_NUMBER] = LIST(number_es),     [TERM_CASHIER] = LIST(cashier_es),
        [TERM_TABLE] = LIST(table_es),       [TERM_PHONE] = LIST(phone_es),
        [TERM_QUANTITY] = LIST(quantity_es), [TERM_ITEM] = LIST(item_es),
        [TERM_PRICE] = LIST(price_es),       [TERM_AMOUNT] = LIST(amount_es),
        [TERM_RECEIPT] = LIST(receipt_es),   [TERM_INVOICE] = LIST(invoice_es),
        [TERM_DUE] = LIST(due_es),           [TERM_BILL_TO] = LIST(bill_to_es),
        [TERM_DISCOUNT] = LIST(discount_es),
    },
};
