"""Texts made under each schema of tests/data/constrain/schemas.jsonl, judged by the public validator.

  check_schemas.py CORPUS [--texts N]           CORPUS: the build's tests/constrain_corpus; random bytes within the grammar
  check_schemas.py CORPUS --vlm VLM [--every K]   and every K-th schema by sampling hot from the model inside the program

Needs Python's jsonschema[format-nongpl].  Random texts explore more than a model does; nearly all reach their end, one that does
not is counted as cut.  Numbers are read as decimals for multipleOf, then as doubles for everything else."""
import argparse, collections, decimal, json, os, subprocess, tempfile
import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
ap = argparse.ArgumentParser()
ap.add_argument("corpus")
ap.add_argument("--texts", type=int, default=20)
ap.add_argument("--vlm")
ap.add_argument("--every", type=int, default=5)
a = ap.parse_args()
path = os.path.join(HERE, "../../tests/data/constrain/schemas.jsonl")
with open(path) as f:
    schemas = [json.loads(line) for line in f]
counts = collections.Counter()


def without(schema, key):
    if isinstance(schema, dict):
        return {k: without(v, key) for k, v in schema.items() if k != key or not isinstance(v, (int, float))}
    return [without(v, key) for v in schema] if isinstance(schema, list) else schema


def validators(schema):
    text = json.dumps(schema)
    draft = jsonschema.Draft7Validator if '"additionalItems"' in text else jsonschema.Draft202012Validator
    formats = jsonschema.Draft202012Validator.FORMAT_CHECKER
    exact = draft(json.loads(text, parse_float=decimal.Decimal), format_checker=formats)
    return exact, draft(without(schema, "multipleOf"), format_checker=formats)


def judge(index, text):
    exact, doubles = validators(schemas[index]["schema"])
    try:
        exact.validate(json.loads(text, parse_float=decimal.Decimal))
        doubles.validate(json.loads(text))
        counts["valid"] += 1
    except Exception as e:
        counts["invalid"] += 1
        print(json.dumps(schemas[index]["schema"]), "->", text, "|", str(e).split("\n")[0])


walk = subprocess.run([a.corpus, "--walk", path, str(a.texts)], capture_output=True, text=True, check=True)
for line in walk.stdout.rstrip("\n").split("\n"):
    one = json.loads(line)
    if "error" in one or not one["complete"]:
        counts["cut" if "error" not in one else "invalid"] += 1
    else:
        judge(one["schema"], one["text"])
with tempfile.TemporaryDirectory() as tmp:
    for i in range(0, len(schemas) if a.vlm else 0, a.every):
        if "refused" in schemas[i]:
            continue
        with open(os.path.join(tmp, "s.json"), "w") as f:
            json.dump(schemas[i]["schema"], f)
        run = subprocess.run([a.vlm, "run", "-p", "x", "--json-schema", f.name, "--temp", "2", "--seed", str(i), "-n", "400", "--json"],
                             capture_output=True, text=True, check=True)
        answer = json.loads(run.stdout)
        counts["sampled"] += 1
        if answer["finish_reason"] == "stop":
            judge(i, answer["text"])
        else:
            counts["sampled, cut"] += 1
print(", ".join(f"{n} {what}" for what, n in counts.items()))
raise SystemExit(counts["invalid"] > 0 or counts["valid"] == 0 or counts["cut"] * 50 > counts["valid"])
