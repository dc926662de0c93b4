#!/usr/bin/env python3
"""Writes tests/data/template/video.jsonl: prompts of conversations with videos as transformers' SmolVLM processor
expands them, and the number words of num2words.

Versions: transformers 5.23.0, num2words 0.5.14.  Usage: make_video_prompt_golden.py ROOT
A line is {"messages": [{"role", "content": [{"type": "text", "text"} or {"type": "video", "seconds": [...], "duration"}]}],
"generation": bool, "prompt": what the chat template gives, "ids": [...]}, with 2 image tokens a frame; the last line is
{"words": [[n, "..."], ...]}."""
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from num2words import num2words
from transformers import AutoProcessor
from transformers.video_utils import VideoMetadata

SMALL = {"longest_edge": 16}
PROCESSOR = {"image_seq_len": 2, "processor_class": "SmolVLMProcessor"}
PREPROCESSOR = {"image_processor_type": "SmolVLMImageProcessor", "processor_class": "SmolVLMProcessor", "size": SMALL,
                "max_image_size": SMALL, "video_sampling": {"fps": 1, "max_frames": 64, "video_size": SMALL}}


def video(indices, fps, duration):
    return {"type": "video", "indices": list(indices), "fps": fps, "duration": duration}


def text(t):
    return {"type": "text", "text": t}


def user(*parts):
    return {"role": "user", "content": list(parts)}


CASES = [
    (True, [user(video(range(0, 300, 25), 25, 12.0), text("What happens?"))]),
    (True, [user(text("Look: "), video([0], 24, 0.4), text(" and say."))]),
    (False, [user(text("Hi"))] + [{"role": "assistant", "content": [text(" Hello.")]}] + [
        user(video([0, 37, 75], 29.97, 65.9), text("What about now?"))]),
    (True, [{"role": "system", "content": [text("Be brief.")]},
            user(video(range(0, 64 * 24, 24), 24, 63.99), text("Describe what you see."))]),
    (True, [user(video(range(0, 21 * 600, 600), 10, 1250.5))]),                      # minutes over 9, twenty-one
    (True, [user(video(range(0, 101 * 1000, 1000), 1, 100999.0), text("x"))]),       # a day and more, one hundred and one
    (True, [user(video([0, 3599, 3600, 7201], 1, 7201.999), text(" spaces "))]),     # hours
    (True, [user(video([0, 1], 24, None), text("no length"))]),                      # a list of frames
    (True, [user(text("a"), text("\n\nb"), video([5], 5, 3.0), text("\n c"))]),
]


def main(root):
    root = Path(root)
    data = root / "tests/data"
    with tempfile.TemporaryDirectory() as d:
        d = Path(d)
        (d / "tokenizer.json").write_bytes((data / "tokenizer/smolvlm2/tokenizer.json").read_bytes())
        (d / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer"}))
        (d / "config.json").write_text(json.dumps({"model_type": "smolvlm"}))
        (d / "processor_config.json").write_text(json.dumps(PROCESSOR))
        (d / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
        (d / "chat_template.json").write_bytes((data / "template/smolvlm2.json").read_bytes())
        processor = AutoProcessor.from_pretrained(d)
    lines = []
    for generation, messages in CASES:
        prompt = processor.apply_chat_template(messages, add_generation_prompt=generation, tokenize=False)
        metadata, pixels = [], []
        for m in messages:
            for part in m["content"]:
                if part["type"] != "video":
                    continue
                n = len(part["indices"])
                frames = part["duration"] is None
                metadata.append(VideoMetadata(total_num_frames=max(part["indices"]) + 1, fps=part.pop("fps"),
                                              duration=part["duration"], frames_indices=part.pop("indices")))
                pixels.append(np.zeros((n, 3, 16, 16), np.uint8))
                part["seconds"] = [float(s) for s in metadata[-1].timestamps]
                if frames:
                    part["duration"] = part["seconds"][-1]
        out = processor(text=[prompt], videos=pixels or None, video_metadata=metadata or None, do_sample_frames=False,
                        return_tensors="pt")
        lines.append({"messages": messages, "generation": generation, "prompt": prompt,
                      "ids": [int(i) for i in out["input_ids"][0]]})
    numbers = list(range(0, 260)) + [300, 333, 999, 1000, 1001, 1020, 1099, 1100, 1234, 10000, 20019, 99999, 100000, 100001, 123456]
    lines.append({"words": [[n, num2words(n)] for n in numbers]})
    (data / "template/video.jsonl").write_text("".join(json.dumps(l, ensure_ascii=False) + "\n" for l in lines))


main(sys.argv[1])
