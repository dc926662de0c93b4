#!/usr/bin/env python3
"""Makes tests/data/image: what the reference does with pictures, for the tests of the image room.

Made with Pillow 12.0.0 (libjpeg-turbo 3.1.2), transformers 5.23.0 (SmolVLMImageProcessorPil, files by
path; SmolVLMVideoProcessor), torch 2.15 and torchvision 0.29.2 on a CPU with AVX2, numpy 2.4, ffmpeg 5.1.9 (frames of
animated GIFs); the JPEG kinds that Pillow cannot write come from a few lines of C on the system's libjpeg-turbo (2.1.5).
Needs cc and libjpeg-dev.  All pictures are synthetic.

    tools/make_image_golden.py [--out tests/data/image] [--seed 1] [--resizes 4000] [--seeds DIR] [PART...]

golden.txt      one line a picture (JPEG and PNG): where it lies, the configuration, what must come out
formats.txt     the same for WebP, GIF, APNG and odd JPEG
animations.txt  one line an animated GIF: its frames as ffmpeg shows them
refused.txt     one line a file that must be refused: the status, what the message must say
X.bin           the files of X.txt, one after the other
resize.txt      one line a resize: sizes, filter, pattern, first 8 bytes of the SHA-256 of the result
video.txt       the same for resizes of torchvision, then whole frames through the video processor
"""
import argparse
import ctypes
import hashlib
import io
import json
import os
import struct
import subprocess
import tempfile
import time
import warnings
import zlib

import numpy as np
from PIL import Image

warnings.simplefilter("ignore")

# ---- resize -------------------------------------------------------------------------------------


def pattern(w, h, kind, seed):
    """Integer patterns that test_resize.c makes again."""
    y, x, c = (a.astype(np.uint32) for a in np.meshgrid(np.arange(h), np.arange(w), np.arange(3), indexing="ij"))

    def mix(v):
        v = (v + np.uint32(seed * 0x9E3779B1 & 0xFFFFFFFF)) * np.uint32(0x85EBCA6B)
        v ^= v >> np.uint32(15)
        v *= np.uint32(0xC2B2AE35)
        return v ^ (v >> np.uint32(13))

    with np.errstate(over="ignore"):
        if kind == 0:  # noise
            v = mix((y * np.uint32(w) + x) * np.uint32(3) + c) >> np.uint32(24)
        elif kind == 1:  # slopes
            t = (x * np.uint32(1 + seed % 5) + y * np.uint32(1 + seed % 3) + c * np.uint32(31)) & np.uint32(511)
            v = np.where(t < 256, t, 511 - t)
        else:  # hard edges
            b = np.uint32(1 + seed % 13)
            v = (mix(y // b * np.uint32(4096) + x // b + c * np.uint32(7919)) >> np.uint32(31)) * np.uint32(255)
    return v.astype(np.uint8)


def some_resizes(rng, n):
    """(number, sw, sh, dw, dh, filter, pattern)"""

    def side():
        return int([rng.integers(1, 5), rng.integers(1, 40), rng.integers(1, 130), rng.integers(1, 400),
                    [64, 128, 384, 512, 1000, 3000, 16384][rng.integers(0, 7)]][rng.integers(0, 5)])

    i = 0
    while i < n:
        sw, sh, dw, dh = side(), side(), side(), side()
        if rng.integers(0, 12) == 0:
            dw = sw
        if rng.integers(0, 12) == 0:
            dh = sh
        if sw * sh > 100000 or dw * dh > 100000:
            continue
        kind, resample = int(rng.integers(0, 3)), 3 if rng.integers(0, 4) == 0 else 1
        yield i, sw, sh, dw, dh, resample, kind
        i += 1


def make_resizes(path, rng, n):
    with open(path, "w") as f:
        f.write("# sw sh dw dh filter pattern sha256[:8]; the seed is the number of the line, from 0\n")
        for i, sw, sh, dw, dh, resample, kind in some_resizes(rng, n):
            out = Image.fromarray(pattern(sw, sh, kind, i)).resize((dw, dh), resample).tobytes()
            f.write(f"{sw} {sh} {dw} {dh} {resample} {kind} {hashlib.sha256(out).hexdigest()[:16]}\n")


def make_video(path, rng, n_resizes, n_frames):
    import torch
    from torchvision.transforms.v2 import functional as tvf
    from transformers.models.smolvlm.video_processing_smolvlm import SmolVLMVideoProcessor

    names = {1: tvf.InterpolationMode.LANCZOS, 3: tvf.InterpolationMode.BICUBIC}

    def tensor(w, h, kind, seed):
        return torch.from_numpy(pattern(w, h, kind, seed)).permute(2, 0, 1).contiguous()

    with open(path, "w") as f:
        f.write("# resize SW SH DW DH FILTER PATTERN SHA256[:8]; the seed is the number of the line of its kind\n"
                "# frame W H LONGEST_EDGE TILE RESAMPLE NORM PATTERN SHA256[:8] of the floats\n")
        for i, sw, sh, dw, dh, resample, kind in some_resizes(rng, n_resizes):
            if dw * dh == 1:  # torch 2.15 ends with an assertion there
                dw = 2
            out = tvf.resize(tensor(sw, sh, kind, i), [dh, dw], interpolation=names[resample], antialias=True)
            out = np.ascontiguousarray(out.permute(1, 2, 0).numpy()).tobytes()
            f.write(f"resize {sw} {sh} {dw} {dh} {resample} {kind} {hashlib.sha256(out).hexdigest()[:16]}\n")
        for i in range(n_frames):
            w, h = (int(rng.integers(1, [60, 400, 700][i % 3])) for _ in range(2))
            edge, tile = {0: (1536, 384), 20: (2048, 512), 40: (5000, 96)}.get(
                i % 60, [(64, 32), (96, 16), (201, 57), (384, 128), (50, 64)][i % 4 if i % 6 else 4])
            resample, clip, kind = 3 if i % 7 == 6 else 1, i % 5 == 0, i // 3 % 3
            mean, std = CLIP if clip else HALF
            processor = SmolVLMVideoProcessor(
                size={"longest_edge": edge}, max_image_size={"longest_edge": tile}, resample=resample, image_mean=mean,
                image_std=std, rescale_factor=1 / 255, do_sample_frames=False)
            clip_of = torch.stack([tensor(w, h, kind, i), tensor(w, h, kind, i + 1)])
            x = processor([clip_of], return_tensors="np")["pixel_values"][0]
            assert x.dtype == np.float32 and x.shape == (2, 3, tile, tile)
            digest = hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest()[:16]
            f.write(f"frame {w} {h} {edge} {tile} {resample} {int(clip)} {kind} {digest}\n")


# ---- PNG ----------------------------------------------------------------------------------------

ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_rows(values, depth, rng):
    """Rows of packed samples with random filters (0 and 2 only: enough, the rest Pillow writes)."""
    out, before = b"", None
    for row in values.reshape(values.shape[0], -1):
        if depth == 16:
            raw = row.astype(">u2").tobytes()
        elif depth == 8:
            raw = row.astype(np.uint8).tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in row)
            bits += "0" * (-len(bits) % 8)
            raw = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        if before is not None and rng.integers(0, 2):
            out += b"\2" + bytes((a - b) & 255 for a, b in zip(raw, before))
        else:
            out += b"\0" + raw
        before = raw
    return out


def make_png(values, depth, kind, interlace=0, palette=None, before=(), after=(), rng=None):
    rng = rng or np.random.default_rng(0)
    h, w, _ = values.shape
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, kind, 0, 0, interlace))
    if palette is not None:
        out += chunk(b"PLTE", palette)
    for k, d in before:
        out += chunk(k, d)
    raw = b""
    for x, y, dx, dy in ADAM7 if interlace else [(0, 0, 1, 1)]:
        if values[y::dy, x::dx].size:
            raw += png_rows(values[y::dy, x::dx], depth, rng)
    z = zlib.compress(raw, 9)
    cut = len(z) // 2
    out += chunk(b"IDAT", z[:cut]) + chunk(b"IDAT", z[cut:])
    for k, d in after:
        out += chunk(k, d)
    return out + chunk(b"IEND", b"")


