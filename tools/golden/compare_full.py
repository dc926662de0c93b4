#!/usr/bin/env python3
"""Compares `vlm trace` on a checkpoint of any size with transformers (fp32, eager, PIL processor).

    vlm trace CKPT --image page.png -p "What is the total?" -n 8 --out DIR
    compare_full.py CKPT DIR --image page.png -p "What is the total?" -n 8

Every .npy file in DIR is compared; exit status 1 if ids or pixels differ or anything else is off by
more than the tolerance times the tensor's largest value."""

import argparse
import glob
import os
import sys
import time

import numpy as np
import torch
import transformers
from transformers import AutoImageProcessor, AutoProcessor, SmolVLMForConditionalGeneration

from make_golden import reference


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("checkpoint")
    p.add_argument("trace")
    p.add_argument("--image", action="append", default=[])
    p.add_argument("-p", "--prompt", required=True)
    p.add_argument("-n", type=int, default=1)
    p.add_argument("--whole", action="store_true", help="no splitting, as vlm --detail low")
    p.add_argument("--tolerance", type=float, default=1e-4)
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    processor = AutoProcessor.from_pretrained(a.checkpoint)
    processor.image_processor = AutoImageProcessor.from_pretrained(a.checkpoint, backend="pil")
    processor.image_processor.do_image_splitting &= not a.whole
    model = SmolVLMForConditionalGeneration.from_pretrained(
        a.checkpoint, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    parts = [{"type": "image", "path": f} for f in a.image] + [{"type": "text", "text": a.prompt}]
    start = time.time()
    _, want = reference(model, processor, [{"role": "user", "content": parts}], a.n)
    print(f"reference: {len(want['prompt_ids'])} tokens in {time.time() - start:.0f} s")
    failed = False
    files = sorted(glob.glob(f"{a.trace}/*.npy"))
    for file in files:
        name = os.path.basename(file)[:-4]
        have = np.load(file)
        if name not in want or have.shape != want[name].shape:
            other = want[name].shape if name in want else "nothing"
            print(f"{name:14} {have.shape}: the reference has {other}")
            failed = True
            continue
        difference = np.abs(have.astype(np.float64) - want[name]).max()
        largest = np.abs(want[name]).max()
        bad = difference > (
            0 if have.dtype == np.int32 or name == "pixels" else a.tolerance * largest
        )
        failed |= bool(bad)
        verdict = "DIFFERS" if bad else ""
        shape = "x".join(map(str, have.shape))
        print(f"{name:14} {shape:18} {difference:.2e} {difference / largest:.1e} {verdict}")
    missing = set(want) - {os.path.basename(f)[:-4] for f in files} - {"generated_margin"}
    print("not traced:", *sorted(missing)) if missing else None
    margins = want["generated_margin"] / np.abs(want["logits"]).max()
    print(f"smallest top-two margin: {margins.min():.1e} of the largest logit")
    sys.exit(failed)


if __name__ == "__main__":
    main()
