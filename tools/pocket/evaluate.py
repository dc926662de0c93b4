"""Exact answers of a model directory on held-out documents, free-running and greedy.

  evaluate.py MODEL --library libdocgen.so [--fonts held-out] [--n 500] [--kinds label,tag] [--blank] [--show 20]
              [--read 60] [--bits 4] [--reference]

Default: model.py in fp32 with the weights of MODEL.  An answer is exact when every token of it, the end included, is the
likeliest after the right ones before it: the same as comparing what greedy decoding writes, and one pass for all questions.
--reference: transformers' own generate with the PIL processor (slow; for checking that both agree).
Seeds are never used in training; "unseen wording" are paraphrases kept out of it."""
import argparse, collections, json, math, os
import ops  # before torch, see there
import numpy as np
import torch
from PIL import Image
import data, docgen
import model as M
from model import EOU, SHAPES, Pocket

ops.LIBRARY = None  # PyTorch's attention: that of ops_amx.c rounds, which training can bear and a comparison can not


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
        from transformers import AutoModelForImageTextToText, AutoProcessor
        from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil
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

    def exact(self, image, questions):
        return [self.answer(image, q[2]).strip() == q[3] for q in questions]


class Own:
    def __init__(self, path):
        with open(os.path.join(path, "config.json")) as f:
            config = json.load(f)
        side = config["vision_config"]
        c = next(c for c in SHAPES.values() if (c["tile"], c["d"]) == (side["image_size"], side["hidden_size"]))
        self.model = Pocket(dict(c, lm_layers=config["text_config"]["num_hidden_layers"], vit_layers=side["num_hidden_layers"])).eval()
        self.model.load_state_dict(M.weights(path), strict=False)

    def see(self, image):
        tile = torch.from_numpy(np.array(docgen.to_tile(image, self.model.c["tile"])))[None]
        return self.model.see(tile)

    @torch.no_grad()
    def exact(self, image, questions):
        turns, visual = [data.turn(q[2], q[3]) for q in questions], self.see(image)
        out = [False] * len(turns)
        for long in (False, True):  # transcriptions apart, or every other question would be padded to their length
            mine = [i for i, (t, _) in enumerate(turns) if (len(t) > 96) == long]
            if not mine:
                continue
            ids = torch.zeros(1, len(mine), max(len(turns[i][0]) for i in mine), dtype=torch.long)
            want = torch.full_like(ids, -1)
            for row, i in enumerate(mine):
                t, m = (torch.tensor(x) for x in turns[i])
                ids[0, row, : len(t)] = t
                want[0, row, : len(t) - 1] = torch.where(m[1:] > 0, t[1:], -1)
            asked = want >= 0
            h, *_ = self.model.text_model(visual, ids, real=ids != 0, asked=asked)
            wrong = torch.zeros_like(asked)
            wrong[asked] = self.model.text_model.logits(h).argmax(-1) != want[asked]
            for row, i in enumerate(mine):
                out[i] = not wrong[0, row].any()
        return out

    @torch.no_grad()
    def answer(self, image, question, limit=160):
        t, m = data.turn(question, "")
        ids, visual = t[: m.index(1)], self.see(image)
        n = len(ids)
        while len(ids) < n + limit and ids[-1] != EOU or len(ids) == n:
            h = self.model.text_model(visual, torch.tensor(ids)[None, None])[0][0, 0, -1]
            ids.append(self.model.text_model.logits(h).argmax().item())
        return bytes(i - 3 for i in ids[n:] if 3 <= i < 259).decode(errors="replace")


def agree(a, gen):
    """transformers and model.py, both in fp32, answer by answer"""
    own, reference, same, n = Own(a.model), Reference(a.model), 0, 0
    for i in range(a.agree):
        doc = gen.make(docgen.KINDS[i % 12], data.HELD_SEED + i, strength=a.strength)
        for q in doc["questions"][:4]:
            x, y = own.answer(doc["image"], q[2], 40), reference.answer(doc["image"], q[2], 40)
            n += 1
            same += x == y
            if x != y:
                print(repr(q[2]), repr(x), repr(y))
    print(f"{same} of {n} answers are the same")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("model")
    ap.add_argument("--library", default="build/libdocgen.so")
    ap.add_argument("--fonts", default="train", choices=("train", "held-out"))
    ap.add_argument("--n", type=int, default=500)
    ap.add_argument("--blank", action="store_true", help="show an empty page instead")
    ap.add_argument("--show", type=int, default=0, help="print so many wrong answers")
    ap.add_argument("--read", type=int, default=0, help="transcribe so many documents for the character error rate")
    ap.add_argument("--reference", action="store_true")
    ap.add_argument("--kinds", help="names, with commas between (all)")
    ap.add_argument("--layouts", default="seen", choices=docgen.LAYOUTS)
    ap.add_argument("--strength", type=float, default=0.5, help="of wear and photography, as make pocket-report has it")
    ap.add_argument("--agree", type=int, default=0, help="compare transformers' answers with model.py's on so many documents")
    ap.add_argument("--first", type=int, default=0, help="begin with this document")
    ap.add_argument("--bits", type=int, default=0, choices=(0, 4, 8), help="weights rounded as Q8_0 or Q4_0 would, the tower's to 8 at least")
    a = ap.parse_args()
    torch.set_num_threads(1)
    gen = docgen.Generator(a.library, docgen.fonts(a.fonts))
    model = Reference(a.model) if a.reference else Own(a.model)
    if a.agree:
        return agree(a, gen)
    M.QUANT[0] = a.bits
    kinds = a.kinds.split(",") if a.kinds else docgen.KINDS
    right, total = collections.Counter(), collections.Counter()
    errors = chars = 0
    for i in range(a.first, a.first + a.n):
        kind = kinds[i % len(kinds)]
        doc = gen.make(kind, data.HELD_SEED + i, layouts=a.layouts, strength=a.strength)
        doc["image"] = docgen.jpeg(doc["image"], i, a.strength)
        image = Image.new("RGB", doc["image"].size, (235, 235, 235)) if a.blank else doc["image"]
        for q, ok in zip(doc["questions"], model.exact(image, doc["questions"])):
            keys = [q[0], "all", kind, "unseen wording" if q[1] else "seen wording"]
            if q[0] != "absent":
                keys += ["all but absent", kind + ", what is there"]
            for key in keys:
                right[key] += ok
                total[key] += 1
            if not ok and a.show > 0:
                print(repr(q[2]), "said", repr(model.answer(image, q[2], 60).strip()), "truth", repr(q[3]))
                a.show -= 1
        if i < a.first + a.read:
            errors += distance(model.answer(image, "Read everything.").strip(), doc["text"])
            chars += len(doc["text"])
    for key in sorted(total):
        p, n = right[key] / total[key], total[key]
        print(f"{key:26s} {right[key]:5d} of {n:5d} exact  {100 * p:5.1f} % +- {196 * math.sqrt(p * (1 - p) / n):.1f}")
    if chars:
        print(f"character error rate of 'Read everything.': {100 * errors / chars:.1f} % ({a.read} documents)")


if __name__ == "__main__":
    main()