def samples(rng, w, h, n, depth):
    """Smooth with some noise, over the whole range."""
    y, x = np.mgrid[0:h, 0:w]
    v = (x * 7 + y * 5)[:, :, None] * (1 + np.arange(n)) * max(1, (1 << depth) // 64)
    return ((v + rng.integers(0, 1 + (1 << depth) // 8, (h, w, n))) % (1 << depth)).astype(np.int64)


# ---- JPEG ---------------------------------------------------------------------------------------

ENCODER = r"""
#include <stdio.h>
#include <stdlib.h>
#include <jpeglib.h>
int encode(unsigned char **out, unsigned long *n, const unsigned char *pixels, int w, int h, int comps, int from,
           int to, const int *samp, int arith, int progressive, int quality, int restart)
{
    struct jpeg_compress_struct c; struct jpeg_error_mgr e;
    c.err = jpeg_std_error(&e); jpeg_create_compress(&c); *out = NULL; *n = 0; jpeg_mem_dest(&c, out, n);
    c.image_width = w; c.image_height = h; c.input_components = comps; c.in_color_space = from;
    jpeg_set_defaults(&c); jpeg_set_colorspace(&c, to); jpeg_set_quality(&c, quality, 1);
    for (int i = 0; i < c.num_components; i++) {
        c.comp_info[i].h_samp_factor = samp[2 * i]; c.comp_info[i].v_samp_factor = samp[2 * i + 1]; }
    c.arith_code = arith; if (progressive) jpeg_simple_progression(&c); c.restart_interval = restart;
    jpeg_start_compress(&c, 1);
    while (c.next_scanline < (unsigned)h) {
        JSAMPROW r[1] = {(JSAMPROW)pixels + (size_t)c.next_scanline * w * comps}; jpeg_write_scanlines(&c, r, 1); }
    jpeg_finish_compress(&c); jpeg_destroy_compress(&c); return 0;
}
"""
GREY, RGB, YCC, CMYK, YCCK = 1, 2, 3, 4, 5
FULL, H2, H2V2, V2, H4 = (1, 1), (2, 1), (2, 2), (1, 2), (4, 1)


class Encoder:
    def __init__(self, folder):
        src, lib = os.path.join(folder, "enc.c"), os.path.join(folder, "enc.so")
        with open(src, "w") as f:
            f.write(ENCODER)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", src, "-o", lib, "-ljpeg"], check=True)
        self.lib = ctypes.CDLL(lib)

    def __call__(self, a, from_, to, luma=FULL, arith=0, progressive=0, quality=85, restart=0):
        h, w, n = a.shape
        samp = list(luma) + [1, 1] * (n - 1)
        if to == YCCK:
            samp[6:] = luma
        out, size = ctypes.c_void_p(), ctypes.c_ulong()
        self.lib.encode(ctypes.byref(out), ctypes.byref(size), a.tobytes(), w, h, n, from_, to,
                        (ctypes.c_int * len(samp))(*samp), arith, progressive, quality, restart)
        return ctypes.string_at(out, size.value)


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def photo(rng, w, h, n=3):
    """Slopes, discs, bars like print, a little noise."""
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    a = np.stack([127 + 100 * np.sin(x / (30 + 9 * c) + c) * np.cos(y / (50 - 7 * c)) for c in range(n)], -1)
    for _ in range(8):
        cx, cy, r = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(2, 4 + min(w, h) / 4)
        a[(x - cx) ** 2 + (y - cy) ** 2 < r * r] = rng.uniform(0, 255, n)
    a[(y.astype(int) % 24 < 6) & (x.astype(int) // 3 * 7 % 5 < 2) & (x < w / 2)] = 10
    return np.clip(a + rng.normal(0, 3, a.shape), 0, 255).astype(np.uint8)


# ---- GIF ----------------------------------------------------------------------------------------


def lzw(values, bits, clear_every=0, full=False):
    """full: no clear code when all codes are made."""
    clear, out, acc, n = 1 << bits, bytearray(), 0, 0

    def put(code, width):
        nonlocal acc, n
        acc |= code << n
        n += width
        while n >= 8:
            out.append(acc & 255)
            acc >>= 8
            n -= 8

    def fresh():
        return {bytes([i]): i for i in range(clear)}, clear + 2, bits + 1

    put(clear, bits + 1)
    codes, made, width = fresh()
    s, count = b"", 0
    for v in values:
        t = s + bytes([v])
        if t in codes:
            s = t
            continue
        put(codes[s], width)
        count += 1
        if made < 4096:
            codes[t] = made
            width += made == 1 << width and width < 12
            made += 1
        if (made == 4096 and not full) or (clear_every and count % clear_every == 0):
            put(clear, width)
            codes, made, width = fresh()
        s = bytes([v])
    if s:
        put(codes[s], width)
        width += made == 1 << width and width < 12  # the decoder has made one more by now
    put(clear + 1, width)
    if n:
        out.append(acc & 255)
    return bytes(out)


def gif_blocks(data, size=255):
    return b"".join(bytes([len(data[i:i + size])]) + data[i:i + size] for i in range(0, len(data), size)) + b"\0"


def palette_flags(palette):
    return 0 if palette is None else 0x80 | (len(palette) // 3).bit_length() - 2


def gif_frame(a, x=0, y=0, bits=8, palette=None, interlace=False, control=None, block=255, **kw):
    """control: (delay, transparent or None, disposal)"""
    h, w = a.shape
    out = b""
    if control is not None:
        delay, transparent, disposal = control
        out = b"!\xf9\4" + struct.pack("<BHBB", disposal << 2 | (transparent is not None), delay, transparent or 0, 0)
    out += b"," + struct.pack("<HHHHB", x, y, w, h, palette_flags(palette) | (0x40 if interlace else 0)) + (palette or b"")
    rows = [*range(0, h, 8), *range(4, h, 8), *range(2, h, 4), *range(1, h, 2)] if interlace else range(h)
    return out + bytes([bits]) + gif_blocks(lzw(a[list(rows)].tobytes(), bits, **kw), block)


def make_gif(w, h, frames, palette=None, background=0, extension=b"", end=b";"):
    return (b"GIF89a" + struct.pack("<HHBBB", w, h, 0x70 | palette_flags(palette), background, 0) + (palette or b"") +
            extension + b"".join(frames) + end)


def indices(rng, w, h, n):
    y, x = np.mgrid[0:h, 0:w]
    a = [lambda: rng.integers(0, n, (h, w)), lambda: (x // 3 + y // 2) % n, lambda: np.full((h, w), rng.integers(0, n)),
         lambda: np.kron(rng.integers(0, n, (h // 4 + 1, w // 4 + 1)), np.ones((4, 4)))[:h, :w]][rng.integers(0, 4)]()
    return a.astype(np.uint8)


def random_gif(rng, n_frames=None):
    def colors(bits):
        return rng.integers(0, 256, 3 << bits, dtype=np.uint8).tobytes()

    w, h, bits = int(rng.integers(1, 60)), int(rng.integers(1, 60)), int(rng.integers(1, 9))
    palette, frames = colors(bits) if rng.integers(0, 6) else None, []
    for i in range(n_frames or int(rng.integers(1, 7))):
        own, b = None, bits
        if palette is None or rng.integers(0, 4) == 0:
            b = int(rng.integers(1, 9))
            own = colors(b)
        x, y, fw, fh = 0, 0, w, h
        if rng.integers(0, 2 if i == 0 else 5) != 0:
            x, y = int(rng.integers(0, w)), int(rng.integers(0, h))
            fw, fh = int(rng.integers(1, w - x + 1)), int(rng.integers(1, h - y + 1))
        control = None
        if rng.integers(0, 8):
            transparent = int(rng.integers(0, 1 << b)) if rng.integers(0, 2) else None
            control = int(rng.integers(0, 30)), transparent, int(rng.integers(0, 4))
        frames.append(gif_frame(indices(rng, fw, fh, 1 << b), x, y, max(2, b), own, bool(rng.integers(0, 2)), control,
                                int(rng.integers(1, 256)), clear_every=int(rng.choice([0, 0, 50])),
                                full=bool(rng.integers(0, 2))))
    return make_gif(w, h, frames, palette, int(rng.integers(0, 1 << bits)),
                    b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0" if rng.integers(0, 2) else b"")


def animations(rng, n, folder):
    """(name, bytes)"""
    for i in range(n):
        yield f"moving-{i}.gif", random_gif(rng)
    p, a = rng.integers(0, 256, 24, dtype=np.uint8).tobytes(), indices(rng, 10, 8, 8)
    full, part = gif_frame(a, bits=3), a[:4, :4]
    yield "moving-over.gif", make_gif(10, 8, [full, gif_frame(a, 5, 4, 3, control=(3, 2, 2)),
                                              gif_frame(a, 2, 2, 3, control=(3, 2, 3)), gif_frame(part, 2, 2, 3)], p)
    yield "moving-own-palettes.gif", make_gif(10, 8, [gif_frame(part, 1, 1, 3, p, control=(5, None, 2)),
                                                      gif_frame(part, 3, 3, 3, p)])
    yield "moving-background.gif", make_gif(10, 8, [
        gif_frame(part, 1, 1, 3, control=(5, None, 2)), gif_frame(part, 3, 3, 3, control=(0, 1, 2)),
        gif_frame(part[:2], 3, 3, 3)], p, 5)
    yield "moving-no-such-background.gif", make_gif(10, 8, [gif_frame(part, 1, 1, 3, control=(5, None, 2)), full], p, 77)
    yield "moving-no-end.gif", make_gif(10, 8, [full, gif_frame(a[::-1], bits=3)], p, end=b"")
    yield "moving-trailing.gif", make_gif(10, 8, [full, gif_frame(a[::-1], bits=3)], p, end=b";more,,,")
    yield "moving-odd-bytes.gif", make_gif(10, 8, [full, b"\0\0", gif_frame(a[::-1], bits=3)], p)
    yield "moving-disposals.gif", make_gif(10, 8, [gif_frame(a, 0, 0, 3, control=(100, 1, 7)),
                                                   gif_frame(a[:3], 0, 0, 3, control=(1, 1, 4)),
                                                   gif_frame(a[:2], 0, 0, 3, control=(65535, None, 0)), full], p)
    yield "moving-no-such-color.gif", make_gif(10, 8, [gif_frame(indices(rng, 10, 8, 200))], p)
    stack = [photo(rng, 40, 30) for _ in range(4)]
    saved = io.BytesIO()
    Image.fromarray(stack[0]).save(saved, "GIF", save_all=True, append_images=[Image.fromarray(v) for v in stack[1:]],
                                   duration=[40, 70, 1000, 0], disposal=2)
    yield "moving-pillow.gif", saved.getvalue()
    path = os.path.join(folder, "f.gif")
    for name, more in (("", []), ("-noise", ["-vf", "noise=alls=30:allf=t:all_seed=1"])):
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=12:d=1", *more,
                        "-bitexact", path], check=True)
        yield f"moving-ffmpeg{name}.gif", open(path, "rb").read()


def frames_by_ffmpeg(path):
    """Width, height, [(begin, length, pixels)], times in hundredths of a second"""
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt",
                          "rgb24", "-"], capture_output=True, check=True).stdout
    frames = json.loads(subprocess.run(["ffprobe", "-v", "error", "-show_frames", "-of", "json", path],
                                       capture_output=True, check=True).stdout)["frames"]
    w, h = frames[0]["width"], frames[0]["height"]
    assert len(raw) == w * h * 3 * len(frames)
    return w, h, [(round(100 * float(f["pts_time"])), round(100 * float(f["pkt_duration_time"])),
                   raw[i * w * h * 3:(i + 1) * w * h * 3]) for i, f in enumerate(frames)]


# ---- orientation --------------------------------------------------------------------------------


def tiff(value, kind=3, big=False, others=0):
    e = ">" if big else "<"
    packed = {3: ("H", value), 4: ("I", value), 12: ("d", float(value)), 5: ("II", value * 3, 3), 1: ("B", value)}[kind]
    data = struct.pack(e + packed[0], *packed[1:])
    entries = [struct.pack(e + "HHI4s", 0x10F, 2, 4, b"vlm\0")] * others
    at = 8 + 2 + 12 * (others + 1) + 4
    field = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack(e + "I", at)
    entries.append(struct.pack(e + "HHI", 0x112, kind, 1) + field)
    return ((b"MM\0*" if big else b"II*\0") + struct.pack(e + "IH", 8, len(entries)) + b"".join(entries) +
            struct.pack(e + "I", 0) + (data if len(data) > 4 else b""))


def xmp(value, form='tiff:Orientation="%d"'):
    return b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r ' + (form % value).encode() + b"/></x:xmpmeta>"


def raw_profile(exif):
    digits = exif.hex().encode()
    return b"\nexif\n%8d\n" % len(exif) + b"\n".join(digits[i:i + 72] for i in range(0, len(digits), 72)) + b"\n"


# ---- the list -----------------------------------------------------------------------------------

# longest edge, tile, splitting, resample; small ones, so that the test takes seconds
SMALL = [(64, 16, 1, 1), (96, 32, 1, 1), (100, 32, 1, 1), (128, 128, 1, 1), (96, 24, 0, 1), (201, 57, 1, 1),
         (150, 50, 1, 3), (48, 64, 1, 1), (81, 27, 1, 1), (256, 128, 1, 1)]
FULL_SIZE = [(1536, 384, 1, 1), (2048, 512, 1, 1), (1536, 384, 0, 1), (2048, 512, 0, 1)]
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))


def pictures(rng, encode):
    """(name, bytes, configuration or None)"""

    def rgb(w, h):
        return photo(rng, w, h) if w * h > 300 else rng.integers(0, 256, (h, w, 3), dtype=np.uint8)

    def by_pillow(a, kind, **kw):
        b = io.BytesIO()
        (Image.fromarray(a[:, :, 0]) if a.shape[2] == 1 else
         Image.fromarray(a, {3: "RGB", 4: "CMYK"}[a.shape[2]])).save(b, kind, **kw)
        return b.getvalue()

    sizes = [(w, h) for w in (1, 2, 3, 4, 5, 17, 64) for h in (1, 2, 3, 4, 6, 33, 63)]
    sizes += [(384, 3), (3, 384), (100, 34), (34, 100), (99, 33), (57, 57), (56, 57), (128, 128), (129, 128), (201, 199)]
    for w, h in sizes:
        yield f"size-{w}x{h}.png", by_pillow(rgb(w, h), "PNG"), None
    for w, h in [(1, 1), (1, 9), (9, 1), (8, 8), (17, 5), (64, 64), (63, 47)]:
        yield f"size-{w}x{h}.jpg", by_pillow(rgb(w, h), "JPEG", quality=90), None
    for w, h in [(16384, 1), (1, 16384), (10000, 1), (1, 10000), (4000, 2), (3, 5000), (2000, 30), (40, 1900)]:
        line = np.repeat(np.repeat(rng.integers(0, 256, (-(-h // 8), -(-w // 8), 3), dtype=np.uint8), 8, 0), 8, 1)
        yield f"extreme-{w}x{h}.png", by_pillow(np.ascontiguousarray(line[:h, :w]), "PNG"), None
    for kind, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            for interlace in (0, 1):
                for more in ("", "trns"):
                    if more and kind in (4, 6):
                        continue
                    w, h = int(rng.integers(5, 40)), int(rng.integers(5, 40))
                    v, palette, before = samples(rng, w, h, CHANNELS[kind], depth), None, []
                    if kind == 0 and depth == 16:
                        v = v % 520
                    if kind == 3:
                        n = 1 << depth if not more else max(2, (1 << depth) * 3 // 4)
                        palette = rng.integers(0, 256, 3 * n, dtype=np.uint8).tobytes()
                    if more and kind == 3:  # one transparent entry, or many
                        before = [(b"tRNS", b"\xff\0\xff"[:n] if interlace else b"\0\x80")]
                    elif more:  # a colour that occurs, or for 1 and 16 bits black
                        color = v[3, 3] if depth in (2, 4, 8) or kind == 2 else [0]
                        before = [(b"tRNS", struct.pack(f">{len(color)}H", *(int(c) for c in color)))]
                        v[4:, :4] = np.array(color)
                        if depth == 16:
                            v[2] = v[2] // 257 * 256
                    yield (f"png-{kind}-{depth}{'-adam7' if interlace else ''}{'-' + more if more else ''}.png",
                           make_png(v, depth, kind, interlace, palette, before, rng=rng), None)
    v = samples(rng, 20, 14, 3, 8)
    yield "png-gamma.png", make_png(v, 8, 2, before=[(b"gAMA", struct.pack(">I", 100000)), (b"sBIT", b"\5\6\5")]), None
    yield "png-apng.png", make_png(v, 8, 2, before=[
        (b"acTL", struct.pack(">II", 2, 0)), (b"fcTL", struct.pack(">IIIIIHHBB", 0, 20, 14, 0, 0, 1, 10, 0, 0))],
        after=[(b"fcTL", struct.pack(">IIIIIHHBB", 1, 20, 14, 0, 0, 1, 10, 0, 0)),
               (b"fdAT", struct.pack(">I", 2) + zlib.compress(bytes(61 * 14)))]), None
    yield "png-long-text.png", make_png(v, 8, 2, before=[(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(900000)))]), None
    yield "png-trailing.png", make_png(v, 8, 2) + bytes(range(256)) * 4, None

    a3, a1, a4 = rgb(45, 37), photo(rng, 45, 37, 1), photo(rng, 45, 37, 4)
    for sub in (0, 1, 2):
        for prog in (False, True):
            for q in (30, 95):
                yield (f"jpeg-{('444', '422', '420')[sub]}-{'p' if prog else 'b'}-{q}.jpg",
                       by_pillow(a3, "JPEG", quality=q, subsampling=sub, progressive=prog), None)
    for luma in (FULL, H2, H2V2, V2, H4):
        for arith in (0, 1):
            for prog in (0, 1):
                yield f"jpeg-{luma[0]}x{luma[1]}-{arith}{prog}.jpg", encode(a3, RGB, YCC, luma, arith, prog, restart=arith * 2), None
    yield "jpeg-adobe-rgb.jpg", by_pillow(a3, "JPEG", keep_rgb=True), None
    yield "jpeg-rgb.jpg", encode(a3, RGB, RGB), None
    for prog in (0, 1):
        yield f"jpeg-grey-{prog}.jpg", by_pillow(a1, "JPEG", progressive=bool(prog)), None
        yield f"jpeg-cmyk-{prog}.jpg", by_pillow(a4, "JPEG", progressive=bool(prog), quality=90), None
        yield f"jpeg-cmyk-arith-{prog}.jpg", encode(a4, CMYK, CMYK, FULL, 1, prog), None
        for luma in (FULL, H2V2):
            yield f"jpeg-ycck-{luma[0]}-{prog}.jpg", encode(a4, CMYK, YCCK, luma, 0, prog), None
    yield "jpeg-trailing.jpg", by_pillow(a3, "JPEG") + b"<html>" + bytes(1000), None
    base = by_pillow(rgb(30, 20), "JPEG", quality=60)

    def jpeg(*segments):
        return base[:2] + b"".join(segments) + base[2:]

    for o in range(0, 10):
        yield f"exif-{o}.jpg", jpeg(segment(0xE1, b"Exif\0\0" + tiff(o, big=o % 2 == 0, others=o % 3))), None
        yield f"exif-{o}.png", make_png(v, 8, 2, before=[(b"eXIf", tiff(o, big=o % 2 == 1))]), None
    for kind in (1, 4, 5, 12):
        yield f"exif-type-{kind}.jpg", jpeg(segment(0xE1, b"Exif\0\0" + tiff(6, kind))), None
    yield "exif-late.png", make_png(v, 8, 2, after=[(b"eXIf", tiff(6))]), None
    yield "exif-raw-profile.png", make_png(v, 8, 2, before=[
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw_profile(b"Exif\0\0" + tiff(8))))]), None
    yield "exif-raw-profile-plain.png", make_png(v, 8, 2, before=[
        (b"tEXt", b"Raw profile type exif\0" + raw_profile(tiff(5)))]), None
    big = tiff(7, others=1)
    yield "exif-two-parts.jpg", jpeg(segment(0xE1, b"Exif\0\0" + big[:14]), segment(0xE1, b"Exif\0\0" + big[14:])), None
    name = b"http://ns.adobe.com/xap/1.0/\0"
    yield "xmp-6.jpg", jpeg(segment(0xE1, name + xmp(6))), None
    yield "xmp-element.jpg", jpeg(segment(0xE1, name + xmp(3, "<tiff:Orientation>%d</tiff:Orientation>"))), None
    yield "xmp-overruled.jpg", jpeg(segment(0xE1, name + xmp(6)), segment(0xE1, b"Exif\0\0" + tiff(3))), None
    yield "xmp-8.png", make_png(v, 8, 2, before=[(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(8))]), None
    yield "xmp-packed.png", make_png(v, 8, 2, before=[
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp(2)))]), None

    for i in range(90):  # anything
        w, h = int(rng.integers(1, 120)), int(rng.integers(1, 120))
        a = rgb(w, h)
        if i % 2:
            yield f"random-{i}.jpg", by_pillow(a, "JPEG", quality=int(rng.integers(20, 96)), subsampling=int(rng.integers(0, 3))), None
        else:
            yield f"random-{i}.png", by_pillow(a, "PNG"), None
    for i, (w, h) in enumerate([(640, 480), (480, 640), (1536, 1152), (300, 300), (1000, 120), (31, 400), (384, 384)]):
        data = by_pillow(photo(rng, w, h), "JPEG", quality=40)
        for config in FULL_SIZE[:2] if i < 3 else FULL_SIZE[i % 4:i % 4 + 1]:
            yield f"full-{w}x{h}-{config[0]}-{config[2]}.jpg", data, config
    yield "full-1x1.png", by_pillow(rgb(1, 1), "PNG"), FULL_SIZE[0]


# ---- WebP ---------------------------------------------------------------------------------------


def riff(*chunks):
    body = b"WEBP" + b"".join(k + struct.pack("<I", len(d)) + d + b"\0" * (len(d) & 1) for k, d in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def u24(v):
    return struct.pack("<I", v)[:3]


def vp8x(flags, w, h):
    return b"VP8X", bytes([flags, 0, 0, 0]) + u24(w - 1) + u24(h - 1)


def webp(a, **kw):
    b = io.BytesIO()
    Image.fromarray(a).save(b, "WEBP", **kw)
    return b.getvalue()


def chunks_of(data):
    at, out = 12, []
    while at < len(data):
        n = struct.unpack("<I", data[at + 4:at + 8])[0]
        out.append((data[at:at + 4], data[at + 8:at + 8 + n]))
        at += 8 + n + (n & 1)
    return out


def picture_of(data):
    return next(c for c in chunks_of(data) if c[0] in (b"VP8 ", b"VP8L"))


def anmf(picture, x, y, w, h, flags=0):
    k, d = picture
    return b"ANMF", (u24(x // 2) + u24(y // 2) + u24(w - 1) + u24(h - 1) + u24(100) + bytes([flags]) + k +
                     struct.pack("<I", len(d)) + d + b"\0" * (len(d) & 1))


def webps(rng):
    """(name, bytes)"""

    def rgba(w, h):
        a = np.dstack([photo(rng, w, h), photo(rng, w, h, 1)])
        a[:h // 3, :, 3] = 0
        return a

    for w, h in [(1, 1), (1, 9), (9, 1), (2, 2), (3, 3), (17, 5), (40, 31), (63, 64), (16, 16)]:
        yield f"lossy-{w}x{h}.webp", webp(photo(rng, w, h))
        yield f"lossless-{w}x{h}.webp", webp(photo(rng, w, h), lossless=True)
    for q in (0, 5, 30, 60, 95, 100):
        yield f"lossy-q{q}.webp", webp(photo(rng, 45, 37), quality=q, method=int(rng.integers(0, 7)))
    for i, kw in enumerate(({}, {"exact": True}, {"lossless": True}, {"lossless": True, "exact": True},
                            {"alpha_quality": 30}, {"quality": 20, "method": 6})):
        yield f"alpha-{i}.webp", webp(rgba(33, 26), **kw)
    flat = (photo(rng, 40, 30) // 100 * 100).astype(np.uint8)
    yield "lossless-few-colors.webp", webp(flat, lossless=True)
    yield "lossless-two-colors.webp", webp((photo(rng, 41, 30, 1) // 128 * np.array([200, 90, 10])).astype(np.uint8), lossless=True)
    yield "lossless-one-color.webp", webp(np.full((7, 9, 3), 77, np.uint8), lossless=True)
    yield "lossless-noise.webp", webp(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8), lossless=True, method=6, quality=100)
    yield "grey.webp", webp(photo(rng, 20, 20, 1)[:, :, 0])
    a = photo(rng, 30, 20)
    for o in range(0, 10):
        yield f"exif-{o}.webp", webp(a, quality=50, exif=tiff(o, big=o % 2 == 0, others=o % 3))
    plain = picture_of(webp(a, quality=50))
    yield "exif-prefix.webp", riff(vp8x(8, 30, 20), plain, (b"EXIF", b"Exif\0\0" + tiff(6)))
    yield "exif-first.webp", riff(vp8x(8, 30, 20), (b"EXIF", tiff(8)), plain, (b"EXIF", tiff(3)))
    yield "exif-no-flag.webp", riff(vp8x(0, 30, 20), plain, (b"EXIF", tiff(6)))
    yield "exif-simple.webp", riff(plain, (b"EXIF", tiff(6)))
    yield "xmp-5.webp", webp(a, xmp=xmp(5))
    yield "xmp-overruled.webp", webp(a, xmp=xmp(6), exif=tiff(3))
    yield "icc.webp", webp(a, icc_profile=bytes(range(99)))
    yield "odd-chunks.webp", riff(vp8x(0, 30, 20), (b"odd ", b"abc"), plain, (b"more", b""), (b"odd ", b"x"))
    yield "trailing.webp", webp(a) + b"<html>" + bytes(300)
    frames = [rgba(30, 20) for _ in range(3)]
    for name, kw in (("lossy", {}), ("lossless", {"lossless": True}), ("mixed", {"allow_mixed": True})):
        yield f"moving-{name}.webp", webp(frames[0], save_all=True, append_images=[Image.fromarray(f) for f in frames[1:]], **kw)
    small, clear = picture_of(webp(photo(rng, 11, 7))), picture_of(webp(rgba(12, 9), lossless=True))
    anim = (b"ANIM", bytes([10, 200, 30, 255, 0, 0]))
    for i, (flags, p, x, y, w, h) in enumerate([(0, small, 4, 6, 11, 7), (1, small, 18, 12, 11, 7), (2, clear, 8, 2, 12, 9),
                                                (3, clear, 0, 0, 12, 9)]):
        yield f"moving-part-{i}.webp", riff(vp8x(0x12, 30, 20), anim, anmf(p, x, y, w, h, flags), anmf(plain, 0, 0, 30, 20))
    yield "moving-exif.webp", riff(vp8x(0x0A, 30, 20), anim, anmf(plain, 0, 0, 30, 20), (b"EXIF", tiff(6)))


def stills(rng):
    """GIF: (name, bytes)"""
    for i in range(40):
        yield f"still-{i}.gif", random_gif(rng, 1 + i % 2)
    p, ramp = rng.integers(0, 256, 24, dtype=np.uint8).tobytes(), bytes(i for v in range(8) for i in (v, v, v))
    a, b = indices(rng, 10, 8, 8), indices(rng, 10, 8, 200)
    twice = p[:9] + p[3:6] + p[12:]  # entries 1 and 3 are the same colour

    def full(**kw):
        return gif_frame(a, bits=3, **kw)

    yield "still-small-frame.gif", make_gif(20, 15, [gif_frame(a, 3, 4, 3)], p, 5)
    yield "still-small-frame-clear.gif", make_gif(20, 15, [gif_frame(a, 3, 4, 3, control=(0, 2, 2))], p, 5)
    yield "still-over.gif", make_gif(8, 5, [gif_frame(a, 3, 4, 3)], p)
    yield "still-no-screen.gif", make_gif(0, 0, [full()], p)
    yield "still-no-palette.gif", make_gif(12, 8, [full()])
    yield "still-no-palette-clear.gif", make_gif(12, 8, [full(control=(0, 3, 0))])
    yield "still-ramp.gif", make_gif(12, 9, [full()], ramp)
    yield "still-ramp-own.gif", make_gif(12, 9, [full(palette=ramp, control=(0, 6, 0))], p)
    yield "still-ramp-overruled.gif", make_gif(12, 9, [full(palette=p)], ramp)
    yield "still-ramp-beyond.gif", make_gif(12, 9, [gif_frame(b)], ramp)
    yield "still-beyond.gif", make_gif(12, 9, [gif_frame(b)], p)
    yield "still-beyond-clear.gif", make_gif(12, 9, [gif_frame(b, control=(0, 150, 0))], p)
    yield "still-clear-color-twice.gif", make_gif(12, 9, [full(control=(0, 1, 0))], twice)
    yield "still-odd-bytes.gif", make_gif(10, 8, [b"\0\0abc", full()], p)
    yield "still-comments.gif", make_gif(10, 8, [b"!\xfe\3abc\2de\0", b"!\xfe\0", b"!\1\x0c" + bytes(12) + b"\1x\0", full()], p)
    yield "still-87a.gif", make_gif(10, 8, [full()], p).replace(b"GIF89a", b"GIF87a")
    yield "still-no-end.gif", make_gif(10, 8, [full()], p, end=b"")
    yield "still-next-is-damaged.gif", make_gif(10, 8, [full(), b",\1\2"], p)
    yield "still-long.gif", make_gif(90, 80, [gif_frame(rng.integers(0, 256, (80, 90), dtype=np.uint8), full=True)],
                                     rng.integers(0, 256, 768, dtype=np.uint8).tobytes())
    for h in (1, 2, 3, 4, 5, 6, 7, 8, 9):
        yield f"still-rows-{h}.gif", make_gif(5, h, [gif_frame(indices(rng, 5, h, 8), bits=3, interlace=True)], p)
    photo_of = Image.fromarray(photo(rng, 40, 30))
    for name, image, kw in (("rgb", photo_of, {}), ("grey", photo_of.convert("L"), {}), ("bits", photo_of.convert("1"), {}),
                            ("clear", photo_of.convert("P", palette=1), {"transparency": 5}),
                            ("rgba", Image.fromarray(np.dstack([photo(rng, 20, 20), photo(rng, 20, 20, 1) // 128 * 255])), {})):
        out = io.BytesIO()
        image.save(out, "GIF", **kw)
        yield f"still-pillow-{name}.gif", out.getvalue()


def more_pictures(rng, encode):
    """(name, bytes): APNG, and JPEG with odd markers"""
    v, u = samples(rng, 20, 14, 3, 8), samples(rng, 20, 14, 3, 8)
    rows = zlib.compress(png_rows(u, 8, rng))

    def control(n, w=20, h=14, x=0, y=0, dispose=0, blend=0):
        return b"fcTL", struct.pack(">IIIIIHHBB", n, w, h, x, y, 1, 10, dispose, blend)

    for name, before, after in (
            ("first", [(b"acTL", struct.pack(">II", 2, 0)), control(0)], [control(1), (b"fdAT", struct.pack(">I", 2) + rows)]),
            ("default-apart", [(b"acTL", struct.pack(">II", 1, 0))], [control(0), (b"fdAT", struct.pack(">I", 1) + rows)]),
            ("no-frames", [(b"acTL", struct.pack(">II", 0, 0))], []),
            ("disposed", [(b"acTL", struct.pack(">II", 2, 5)), control(0, dispose=1, blend=1)],
             [control(1, 5, 5, 3, 3), (b"fdAT", struct.pack(">I", 2) + zlib.compress(bytes(16 * 5)))])):
        yield f"apng-{name}.png", make_png(v, 8, 2, before=before, after=after, rng=rng)
        yield f"apng-{name}-exif.png", make_png(v, 8, 2, before=before + [(b"eXIf", tiff(6))], after=after, rng=rng)
    alpha = samples(rng, 20, 14, 4, 8)
    yield "apng-alpha.png", make_png(alpha, 8, 6, before=[(b"acTL", struct.pack(">II", 1, 0)), control(0, blend=1)], rng=rng)
    two = io.BytesIO()
    Image.fromarray(photo(rng, 25, 18)).save(two, "PNG", save_all=True, append_images=[Image.fromarray(photo(rng, 25, 18))])
    yield "apng-pillow.png", two.getvalue()

    def strip(data, marker):
        at = data.index(bytes([0xFF, marker]))
        return data[:at] + data[at + 2 + struct.unpack(">H", data[at + 2:at + 4])[0]:]

    a3, a4 = photo(rng, 33, 25), photo(rng, 33, 25, 4)
    adobe = [segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([t])) for t in range(3)]
    bare = {k: strip(encode(*w), m) for k, w, m in (("cmyk", (a4, CMYK, CMYK), 0xEE), ("ycck", (a4, CMYK, YCCK), 0xEE),
                                                   ("ycc", (a3, RGB, YCC), 0xE0), ("rgb", (a3, RGB, RGB), 0xEE))}
    for k, data in bare.items():
        yield f"jpeg-{k}-bare.jpg", data
        for t in range(3):
            yield f"jpeg-{k}-adobe-{t}.jpg", data[:2] + adobe[t] + data[2:]
    jfif = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    yield "jpeg-rgb-jfif.jpg", bare["rgb"][:2] + jfif + bare["rgb"][2:]
    yield "jpeg-rgb-jfif-adobe.jpg", bare["rgb"][:2] + jfif + adobe[0] + bare["rgb"][2:]
    yield "jpeg-cmyk-exif-6.jpg", bare["cmyk"][:2] + adobe[2] + segment(0xE1, b"Exif\0\0" + tiff(6)) + bare["cmyk"][2:]
    two = io.BytesIO()
    Image.fromarray(a3).save(two, "MPO", save_all=True, append_images=[Image.fromarray(a3[::-1])])
    yield "jpeg-mpo.jpg", two.getvalue()
    loop = bytearray(tiff(6))
    loop[-4:] = struct.pack("<I", 8)  # the next directory is this one
    base = bare["ycc"]
    yield "exif-loop.jpg", base[:2] + segment(0xE1, b"Exif\0\0" + bytes(loop)) + base[2:]
    yield "huge-app.jpg", base[:2] + segment(0xE5, bytes(2000)) * 3 + segment(0xE1, b"Exif\0\0" + tiff(8)) + base[2:]


def formats(rng, encode):
    yield from webps(rng)
    yield from stills(rng)
    yield from more_pictures(rng, encode)


def refused(rng, encode):
    """(name, bytes, status, what the message must say)"""

    def saved(kind, mode="RGB", **kw):
        b = io.BytesIO()
        Image.fromarray(photo(rng, 12, 10)).convert(mode).save(b, kind, **kw)
        return b.getvalue()

    epoch = time.gmtime(0)
    jpeg, png = saved("JPEG"), make_png(samples(rng, 12, 10, 3, 8), 8, 2)
    for name, kind, text in (("bmp", "BMP", "a BMP"), ("tif", "TIFF", "a TIFF"), ("ico", "ICO", "an ICO"),
                             ("pdf", "PDF", "a PDF"), ("jp2", "JPEG2000", "a JPEG 2000 picture")):
        dates = {"creationDate": epoch, "modDate": epoch} if kind == "PDF" else {}
        yield f"refused.{name}", saved(kind, **dates), "unsupported", f"this is {text}; JPEG, PNG, WebP and GIF are read"
    for name, data, text in (("cur", b"\0\0\2\0\1\0", "a CUR"), ("jxl", b"\xff\n\0", "a JPEG XL picture"), ("psd", b"8BPS\0\1", "a PSD"),
                             ("zip", b"PK\3\4\x14\0", "a ZIP archive"), ("gz", b"\x1f\x8b\x08\0", "gzip data"),
                             ("exe", b"MZ\x90\0", "a program"), ("mkv", b"\x1a\x45\xdf\xa3", "a video"),
                             ("gguf", b"GGUF\3\0\0\0", "a GGUF model")):
        yield f"refused.{name}", data, "unsupported", f"this is {text}; JPEG, PNG, WebP and GIF are read"
    yield "refused.heic", b"\0\0\0\x18ftypheic\0\0\0\0", "unsupported", "this is a HEIC picture"
    yield "refused.avif", b"\0\0\0\x18ftypavif\0\0\0\0", "unsupported", "this is an AVIF picture"
    yield "refused.mp4", b"\0\0\0\x18ftypisom\0\0\0\0", "unsupported", "this is a video"
    yield "refused.svg", b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "format", "this is an SVG drawing"
    yield "refused.html", b"\xef\xbb\xbf\n<!DOCTYPE HTML><p>", "format", "this is an HTML page"
    yield "text.jpg", b"BMW is not a picture\n", "format", "this is text; JPEG, PNG, WebP and GIF are read"
    yield "empty.png", b"", "format", "an empty file"
    yield "elf.png", b"\x7fELF\2\1\1\0", "unsupported", "this is a program"
    yield "binary.png", b"\x01\x1b[31m\xff\0", "format", "no picture that is known here"
    yield "cut-1.jpg", jpeg[:3], "format", "ends before its frame header"
    yield "cut-half.jpg", jpeg[:len(jpeg) // 2], "format", "JPEG"
    yield "cut-late.jpg", jpeg[:-20], "format", "JPEG: the file is cut off"
    yield "cut-half-progressive.jpg", (lambda b: b[:len(b) * 2 // 3])(saved("JPEG", progressive=True)), "format", "cut off"
    at = jpeg.index(b"\xff\xc0")
    yield "12-bit.jpg", jpeg[:at + 4] + b"\x0c" + jpeg[at + 5:], "unsupported", "12 bits a sample"
    yield "two-components.jpg", jpeg[:at + 9] + b"\2" + jpeg[at + 10:], "unsupported", "2 components"
    yield "no-lines.jpg", jpeg[:at + 5] + b"\0\0" + jpeg[at + 7:], "format", "12x0 pixels"
    yield "64k.jpg", jpeg[:at + 5] + b"\xff" * 4 + jpeg[at + 9:], "limit", "65535x65535 pixels; a side may have at most 16384"
    yield "lossless.jpg", jpeg[:at + 1] + b"\xc3" + jpeg[at + 2:], "format", "JPEG"
    yield "cut-header.png", png[:20], "format", "ends within its header"
    yield "cut-half.png", png[:len(png) // 2], "format", "the file is cut off"
    yield "cut-end.png", png[:-12], "format", "the file is cut off"
    yield "cut-crc.png", png[:-2], "format", "the file is cut off"

    def ihdr(w, h, depth=8, kind=2, interlace=0):
        return png[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, kind, 0, 0, interlace)) + png[33:]

    yield "zero.png", ihdr(0, 5), "format", "0x5 pixels"
    yield "20-gigapixel.png", ihdr(200000, 100000), "limit", "200000x100000 pixels"
    yield "2-31.png", ihdr(1 << 31, 1), "limit", "2147483648x1 pixels"
    yield "64-mpx.png", ihdr(8192, 8193), "limit", "8192x8193 pixels; at most 67108864"
    yield "bomb.png", ihdr(8192, 8192), "format", "PNG"
    yield "depth-3.png", ihdr(12, 10, 3), "format", "PNG"
    yield "kind-5.png", ihdr(12, 10, 8, 5), "format", "PNG"
    yield "interlace-2.png", ihdr(12, 10, interlace=2), "format", "PNG"
    yield "no-palette.png", ihdr(12, 10, 8, 3), "format", "PNG"
    yield "bad-crc-ihdr.png", png[:29] + b"\0\0\0\0" + png[33:], "format", "CRC"
    i = png.index(b"IDAT")
    n = struct.unpack(">I", png[i - 4:i])[0]
    yield "bad-crc-idat.png", png[:i + 4 + n] + b"\0\0\0\0" + png[i + 8 + n:], "format", "CRC"
    yield "bad-crc-text.png", png[:33] + chunk(b"tEXt", b"a\0b")[:-1] + b"\0" + png[33:], "format", "CRC"
    yield "no-idat.png", png[:33] + chunk(b"IEND", b""), "format", "PNG"
    yield "no-ihdr.png", png[:8] + chunk(b"IDAT", zlib.compress(bytes(100))) + png[33:], "format", "without a header"
    yield "two-ihdr.png", png[:33] + png[8:33] + png[33:], "format", "PNG"
    yield "short-rows.png", make_png(samples(rng, 12, 10, 3, 8), 8, 2)[:33] + chunk(
        b"IDAT", zlib.compress(bytes(37 * 5))) + chunk(b"IEND", b""), "format", "PNG"
    scans = encode(photo(rng, 16, 16, 1), GREY, GREY, progressive=1)
    sos = scans.rindex(b"\xff\xda")
    yield from refused_webp(rng)
    yield from refused_gif(rng)
    yield "300-scans.jpg", scans[:sos] + scans[sos:-2] * 300 + b"\xff\xd9", "limit", "too many scans"


# Prefix codes of up to 40 symbols, as numbers of codes of 1 to 15 bits, that leave codes unused and whose tables (414, 428
# and 538 entries behind a first level of 8 bits) are larger than the 410 that any proper code of 40 symbols needs.
OVERFULL = ([1, 1, 1, 1, 0, 0, 0, 0, 11, 5, 1, 10, 4, 2, 2], [1, 1, 1, 1, 0, 0, 0, 0, 1, 10, 2, 11, 9, 3, 0],
            [1, 1, 1, 1, 0, 0, 0, 0, 3, 1, 25, 1, 1, 0, 5])


class Bits:
    def __init__(self):
        self.value = self.n = 0

    def put(self, value, n):
        self.value |= value << self.n
        self.n += n

    def bytes(self):
        return self.value.to_bytes((self.n + 7) // 8, "little")


def vp8l_with_code(lengths):
    """A lossless picture of 1 x 1 whose fifth prefix code (distances) has these lengths; in the manner of
    the sample of CVE-2023-4863, where such a code overflowed the table."""
    b = Bits()
    b.put(0x2F, 8)
    b.put(0, 14 + 14 + 1 + 3)
    b.put(0, 3)  # no transforms, no colour cache, one group of codes
    for _ in range(4):
        b.put(1, 1)  # a simple code: one symbol, of one bit, 0
        b.put(0, 3)
    b.put(0, 1)
    order = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
    b.put(15, 4)  # lengths of all 19 code length codes: 0..15 have four bits
    for i in order:
        b.put(4 if i < 16 else 0, 3)
    b.put(0, 1)
    for v in lengths + [0] * (40 - len(lengths)):
        b.put(int(f"{v:04b}"[::-1], 2), 4)
    return b"VP8L", b.bytes() + bytes(8)


def refused_webp(rng):
    """(name, bytes, status, message)"""
    a = photo(rng, 30, 20)
    lossy, lossless = webp(a), webp(a, lossless=True)
    plain, less = picture_of(lossy), picture_of(lossless)
    anim = (b"ANIM", bytes(6))
    yield "cut-header.webp", lossy[:11], "format", "no picture that is known here"
    yield "cut-size.webp", lossy[:12], "format", "cut off"
    yield "empty-riff.webp", b"RIFF\4\0\0\0WEBP", "format", "ends within its header"
    yield "cut-end.webp", lossy[:-1], "format", "the file is cut off"
    yield "cut-half.webp", lossless[:len(lossless) // 2], "format", "the file is cut off"
    yield "chunk-over-end.webp", lossy[:16] + struct.pack("<I", 1 << 30) + lossy[20:], "format", "the file is cut off"
    yield "chunk-4g.webp", lossy[:16] + b"\xff" * 4 + lossy[20:], "format", "the file is cut off"
    yield "wrong-first.webp", riff((b"ALPH", b"\0"), plain), "format", "the first chunk is neither VP8, VP8L nor VP8X"
    yield "no-picture.webp", riff(vp8x(0, 30, 20), (b"EXIF", tiff(3))), "format", "a file without a picture"
    yield "other-canvas.webp", riff(vp8x(0, 31, 20), plain), "format", "a picture of 30x20 pixels on a canvas of 31x20"
    yield "huge-canvas.webp", riff(vp8x(0, 1 << 24, 1 << 24), plain), "format", "on a canvas of 16777216x16777216"
    yield "huge-canvas-moving.webp", riff(vp8x(2, 1 << 24, 1 << 24), anim, anmf(plain, 0, 0, 30, 20)), "limit", \
        "16777216x16777216 pixels; a side may have at most 16384"
    yield "64-mpx.webp", riff(vp8x(2, 8192, 8193), anim, anmf(plain, 0, 0, 30, 20)), "limit", "8192x8193 pixels; at most"
    yield "short-vp8x.webp", riff((b"VP8X", bytes(9)), plain), "format", "too short"
    yield "moving-no-frame.webp", riff(vp8x(2, 30, 20), anim), "format", "a file without a picture"
    yield "moving-loose.webp", riff(vp8x(2, 30, 20), anim, plain), "format", "a picture outside of its frames"
    yield "moving-outside.webp", riff(vp8x(2, 30, 20), anim, anmf(plain, 2, 0, 30, 20)), "format", "outside of its canvas"
    yield "moving-other-size.webp", riff(vp8x(2, 40, 40), anim, anmf(plain, 0, 0, 31, 20)), "format", "of different sizes"
    yield "moving-empty.webp", riff(vp8x(2, 30, 20), anim, (b"ANMF", bytes(16))), "format", "a frame without a picture"
    yield "moving-short.webp", riff(vp8x(2, 30, 20), anim, (b"ANMF", bytes(15))), "format", "a frame without its place"
    yield "moving-over-end.webp", riff(vp8x(2, 30, 20), anim, (b"ANMF", anmf(plain, 0, 0, 30, 20)[1][:-5])), "format", "cut off"
    yield "bad-start.webp", riff((b"VP8 ", plain[1][:3] + b"abc" + plain[1][6:])), "format", "without a proper header"
    yield "no-key-frame.webp", riff((b"VP8 ", bytes([plain[1][0] | 1]) + plain[1][1:])), "format", "without a proper header"
    yield "bad-signature.webp", riff((b"VP8L", b"\x2e" + less[1][1:])), "format", "without a proper header"
    yield "vp8-16383.webp", riff((b"VP8 ", plain[1][:6] + b"\xff\x3f\xff\x3f" + plain[1][10:])), "limit", "16383x16383 pixels; at most"
    yield "vp8l-16384.webp", riff((b"VP8L", b"\x2f\xff\xff\xff\x0f" + less[1][5:])), "limit", "16384x16384 pixels; at most"
    yield "vp8-8000.webp", riff((b"VP8 ", plain[1][:6] + b"\x40\x1f\x40\x1f" + plain[1][10:])), "format", "WebP: "
    yield "vp8l-8000.webp", riff((b"VP8L", b"\x2f\x3f\xdf\xcf\x07" + less[1][5:])), "format", "WebP: "
    yield "short-lossy.webp", riff((b"VP8 ", plain[1][:len(plain[1]) // 2])), "format", "WebP: "
    yield "short-lossless.webp", riff((b"VP8L", less[1][:len(less[1]) // 2])), "format", "WebP: "
    for i, counts in enumerate(OVERFULL):
        lengths = [m for m, c in enumerate(counts, 1) for _ in range(c)]
        yield f"bad-code-{i}.webp", riff(vp8l_with_code(lengths)), "format", "damaged picture data"


def refused_gif(rng):
    p = rng.integers(0, 256, 24, dtype=np.uint8).tobytes()
    frame = gif_frame(indices(rng, 10, 8, 8), bits=3)
    good = make_gif(10, 8, [frame], p)
    yield "cut-header.gif", good[:12], "format", "ends within its header"
    yield "cut-palette.gif", good[:20], "format", "ends within its palette"
    yield "no-picture.gif", make_gif(10, 8, [], p), "format", "GIF without a picture"
    yield "only-comments.gif", make_gif(10, 8, [b"!\xfe\1a\0" * 50], p, end=b""), "format", "GIF without a picture"
    yield "cut-frame.gif", good[:42], "format", "cut off"
    yield "cut-data.gif", good[:-5], "format", "the file is cut off"
    yield "frame-0.gif", make_gif(10, 8, [b",\0\0\0\0\0\0\1\0\0\2\2\x4c\1\0"], p), "format", "a frame of 0x1 pixels"
    yield "bits-0.gif", make_gif(10, 8, [frame[:10] + b"\0" + frame[11:]], p), "format", "pixels of 0 bits"
    yield "bits-9.gif", make_gif(10, 8, [frame[:10] + b"\x09" + frame[11:]], p), "format", "pixels of 9 bits"
    yield "too-few.gif", make_gif(10, 8, [b"," + struct.pack("<HHHHB", 0, 0, 10, 8, 0) + b"\2\2\x4c\1\0"], p), "format", \
        "too few pixels"
    yield "no-such-code.gif", make_gif(1, 1, [b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2\x7c\1\0"], p), "format", \
        "a code that does not exist yet"
    yield "64k.gif", make_gif(65535, 65535, [frame], p), "limit", "65535x65535 pixels; a side may have at most 16384"
    yield "64k-frame.gif", make_gif(10, 8, [b"," + struct.pack("<HHHHB", 65535, 65535, 65535, 65535, 0) + frame[10:]], p), "limit", \
        "131070x131070 pixels; a side may have at most 16384"
    yield "64-mpx.gif", make_gif(8192, 8193, [frame], p), "limit", "8192x8193 pixels; at most 67108864"
    yield "bomb.gif", make_gif(10, 8, [b"," + struct.pack("<HHHHB", 0, 0, 8192, 8192, 0) + frame[10:]], p), "format", "GIF: "


class Pack:
    """NAME.bin, files one after the other, and NAME.txt, what is known of them."""

    def __init__(self, folder, name, head):
        self.bytes, self.lines, self.at, self.known = open(f"{folder}/{name}.bin", "wb"), open(f"{folder}/{name}.txt", "w"), 0, {}
        self.lines.write(head)

    def add(self, kind, name, data, what):
        if data not in self.known:
            self.known[data] = self.at
            self.bytes.write(data)
            self.at += len(data)
        self.lines.write(f"{kind} {name} {self.known[data]} {len(data)} {what}\n")

    def close(self):
        print(f"{self.at} bytes in {self.bytes.name}")
        self.bytes.close()
        self.lines.close()


PICTURE = "# picture NAME OFFSET BYTES | LONGEST_EDGE TILE SPLIT RESAMPLE NORM | W H HASH ROWS COLS FRAMES SHA256\n"
ANIMATION = "# animation NAME OFFSET BYTES | W H FRAMES LENGTH SHA256 of (begin, length, pixels) of all frames\n"


def without_checksums(png):
    at, out = 8, b""
    while at + 8 <= len(png):
        n = struct.unpack(">I", png[at:at + 4])[0]
        out += png[at:at + 8 + n]
        at += 12 + n
    return out


def by_reference(i, path, config):
    """The rest of a picture's line"""
    from transformers.image_transforms import convert_to_rgb
    from transformers.image_utils import load_image
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    edge, tile, split, resample = config or SMALL[i % len(SMALL)]
    clip = i % 5 == 0 and config is None
    mean, std = CLIP if clip else HALF
    processor = SmolVLMImageProcessorPil(
        size={"longest_edge": edge}, max_image_size={"longest_edge": tile}, do_image_splitting=bool(split),
        resample=resample, image_mean=mean, image_std=std, rescale_factor=1 / 255)
    image = convert_to_rgb(load_image(path), return_numpy=True)
    height, width, _ = image.shape
    head = b"vlm-rgb" + struct.pack("<II", width, height)
    out = processor([[path]], return_row_col_info=True, return_tensors="np")
    x = out["pixel_values"][0]
    assert x.dtype == np.float32 and x.shape[1:] == (3, tile, tile)
    return (f"{edge} {tile} {split} {resample} {int(clip)} {width} {height} "
            f"{hashlib.sha256(head + image.tobytes()).hexdigest()} {int(np.ravel(out['rows'])[0])} "
            f"{int(np.ravel(out['cols'])[0])} {x.shape[0]} {hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest()}")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--out", default=os.path.join(os.path.dirname(__file__), "..", "tests", "data", "image"))
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--resizes", type=int, default=4000)
    args.add_argument("--seeds", help="also write small files into its folders image, gif and chunks, as seeds of fuzz_X")
    args.add_argument("parts", nargs="*", default=["resize", "video", "golden", "formats", "animations", "refused"])
    args = args.parse_args()

    def saved(name, data):
        """A path"""
        if args.seeds and len(data) < 1200 and not name.startswith("size-") and zlib.crc32(name.encode()) % 4 == 0:
            kind, content = "image", data
            if data[:3] == b"GIF":
                kind, content = "gif", data[6:]
            elif data[8:12] == b"WEBP":
                kind, content = "chunks", b"\0" + data[12:]
            elif data[:4] == b"\x89PNG":
                kind, content = "chunks", b"\1" + without_checksums(data)
            os.makedirs(os.path.join(args.seeds, kind), exist_ok=True)
            with open(os.path.join(args.seeds, kind, name), "wb") as f:
                f.write(content)
        path = os.path.join(tmp, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def rng(part):
        return np.random.default_rng([args.seed, part])

    os.makedirs(args.out, exist_ok=True)
    with tempfile.TemporaryDirectory() as tmp:
        encode, first = Encoder(tmp), np.random.default_rng(args.seed)
        if "resize" in args.parts:
            make_resizes(os.path.join(args.out, "resize.txt"), first, args.resizes)
        if "video" in args.parts:
            make_video(os.path.join(args.out, "video.txt"), rng(1), args.resizes // 4, args.resizes // 20)
        if "golden" in args.parts:  # follows "resize": its random numbers come from there
            assert "resize" in args.parts
            pack = Pack(args.out, "golden", PICTURE)
            for i, (name, data, config) in enumerate(pictures(first, encode)):
                pack.add("picture", name, data, by_reference(i, saved(name, data), config))
            pack.close()
        if "formats" in args.parts:
            pack = Pack(args.out, "formats", PICTURE)
            for i, (name, data) in enumerate(formats(rng(2), encode)):
                pack.add("picture", name, data, by_reference(i, saved(name, data), None))
            pack.close()
        if "animations" in args.parts:
            pack = Pack(args.out, "animations", ANIMATION)
            for name, data in animations(rng(3), 60, tmp):
                width, height, frames = frames_by_ffmpeg(saved(name, data))
                all_of_it = b"".join(struct.pack("<II", begin, length) + pixels for begin, length, pixels in frames)
                pack.add("animation", name, data, f"{width} {height} {len(frames)} {sum(f[1] for f in frames)} "
                                                  f"{hashlib.sha256(all_of_it).hexdigest()}")
            pack.close()
        if "refused" in args.parts:
            pack = Pack(args.out, "refused", "# refused NAME OFFSET BYTES STATUS MESSAGE...\n")
            for name, data, status, message in refused(rng(4), encode):
                saved(name, data)
                pack.add("refused", name, data, f"{status} {message}")
            pack.close()


if __name__ == "__main__":
    main()
