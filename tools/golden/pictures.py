"""Small synthetic pictures: smooth ground, shapes, print; small files, tiles that differ.

pictures.py PAGE.png        the page that fullsize.sh asks about (1536x1152, black on white)"""

import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WORDS = "TOTAL 12.50 ITEM milk bread 3 x 1.99 EUR page one two label price BEST BEFORE 2026".split()


def draw(rng, width, height):
    """RGB picture of the given size."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    ground = np.zeros((height, width, 3))
    for c in range(3):
        fx, fy, phase = rng.uniform(0.5, 3.0, 2).tolist() + [rng.uniform(0, 6.28)]
        ground[..., c] = 140 + 80 * np.sin(
            fx * x / max(width, 1) * 3 + fy * y / max(height, 1) * 3 + phase
        )
    im = Image.fromarray(ground.clip(0, 255).astype(np.uint8), "RGB")
    pen = ImageDraw.Draw(im)
    for _ in range(int(rng.integers(3, 8))):
        x0, x1 = sorted(rng.integers(0, width + 1, 2).tolist())
        y0, y1 = sorted(rng.integers(0, height + 1, 2).tolist())
        fill = tuple(rng.integers(0, 256, 3).tolist())
        (pen.ellipse if rng.random() < 0.5 else pen.rectangle)([x0, y0, x1, y1], fill=fill)
    for _ in range(width * height // 2500 + 1):
        at = (int(rng.integers(0, max(1, width))), int(rng.integers(0, max(1, height))))
        pen.text(
            at, str(rng.choice(WORDS)), fill=(0, 0, 0) if rng.random() < 0.7 else (255, 255, 255)
        )
    return im


def save(rng, path, width, height, mode="RGB", orientation=1):
    """Writes path (.png or .jpg).  mode: RGB, L, RGBA, P; orientation: the EXIF tag of a JPEG."""
    im = draw(rng, width, height)
    if mode == "RGBA":
        im.putalpha(im.convert("L").point(lambda v: 255 - v))
    elif mode == "P":
        im = im.quantize(32)
    elif mode != "RGB":
        im = im.convert(mode)
    if path.endswith(".jpg"):
        exif = Image.Exif()
        if orientation != 1:
            exif[0x0112] = orientation
        im.save(path, quality=88, exif=exif)
    else:
        im.save(path, optimize=True)


def page(path, width=1536, height=1152):
    rng = np.random.default_rng(1)
    im = Image.new("L", (width, height), 255)
    pen = ImageDraw.Draw(im)
    pen.text((80, 40), "INVOICE No. 2026-1121", fill=0, font=ImageFont.load_default(56))
    font = ImageFont.load_default(26)
    for y in range(140, height - 60, 44):
        words = " ".join(str(w) for w in rng.choice(WORDS, 11))
        pen.text((80, y), f"{words}  {rng.uniform(1, 99):.2f}", fill=0, font=font)
        pen.line([80, y + 38, width - 80, y + 38], fill=128)
    im.save(path, optimize=True)


if __name__ == "__main__":
    page(sys.argv[1])
