"""Documents that no generator here made: pages.html as a browser draws it, some of them photographed at an angle, and what the
pocket model reads on them.  The pictures are committed; --draw makes them again (Chromium, Pillow, numpy).

  own.py --vlm build/vlm [--model DIR] [--out own.md] [--draw]"""
import argparse, json, os, subprocess, tempfile
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
# picture, how it was taken, questions with what is right
ASKED = [
    ("table", "a screenshot of a table", [("What is the Price of Oslo?", "140.00"), ("What is the Rooms for Prague?", "305"), ("Read line 3.", "Oslo 97 140.00"),
                                          ("Which city costs 112.20?", "Vienna"), ("What is the Price of Madrid?", "not on the page")]),
    ("tag", "a price tag, at an angle", [("How much does it cost?", "€8.49"), ("What is the Shelf?", "B12"), ("What is the product?", "Olive Oil"),
                                         ("Read line 2.", "Extra virgin, 750 ml"), ("What is the expiry date?", "not on the page")]),
    ("book", "a page of a book, on a table", [("What is the title?", "Chapter Four"), ("Does the page contain captain?", "yes"), ("Read line 1.", "Chapter Four"),
                                              ("Is bicycle written there?", "no"), ("What is the price?", "not on the page")]),
    ("receipt", "a receipt, held askew", [("What is the total?", "10.50"), ("How much is Croissant?", "2.60"), ("What is the date?", "14/03/2026"),
                                          ("How much change was given?", "9.50"), ("What is the phone number?", "not on the page")]),
    ("card", "a business card, at an angle", [("What is the phone number?", "0551 403 118"), ("What is the name?", "Maria Lindgren"), ("What is the Office?", "27 Mill Road"),
                                              ("What is the job title?", "Civil Engineer"), ("What is the website?", "not on the page")]),
    ("form", "a screenshot of a form", [("What is the Policy number?", "KX-77310"), ("What is the Country?", "Ireland"), ("What is the Name?", "Peter Ashworth"),
                                        ("What is the Date of birth?", "23.07.1984"), ("What is the Salary?", "not on the page")]),
    ("box", "a parcel, at an angle", [("What is the Weight?", "2.4 kg"), ("Who is the recipient?", "Anna Keller"), ("Read line 4.", "8003 Zurich"),
                                      ("What is the Parcel?", "1 of 2"), ("Who is the sender?", "not on the page")]),
    ("sign", "a sign, white on blue", [("What is Friday?", "9-12"), ("Read line 1.", "Opening hours"), ("What is Sunday?", "closed"), ("What is Monday?", "9-17"),
                                       ("What is Tuesday?", "not on the page")]),
]
ANGLES = dict(tag=9, book=3, receipt=5, card=12, box=8)


def corners(rng, w, h, degrees):
    """where a page's corners are in the photograph: turned, and nearer on one side"""
    a = np.deg2rad(degrees * rng.choice((-1, 1)))
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    p = np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2
    p[:2] *= 1 - degrees * rng.uniform(0.004, 0.012)
    p = p @ turn.T
    return p - p.min(0) + 0.06 * max(w, h)


def photograph(image, degrees, seed):
    from PIL import Image, ImageFilter
    rng = np.random.default_rng(seed)
    w, h = image.size
    to = corners(rng, w, h, degrees)
    size = tuple(int(x) for x in to.max(0) + 0.06 * max(w, h))
    rows, right = [], []
    for (x, y), (u, v) in zip(to, ((0, 0), (w, 0), (w, h), (0, h))):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    how = np.linalg.solve(np.array(rows), np.array(right))
    over = image.transform(size, Image.PERSPECTIVE, how, Image.BICUBIC)
    mask = Image.new("L", image.size, 255).transform(size, Image.PERSPECTIVE, how, Image.BICUBIC)
    grain = np.cumsum(rng.normal(0, 1.5, (size[1], 1)), 0) + rng.normal(0, 3, (size[1], size[0]))  # wood
    table = Image.fromarray(np.clip(np.array([150, 112, 78]) + grain[..., None], 0, 255).astype(np.uint8))
    table.paste(over, (0, 0), mask)
    x = np.asarray(table.filter(ImageFilter.GaussianBlur(0.7)), float)
    light = 1.05 - 0.35 * np.linspace(0, 1, size[0])[None, :, None] * rng.uniform(0.6, 1)
    return Image.fromarray(np.clip(x * light + rng.normal(0, 3, x.shape), 0, 255).astype(np.uint8))


def draw():
    from PIL import Image
    with tempfile.TemporaryDirectory() as where:
        with open(os.path.join(HERE, "pages.html")) as f:
            page = f.read()
        for i, (name, _, _) in enumerate(ASKED):
            path, shot = os.path.join(where, name + ".html"), os.path.join(where, name + ".png")
            with open(path, "w") as f:  # only this section
                f.write(page + f"<style>section {{ display: none; margin: 0 }} #{name} {{ display: inline-block }}</style>")
            subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars", f"--screenshot={shot}",
                            f"--user-data-dir={where}/profile", "--window-size=700,700", "file://" + path], check=True, capture_output=True)
            image = Image.open(shot).convert("RGB")
            drawn = np.argwhere((np.asarray(image) != 255).any(-1))
            low, high = drawn.min(0), drawn.max(0) + 1
            if name in ("table", "receipt"):  # white paper without a frame
                low, high = np.maximum(low - 14, 0), high + 14
            image = image.crop((low[1], low[0], high[1], high[0]))
            if name in ANGLES:
                image = photograph(image, ANGLES[name], i)
            image.save(os.path.join(HERE, name + ".jpg"), quality=88)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--vlm", default="build/vlm")
    ap.add_argument("--model")
    ap.add_argument("--out", help="write a table (Markdown)")
    ap.add_argument("--draw", action="store_true")
    a = ap.parse_args()
    if a.draw:
        draw()
    with tempfile.TemporaryDirectory() as where:
        request, reply = os.path.join(where, "in.jsonl"), os.path.join(where, "out.jsonl")
        rows = [(name, how, q, right) for name, how, asked in ASKED for q, right in asked]
        with open(request, "w") as f:
            for i, (name, _, q, _) in enumerate(rows):
                f.write(json.dumps(dict(id=i, images=[os.path.join(HERE, name + ".jpg")], prompt=q)) + "\n")
        subprocess.run([a.vlm, "batch"] + ([a.model] if a.model else []) + [request, "-o", reply, "-n", "120"], check=True, stderr=subprocess.DEVNULL)
        said = {}
        with open(reply) as f:
            for line in f:
                o = json.loads(line)
                said[o["id"]] = o.get("text", "").strip()
    good = sum(said[i] == right for i, (_, _, _, right) in enumerate(rows))
    text, last = "| picture | asked | said | right |\n| --- | --- | --- | --- |\n", None
    for i, (name, how, q, right) in enumerate(rows):
        mark = "**yes**" if said[i] == right else f"no: {right}"
        text += f"| {'`' + name + '.jpg`, ' + how if name != last else ''} | {q} | {said[i]} | {mark} |\n"
        last = name
    text += f"\n{good} of {len(rows)} exact.\n"
    print(text, end="")
    if a.out:
        with open(a.out, "w") as f:
            f.write(text)


if __name__ == "__main__":
    main()
