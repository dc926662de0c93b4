"""Exact answers of a model directory on held-out labels, free-running and greedy, with transformers.

  evaluate.py MODEL --library libdocgen.so [--fonts held-out] [--n 500] [--blank] [--show 20]
The score of each question family; seeds are never used in training."""
import argparse, collections, math
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil
import data, docgen


def distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        new = [i + 1]
        for j, y in enumerate(b):
            new.append(min(row[j + 1] + 1, new[j] + 1, row[j] + (x != y)))
        row = new
    return row[-1]


class Reference:
    def __init__(self, path):
        self.processor = AutoProcessor.from_pretrained(path)
        self.processor.image_processor = SmolVLMImageProcessorPil.from_pretrained(path)
        self.model = AutoModelForImageTextToText.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()

    @torch.no_grad()
    def answer(self, image, question, limit=160):
        messages = [dict(role="user", content=[dict(type="image"), dict(type="text", text=question)])]
        text = self.processor.apply_chat_template(messages, add_generation_prompt=True)
        inputs = self.processor(text=text, images=[image], return_tensors="pt")
        ids = self.model.generate(**inputs, max_new_tokens=limit, do_sample=False)[0, inputs["input_ids"].shape[1]:]
        return self.processor.tokenizer.decode(ids, skip_special_tokens=True)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("model")
    ap.add_argument("--library", default="build/libdocgen.so")
    ap.add_argument("--fonts", default="train", choices=("train", "held-out"))
    ap.add_argument("--n", type=int, default=500)
    ap.add_argument("--blank", action="store_true", help="show an empty page instead")
    ap.add_argument("--show", type=int, default=0)
    a = ap.parse_args()
    torch.set_num_threads(1)
    gen = docgen.Generator(a.library, docgen.fonts(a.fonts))
    ref = Reference(a.model)
    right, total, errors, chars = (collections.Counter() for _ in range(4))
    for i in range(a.n):
        doc = gen.make(i % 2, data.HELD_SEED + i)
        image = Image.new("RGB", doc["image"].size, (235, 235, 235)) if a.blank else doc["image"]
        for family, unseen, question, answer in doc["questions"]:
            got = ref.answer(image, question).strip()
            if a.show > 0 and got != answer:
                print(repr(question), "said", repr(got), "truth", repr(answer))
                a.show -= 1
            for key in (family, "unseen wording" if unseen else "seen wording", "all"):
                right[key] += got == answer
                total[key] += 1
            if family == "read":
                errors[family] += distance(got, answer)
                chars[family] += len(answer)
    for key in list(docgen.FAMILIES) + ["seen wording", "unseen wording", "all"]:
        if total[key]:
            p, n = right[key] / total[key], total[key]
            print(f"{key:15s} {right[key]:5d} of {n:5d} exact  {100 * p:5.1f} % +- {196 * math.sqrt(p * (1 - p) / n):.1f}")
    if chars["read"]:
        print(f"character error rate of 'read': {100 * errors['read'] / chars['read']:.1f} %")


if __name__ == "__main__":
    main()
