#!/usr/bin/env python3
"""Adds the request `clip` to a golden checkpoint: a question about three frames of a video.

Usage: make_video_case.py tests/data/golden/CHECKPOINT
The reference and its versions are make_golden.py's (transformers 5.23.0 with torchvision's video processor)."""
import os
import sys

import numpy as np
import torch
from PIL import Image
from transformers.video_utils import VideoMetadata

import make_golden as mg

TIMES, DURATION, QUESTION = [0, 4, 65], 66.7, "What happens?"
FILES = [f"f{i}.png" for i in range(len(TIMES))]


class WithVideo:
    """The processor, handed the frames as one video where make_golden thinks of pictures."""

    def __init__(self, processor):
        self.processor = processor

    def apply_chat_template(self, _, **more):
        parts = [{"type": "video"}, {"type": "text", "text": QUESTION}]
        return self.processor.apply_chat_template([{"role": "user", "content": parts}], **more)

    def __call__(self, text, images, **more):
        frames = np.stack([np.asarray(x.convert("RGB")).transpose(2, 0, 1) for x in images[0]])
        about = VideoMetadata(total_num_frames=TIMES[-1] + 1, fps=1, duration=DURATION, frames_indices=TIMES)
        return self.processor(text=text, videos=[torch.from_numpy(frames)], video_metadata=[about],
                              do_sample_frames=False, **more)


def main(checkpoint):
    out = f"{checkpoint}/clip"
    os.makedirs(out, exist_ok=True)
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:60, 0:90]
    for i, name in enumerate(FILES):
        waves = [np.sin(x / rng.uniform(3, 12) + y / rng.uniform(3, 12) + i) for _ in range(3)]
        picture = (127.5 + 100 * np.stack(waves, -1) + rng.uniform(-25, 25, (60, 90, 3))).astype(np.uint8)
        Image.fromarray(picture).save(f"{out}/{name}")
    model, processor = mg.load(f"{checkpoint}/model")
    messages = [("user", *[("image", i) for i in range(len(FILES))], QUESTION)]
    shots = [(name,) for name in FILES]
    text, got = mg.reference(model, WithVideo(processor), mg.messages_json(messages, out, shots))
    mg.write_request(out, messages, shots, text, got, False)
    with open(f"{out}/case.txt", encoding="utf-8") as f:
        lines = f.read().split("\n")
    video = " ".join([str(DURATION)] + [f"{t} {name}" for t, name in zip(TIMES, FILES)])
    lines[1 : 1 + len(FILES)] = [f"video {video}"]
    with open(f"{out}/case.txt", "w", encoding="utf-8") as f:
        f.write("\n".join(lines))


main(sys.argv[1].rstrip("/"))
