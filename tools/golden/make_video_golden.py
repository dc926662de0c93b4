"""What the reference makes of clips: tests/data/video.

    python tools/golden/make_video_golden.py tests/data/video [--clips]

sampling.txt   indices that transformers' sample_frames takes, for made-up clips, odd ones included
golden.json    for every clip: the numbers torchcodec gives, sampled indices, a hash of the frames as the
               model sees them (checkpoint tests/data/golden/gqa-f32), the prompt text and a hash of its ids
NAME.*         the clips; --clips draws them again with ffmpeg (another version gives other bytes)

Reference: transformers 5.23.0, torchvision 0.29, torchcodec 0.17 on ffmpeg 5.1.
"""
import argparse
import hashlib
import json
import pathlib
import random
import re
import subprocess

import numpy as np
import torch
import transformers.video_utils
from transformers import AutoProcessor, SmolVLMVideoProcessor
from transformers.video_utils import VideoMetadata

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "tests/data/golden/gqa-f32/model"
H264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "slow", "-crf", "30", "-bf", "2"]
RGB = ["-c:v", "ffv1", "-pix_fmt", "bgr0"]


def source(size, rate, seconds, kind="testsrc"):
    return ["-f", "lavfi", "-i", f"{kind}=size={size}:rate={rate}:duration={seconds}"]


def tone(seconds):
    return ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=8000:duration={seconds}"]


# name: arguments of ffmpeg
CLIPS = {
    "rgb.mkv": source("37x53", 10, 2.5) + RGB,
    "h264.mp4": source("96x64", 25, 3) + H264,
    "audio.mp4": source("96x64", 12, 3) + tone(3) + H264 + ["-c:a", "aac", "-b:a", "16k"],
    "long.mp4": source("80x48", 2, 70) + H264,
    "longer.mkv": source("48x32", 1, 130) + H264,
    "half.mkv": source("48x32", 10, 6.5) + H264,
    "one.mp4": source("64x48", 10, 0.1) + H264,
    "two.webm": source("64x48", 30, 2) + ["-c:v", "libvpx-vp9", "-b:v", "60k"],
    "vp8.webm": source("64x48", 15, 3) + ["-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16",
                                          "-b:v", "60k"],
    "vfr.mp4": source("64x48", 10, 5) + ["-vf", r"select=not(eq(mod(n\,7)\,3))*lt(mod(n\,11)\,8)", "-vsync",
                                         "passthrough"] + H264,
    "vfr.mkv": source("64x48", 30, 4) + ["-vf", r"select=gte(random(1)\,0.6)", "-vsync", "passthrough"] + H264,
    "ntsc.mp4": source("64x48", "30000/1001", 3) + H264,
    "system.mpg": source("64x48", 25, 2) + ["-c:v", "mpeg2video", "-b:v", "60k"],
    "stream.ts": source("64x48", 25, 2) + ["-c:v", "mpeg2video", "-bf", "0", "-b:v", "60k"],
    "flash.flv": source("64x48", 25, 2) + ["-c:v", "flv", "-b:v", "60k"],
    "old.avi": source("64x48", 12, 2) + ["-c:v", "mjpeg", "-q:v", "8"],
    "portrait.mp4": source("32x96", 8, 2) + H264,
    "two_streams.mkv": source("64x48", 5, 3) + source("48x64", 5, 3, "smptebars") + ["-map", "0", "-map", "1"] + H264 +
                       ["-disposition:v:0", "0", "-disposition:v:1", "default"],
    "palette.gif": source("64x48", 10, 2) + ["-c:v", "gif"],
    "still.gif": source("20x30", 10, 0.1) + ["-c:v", "gif"],
}
# name: (from, arguments); streams copied
COPIES = {
    "turn90.mp4": ("h264.mp4", ["-metadata:s:v", "rotate=90"]),
    "turn180.mp4": ("portrait.mp4", ["-metadata:s:v", "rotate=180"]),
    "turn270.mp4": ("portrait.mp4", ["-metadata:s:v", "rotate=270"]),
    "fragments.mp4": ("audio.mp4", ["-movflags", "frag_keyframe+empty_moov"]),
}
# file, fps, most frames; None: the model's own
CASES = [(name, None, None) for name in [*CLIPS, "edited.mp4", *COPIES]] + [
    ("h264.mp4", 2, 8), ("h264.mp4", 0.5, None), ("h264.mp4", 5, 4), ("h264.mp4", 100, 20), ("h264.mp4", 0.01, None),
    ("half.mkv", 3, 200), ("half.mkv", 0.3, 2), ("vfr.mp4", 4, 64), ("vfr.mkv", 10, 7), ("long.mp4", None, 16),
    ("long.mp4", 0.25, 64), ("long.mp4", 2, 30), ("longer.mkv", None, 128), ("longer.mkv", 1, 100), ("ntsc.mp4", 7, 64),
    ("palette.gif", 5, 64), ("rgb.mkv", 4, 3), ("stream.ts", 12.5, 64), ("flash.flv", 30, 256),
]


