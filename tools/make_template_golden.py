#!/usr/bin/env python3
"""Writes tests/data/template/*.json*: chat templates run by jinja2 exactly as transformers sets it up.

Versions: transformers 5.23.0, jinja2 3.1.6, Python 3.11.  Usage: make_template_golden.py DIR
DIR already holds families.txt, smolvlm2.json, case_variables.json and cases.jsonl, whose sources are
kept and whose texts are written anew; the same data come out every time."""
import datetime
import json
import random
import sys
import warnings
from pathlib import Path

import transformers.utils.chat_template_utils as ctu

NOW = 1700000000  # 2023-11-14 22:13:20 UTC, also in tests/unit/test_template.c
warnings.simplefilter("ignore")


class FixedTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2023, 11, 14, 22, 13, 20)


ctu.datetime = FixedTime


def render(source, variables):
    try:
        compiled = ctu._compile_jinja_template(source)
        return compiled.render(**json.loads(json.dumps(variables)))
    except Exception:
        return None


TEXTS = ["Hi", "Hello there!", "What is 2+2?", "  padded  ", "line one\nline two", "\n\nleading", "", "<|im_end|> trick",
         "<image> typed", "Größe: 日本語 🎉", "a 'quoted' \"text\"", "<think>\nhm\n</think>\n\nAnswer", "{{ not code }}",
         "tab\there", "<tool_response>x</tool_response>", "back\\slash", "ΑΣ", "x" * 40, "1", "ok."]
ARGS = [{"city": "Paris"}, {"a": 1, "b": [1, 2.5, None, True]}, {}, {"q": "é \"x\" \n", "n": {"k": "v"}}, "{\"raw\": 1}"]
TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "Get the weather.", "parameters": {
        "type": "object", "properties": {"city": {"type": "string", "description": "Where"},
                                         "unit": {"enum": ["c", "f"]},
                                         "days": {"type": "array", "items": {"type": "integer"}}},
        "required": ["city"]}, "return": {"type": "string"}}},
    {"type": "function", "function": {"name": "add", "description": "Adds <numbers> & more", "parameters": {
        "type": "object", "properties": {"x": {"type": "number"}, "o": {"type": "object", "properties": {
            "deep": {"type": "boolean"}}}}}}},
]


def message(rng, role, kind):
    text = rng.choice(TEXTS)
    if kind == "string":
        content = text
    else:
        content = [{"type": "text", "text": text}]
        for _ in range(rng.randrange(3)):
            part = rng.choice([{"type": "image"}, {"type": "text", "text": rng.choice(TEXTS)}, {"type": "video"}])
            content.insert(rng.randrange(len(content) + 1), part)
    return {"role": role, "content": content}


def conversation(rng, i):
    kind = "parts" if i % 3 == 0 else "string"
    messages = []
    if rng.random() < 0.4:
        messages.append(message(rng, "system", kind))
    for _ in range(rng.randrange(1, 4)):
        messages.append(message(rng, "user", kind))
        if rng.random() < 0.8:
            messages.append(message(rng, "assistant", kind))
            if rng.random() < 0.2:
                messages[-1]["reasoning_content"] = rng.choice(TEXTS)
    if kind == "string" and rng.random() < 0.35:
        calls = [{"id": "abcdefgh%d" % k, "type": "function", "function": {
            "name": rng.choice(["weather", "add"]), "arguments": rng.choice(ARGS)}} for k in range(rng.randrange(1, 3))]
        messages.append({"role": "user", "content": rng.choice(TEXTS)})
        messages.append({"role": "assistant", "content": rng.choice(["", "Let me see."]), "tool_calls": calls})
        for c in calls:
            messages.append({"role": "tool", "content": rng.choice(["21", "{\"t\": 3}", "é"]), "tool_call_id": c["id"],
                             "name": c["function"]["name"]})
    if rng.random() < 0.1:
        messages.append({"role": rng.choice(["ÉCOLE", "straße", "developer", "USER"]), "content": messages[-1]["content"]})
    if rng.random() < 0.05:
        messages[-1]["content"] = None
    v = {"messages": messages, "tools": TOOLS[:rng.randrange(1, 3)] if rng.random() < 0.3 else None,
         "documents": None, "add_generation_prompt": rng.random() < 0.6, "bos_token": "<s>", "eos_token": "</s>"}
    if rng.random() < 0.2:
        v["documents"] = [{"title": "some title", "text": " one\ntwo "}, {"title": "", "text": "x\n\ny\n"}]
    if rng.random() < 0.2:
        v["enable_thinking"] = rng.random() < 0.5
    if rng.random() < 0.2:
        v["tools_in_user_message"] = rng.random() < 0.5
    return v


def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main():
    folder = Path(sys.argv[1])
    rng = random.Random(3)
    sources = [json.loads((folder / "smolvlm2.json").read_text())["chat_template"]]
    for block in (folder / "families.txt").read_text().split("### ")[1:]:
        sources.append(block.split("\n", 1)[1])
    conversations = [conversation(rng, i) for i in range(60)]
    with open(folder / "conversations.json", "w") as f:
        f.write("[\n" + ",\n".join(dump(c) for c in conversations) + "\n]\n")
    accepted = 0
    with open(folder / "golden.jsonl", "w") as f:
        for t, source in enumerate(sources):
            for c, v in enumerate(conversations):
                text = render(source, v)
                accepted += text is not None
                f.write(dump([t, c, text]) + "\n")
    pieces = [json.loads(line)[0] for line in (folder / "cases.jsonl").read_text().split("\n") if line]
    variables = json.loads((folder / "case_variables.json").read_text())
    with open(folder / "cases.jsonl", "w") as f:
        for source in pieces:
            f.write(dump([source, render(source, variables)]) + "\n")
    print(len(sources), "templates", len(conversations), "conversations", accepted, "texts;", len(pieces), "pieces")


main()
