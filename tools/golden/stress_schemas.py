"""Random schemas of joins and choices (allOf, anyOf, oneOf, $ref with keywords beside them): texts that the grammar makes must
validate.

  stress_schemas.py CORPUS [--seed S] [--schemas N]     CORPUS: the build's tests/constrain_corpus; needs jsonschema[format-nongpl]

Many of these contradict themselves and are refused; what matters is that no text is invalid."""
import argparse, collections, decimal, json, os, random, subprocess, tempfile
import jsonschema

ap = argparse.ArgumentParser()
ap.add_argument("corpus")
ap.add_argument("--seed", type=int, default=1)
ap.add_argument("--schemas", type=int, default=3000)
a = ap.parse_args()
r, N = random.Random(a.seed), a.schemas
P = ["^[a-c]+$", "b", "^(x|yy)*$", "^.{1,3}$", "[0-9]$"]


def num(kind):
    s = {"type": kind}
    for k in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
        if r.random() < 0.35:
            s[k] = r.choice([-20, -3, 0, 1, 7, 50, 100] + ([0.5, -1.25, 12.75, 99.99] if kind == "number" or r.random() < .3 else []))
    if r.random() < 0.3:
        s["multipleOf"] = r.choice([1, 2, 3, 5, 10, 0.5, 0.1, 0.25, 20, 7])
    return s


def string():
    s = {"type": "string"}
    if r.random() < .5:
        s["minLength"] = r.randint(0, 4)
    if r.random() < .5:
        s["maxLength"] = r.randint(1, 8)
    if r.random() < .4:
        s["pattern"] = r.choice(P)
    elif r.random() < .1:
        s["format"] = r.choice(["date", "uuid", "email", "ipv4", "time"])
    return s


def leaf():
    return r.choice([lambda: num("integer"), lambda: num("number"), string, lambda: {"enum": r.sample([1, 2, "a", "b", None, 2.5, True], r.randint(1, 4))}, lambda: {"const": r.choice([1, "a", None])}, lambda: {"type": "boolean"}, lambda: True, lambda: {"type": ["integer", "null"]}, lambda: {"$ref": "#/$defs/" + r.choice("ab")}])()


def obj(d):
    names = r.sample("abcd", r.randint(0, 3))
    s = {}
    if r.random() < .8:
        s["type"] = "object"
    if names or r.random() < .3:
        s["properties"] = {n: schema(d - 1) for n in names}
    if r.random() < .5:
        s["required"] = r.sample("abcd", r.randint(0, 2))
    x = r.random()
    if x < .3:
        s["additionalProperties"] = False
    elif x < .45:
        s["additionalProperties"] = schema(0)
    elif x < .5:
        s["unevaluatedProperties"] = False
    if r.random() < .2:
        s["minProperties"] = r.randint(0, 3)
    if r.random() < .2:
        s["maxProperties"] = r.randint(0, 3)
    if not names and r.random() < .2:
        s["propertyNames"] = r.choice([{"enum": ["p", "q"]}, {"maxLength": 2}, {"pattern": "^[a-b]"}])
    if not names and r.random() < .15:
        s["patternProperties"] = {"^k": schema(0)}
    if not s:
        s = {"type": "object"}
    return s


def arr(d):
    s = {"type": "array"}
    if r.random() < .7:
        s["items"] = r.choice([schema(d - 1), False, {"enum": [1, 2, 3]}])
    if r.random() < .3:
        s["prefixItems"] = [schema(d - 1) for _ in range(r.randint(1, 2))]
    if r.random() < .4:
        s["minItems"] = r.randint(0, 3)
    if r.random() < .4:
        s["maxItems"] = r.randint(0, 4)
    if r.random() < .2:
        s["uniqueItems"] = True
    if r.random() < .1:
        s["unevaluatedItems"] = False
    return s


def schema(d):
    if d <= 0:
        return leaf()
    k = r.random()
    if k < .3:
        return obj(d)
    if k < .45:
        return arr(d)
    if k < .6:
        return leaf()
    mk = r.choice([lambda: obj(d - 1), lambda: num(r.choice(["integer", "number"])), string, lambda: arr(d - 1)])
    lst = [r.choice([mk, mk, mk, leaf])() for _ in range(r.randint(1, 3))]
    s = {r.choice(["allOf", "anyOf", "oneOf", "allOf", "anyOf"]): lst}
    if r.random() < .5:
        m = mk()
        if isinstance(m, dict):
            s = {**m, **s}
    if r.random() < .1:
        s["$ref"] = "#/$defs/" + r.choice("ab")
    return s


schemas = []
for _ in range(N):
    s = schema(3)
    s = s if isinstance(s, dict) else {"anyOf": [s]}
    s["$defs"] = {"a": obj(1), "b": r.choice([obj(1), string(), num("integer")])}
    schemas.append(s)
with tempfile.TemporaryDirectory() as tmp:
    path = os.path.join(tmp, "schemas.jsonl")
    with open(path, "w") as f:
        f.writelines(json.dumps({"schema": s}) + "\n" for s in schemas)
    walk = subprocess.run([a.corpus, "--walk", path, "6"], capture_output=True, text=True, check=True)
counts = collections.Counter()
formats = jsonschema.Draft202012Validator.FORMAT_CHECKER
for line in walk.stdout.rstrip("\n").split("\n"):
    x = json.loads(line)
    if "error" in x or not x["complete"]:
        counts["schemas refused" if "error" in x else "cut"] += 1
        continue
    s = schemas[x["schema"]]
    try:
        check = jsonschema.Draft202012Validator(json.loads(json.dumps(s), parse_float=decimal.Decimal), format_checker=formats)
        check.validate(json.loads(x["text"], parse_float=decimal.Decimal))
        counts["valid"] += 1
    except Exception as e:
        counts["invalid"] += 1
        print(json.dumps(s), "->", x["text"], "|", str(e).split("\n")[0])
print(", ".join(f"{n} {what}" for what, n in counts.items()))
raise SystemExit(counts["invalid"] > 0 or counts["valid"] == 0)