def ffmpeg(*args):
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-bitexact", *args], check=True)


def draw(out):
    for name, args in CLIPS.items():
        ffmpeg(*args, "-map_metadata", "-1", str(out / name))
    for name, (of, args) in COPIES.items():
        ffmpeg("-i", str(out / of), "-c", "copy", *args, str(out / name))
    ffmpeg("-ss", "1.25", "-i", str(out / "audio.mp4"), "-c", "copy", str(out / "edited.mp4"))
    (out / "list").mkdir(exist_ok=True)
    ffmpeg(*source("50x40", 1, 5), "-pix_fmt", "rgb24", str(out / "list" / "%d.png"))


def sampling(path):
    """Numbers in hexadecimal floats, so that nothing is rounded."""
    rng = random.Random(20261121)
    processor = SmolVLMVideoProcessor()
    lines = ["# total duration video_fps fps max : indices, or their number and FNV-1a (64 bits, over 64-bit words)"]
    cases = []
    for total in (1, 2, 3, 4, 5, 7, 24, 25, 29, 30, 31, 60, 61, 100, 1799, 1800, 14985, 18000):
        for rate in (1.0, 2.0, 23.976023976023978, 24.0, 25.0, 29.97002997002997, 30.0, 59.94, 120.0, 1000.0):
            cases += [(total, total / rate, fps, most) for fps, most in
                      ((1, 64), (2, 64), (0.5, 64), (1, 8), (1, 1), (1, 2), (10, 256), (0.001, 64), (1e9, 5), (7, 3))]
    for _ in range(1500):
        total = int(10 ** rng.uniform(0, 5))
        duration = 10 ** rng.uniform(-3, 3)
        cases.append((total, duration, rng.choice([1, 2, 0.1, 0.5, 1.5, 3.3, 12.5, 24, 10 ** rng.uniform(-3, 3)]),
                      rng.choice([1, 2, 3, 8, 16, 63, 64, 65, 128, 256])))
    for halves in range(1, 140):  # est is a half
        cases.append((halves * 5, halves / 2, 1, 64))
        cases.append((halves * 7, halves / 4, 2, 256))
    for d in (65.999999999, 66, 66.00000000000001, 67, 68):  # where the ends begin to be skipped
        cases += [(max(1, int(d * r)), d, 1, 64) for r in (0.01, 0.5, 1, 2, 30)]
    for total, duration, fps, most in cases:
        meta = VideoMetadata(total_num_frames=total, fps=total / duration, duration=duration)
        idx = [int(i) for i in processor.sample_frames(meta, num_frames=most, fps=fps)]
        head = f"{total} {duration.hex() if isinstance(duration, float) else float(duration).hex()} " \
               f"{meta.fps.hex()} {float(fps).hex()} {most} :"
        if len(idx) <= 4:
            lines.append(head + "".join(f" {i}" for i in idx))
        else:
            h = 0xCBF29CE484222325
            for i in idx:
                h = ((h ^ i) * 0x100000001B3) & (2**64 - 1)
            lines.append(head + f" n={len(idx)} fnv={h:016x}")
    path.write_text("\n".join(lines) + "\n")
    print(f"{len(cases)} samplings")


class Recorder:
    """sample_frames of the processor, and what it was given and gave."""

    def __init__(self, processor):
        self.inner = processor.sample_frames
        processor.sample_frames = self

    def __call__(self, metadata, **kwargs):
        self.metadata, self.indices = metadata, self.inner(metadata, **kwargs)
        return self.indices


