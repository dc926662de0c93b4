#!/usr/bin/env python3
"""Makes tests/data/image: what the reference does with pictures, for test_image.c and test_resize.c.

Made with Pillow 12.0.0 (libjpeg-turbo 3.1.2), transformers 5.23.0 (SmolVLMImageProcessorPil, files by
path; SmolVLMVideoProcessor), torch 2.15 and torchvision 0.29.2 on a CPU with AVX2, numpy 2.4; the JPEG kinds that Pillow cannot write come from a few lines of C on the system's
libjpeg-turbo (2.1.5).  Needs cc and libjpeg-dev.  All pictures are synthetic.

    tools/make_image_golden.py [--out tests/data/image] [--seed 1] [--resizes 4000] [--seeds DIR]

pictures.bin  all pictures, one after the other
golden.txt    one line a picture: what it is, where it lies, the configuration, what must come out
resize.txt    one line a resize: sizes, filter, pattern, first 8 bytes of the SHA-256 of the result
video.txt     the same for resizes of torchvision, then whole frames through the video processor
"""
import argparse
import ctypes
import hashlib
import io
import os
import struct
import subprocess
import tempfile
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


def refused(rng, encode):
    """(name, bytes, status, what the message must say)"""

    def saved(kind, mode="RGB", **kw):
        b = io.BytesIO()
        Image.fromarray(photo(rng, 12, 10)).convert(mode).save(b, kind, **kw)
        return b.getvalue()

    jpeg, png = saved("JPEG"), make_png(samples(rng, 12, 10, 3, 8), 8, 2)
    for name, kind, text in (("gif", "GIF", "a GIF"), ("bmp", "BMP", "a BMP"), ("tif", "TIFF", "a TIFF"),
                             ("ico", "ICO", "an ICO"), ("pdf", "PDF", "a PDF")):
        yield f"refused.{name}", saved(kind), "unsupported", f"this is {text}; JPEG and PNG are read"
    yield "refused.webp", b"RIFF\x24\0\0\0WEBPVP8 ", "unsupported", "this is a WebP picture; JPEG and PNG are read"
    yield "refused.heic", b"\0\0\0\x18ftypheic\0\0\0\0", "unsupported", "this is a HEIC picture"
    yield "refused.avif", b"\0\0\0\x18ftypavif\0\0\0\0", "unsupported", "this is an AVIF picture"
    yield "refused.mp4", b"\0\0\0\x18ftypisom\0\0\0\0", "unsupported", "this is a video"
    yield "refused.svg", b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "format", "this is an SVG drawing"
    yield "refused.html", b"\xef\xbb\xbf\n<!DOCTYPE HTML><p>", "format", "this is an HTML page"
    yield "text.jpg", b"BMW is not a picture\n", "format", "this is text; JPEG and PNG are read"
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
    yield "300-scans.jpg", scans[:sos] + scans[sos:-2] * 300 + b"\xff\xd9", "limit", "too many scans"


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--out", default=os.path.join(os.path.dirname(__file__), "..", "tests", "data", "image"))
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--resizes", type=int, default=4000)
    args.add_argument("--seeds", help="also write the small pictures here, as seeds of fuzz_image")
    args = args.parse_args()
    from transformers.image_transforms import convert_to_rgb
    from transformers.image_utils import load_image
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    os.makedirs(args.out, exist_ok=True)
    rng = np.random.default_rng(args.seed)
    make_resizes(os.path.join(args.out, "resize.txt"), rng, args.resizes)
    make_video(os.path.join(args.out, "video.txt"), np.random.default_rng([args.seed, 1]), args.resizes // 4,
               args.resizes // 20)
    at, known = 0, {}
    with tempfile.TemporaryDirectory() as tmp, open(os.path.join(args.out, "pictures.bin"), "wb") as pack, \
            open(os.path.join(args.out, "golden.txt"), "w") as golden:

        def store(data):
            nonlocal at
            if data not in known:
                known[data] = at
                pack.write(data)
                at += len(data)
            return known[data]

        golden.write("# picture NAME OFFSET BYTES | LONGEST_EDGE TILE SPLIT RESAMPLE NORM | W H HASH ROWS COLS FRAMES SHA256\n"
                     "# refused NAME OFFSET BYTES STATUS MESSAGE...\n")
        encode = Encoder(tmp)

        def seed(name, data):
            if args.seeds and len(data) < 2000 and not name.startswith("size-") and zlib.crc32(name.encode()) % 4 == 0:
                with open(os.path.join(args.seeds, name), "wb") as f:
                    f.write(data)

        for i, (name, data, config) in enumerate(pictures(rng, encode)):
            path = os.path.join(tmp, name)
            with open(path, "wb") as f:
                f.write(data)
            seed(name, data)
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
            golden.write(f"picture {name} {store(data)} {len(data)} {edge} {tile} {split} {resample} {int(clip)} "
                         f"{width} {height} {hashlib.sha256(head + image.tobytes()).hexdigest()} "
                         f"{int(np.ravel(out['rows'])[0])} {int(np.ravel(out['cols'])[0])} {x.shape[0]} "
                         f"{hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest()}\n")
        for name, data, status, message in refused(rng, encode):
            seed(name, data)
            golden.write(f"refused {name} {store(data)} {len(data)} {status} {message}\n")
    print(f"{at} bytes of pictures")


if __name__ == "__main__":
    main()