class Decoder:
    """torchcodec; for program and transport streams its numbers and ffmpeg's frames, because it seeks them wrongly:
    it fails at their last frames, and at others gives a neighbour of the frame asked for."""

    def __init__(self):
        self.torchcodec = transformers.video_utils.VIDEO_DECODERS["torchcodec"]
        transformers.video_utils.VIDEO_DECODERS["torchcodec"] = self

    def __call__(self, path, sample_indices_fn, **kwargs):
        seen = {}

        def remember(metadata, **more):
            seen["metadata"], seen["indices"] = metadata, sample_indices_fn(metadata=metadata, **more)
            return seen["indices"]

        self.by = "ffmpeg" if path.endswith((".ts", ".mpg")) else "torchcodec"
        try:
            found = self.torchcodec(path, remember, **kwargs)
        except RuntimeError:
            assert self.by == "ffmpeg", path
        if self.by == "torchcodec":
            return found
        m = seen["metadata"]
        raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-map", "0:v:0", "-vsync", "passthrough", "-f",
                              "rawvideo", "-pix_fmt", "rgb24", "-"], check=True, capture_output=True).stdout
        frames = np.frombuffer(raw, np.uint8).reshape(-1, m.height, m.width, 3)
        assert len(frames) == m.total_num_frames
        m.frames_indices = seen["indices"]
        return torch.from_numpy(frames[seen["indices"]].transpose(0, 3, 1, 2).copy()), m


def look(processor, content, fps, most):
    kwargs = {}
    if fps is not None or most is not None:
        kwargs["processor_kwargs"] = {"fps": fps if fps is not None else processor.video_processor.fps,
                                      "num_frames": most if most is not None else processor.video_processor.num_frames}
    message = [{"role": "user", "content": [content, {"type": "text", "text": "What?"}]}]
    if "video" in content:  # ready frames are not sampled
        kwargs["processor_kwargs"] = {"do_sample_frames": False}
    out = processor.apply_chat_template(message, tokenize=True, return_dict=True, add_generation_prompt=True,
                                        return_tensors="pt", **kwargs)
    u = (out["pixel_values"][0].double() * 127.5 + 127.5).numpy()
    frames = np.rint(u).astype(np.uint8)
    assert np.abs(u - frames).max() < 1e-4
    frames = np.ascontiguousarray(frames.transpose(0, 2, 3, 1))
    ids = out["input_ids"][0].numpy().astype("<i4")
    text = processor.tokenizer.decode(out["input_ids"][0])
    return {
        "side": frames.shape[1], "n_frames": len(frames),
        "frames": hashlib.sha256(frames.tobytes()).hexdigest(),
        "text": re.sub(r"(<image>)+", "<image>*", text),
        "n_ids": len(ids), "ids": hashlib.sha256(ids.tobytes()).hexdigest(),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--clips", action="store_true", help="draw the clips again")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.clips:
        draw(args.out)
    sampling(args.out / "sampling.txt")
    processor = AutoProcessor.from_pretrained(MODEL)
    recorder, decoder = Recorder(processor.video_processor), Decoder()
    cases = []
    for name, fps, most in CASES:
        recorder.metadata = None
        case = {"file": name, "fps": fps or 0, "max_frames": most or 0}
        case.update(look(processor, {"type": "video", "path": str(args.out / name)}, fps, most))
        case["decoder"] = decoder.by
        m = recorder.metadata
        case.update(total=m.total_num_frames, duration=float(m.duration).hex(), video_fps=float(m.fps).hex(),
                    indices=[int(i) for i in recorder.indices])
        assert len(case["indices"]) == case["n_frames"], name
        cases.append(case)
        print(name, decoder.by, fps, most, m.total_num_frames, m.duration, case["n_frames"])
    pictures = sorted(str(p) for p in (args.out / "list").glob("*.png"))
    case = {"file": "list", "fps": 0, "max_frames": 0}
    case.update(look(processor, {"type": "video", "video": pictures}, None, None))
    n = case["n_frames"]
    assert n == len(pictures)
    case.update(total=n, duration=((n - 1) / 24).hex(), video_fps=24.0.hex(), indices=list(range(n)))
    cases.append(case)
    (args.out / "golden.json").write_text(json.dumps(cases, indent=1) + "\n")
    print(f"{len(cases)} cases, {sum(p.stat().st_size for p in args.out.rglob('*') if p.is_file())} bytes")


if __name__ == "__main__":
    main()
