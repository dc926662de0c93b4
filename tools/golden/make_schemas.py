"""Schemas and judged texts for tests/constrain/corpus.c.

  make_schemas.py [OUT]        needs Python's jsonschema[format-nongpl] 4.x; OUT: tests/data/constrain/schemas.jsonl

A line: {"schema": S, "refused": NAME} or {"schema": S, "valid": [TEXT...], "invalid": [TEXT...]}.  The schemas are those of
schemas.jsonl (written by hand) and random ones of the same keywords; the texts are samples and their mutants, judged by the
validator.  Numbers are read as decimals, so that multipleOf 0.01 means what it says."""
import copy, decimal, json, math, os, random, re, sys
import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
N_RANDOM, N_VALID, N_INVALID = 120, 5, 6


def loads(text):
    return json.loads(text, parse_float=decimal.Decimal)


def validator(schema):
    text = json.dumps(schema)
    draft = jsonschema.Draft7Validator if '"additionalItems"' in text else jsonschema.Draft202012Validator
    draft.check_schema(schema)
    return draft(loads(text), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


def dumps(x):
    return json.dumps(x, separators=(",", ":"), ensure_ascii=False)


# ---- samples of a schema: a good guess, the validator judges ----

def sample_regex(r, pattern):
    import re._parser as parser

    def go(items):
        out = ""
        for op, arg in items:
            op = str(op)
            if op == "LITERAL":
                out += chr(arg)
            elif op == "NOT_LITERAL":
                out += r.choice([c for c in "ab1- é" if ord(c) != arg])
            elif op == "ANY":
                out += r.choice("ab1- é")
            elif op == "IN":
                out += one_of(arg)
            elif op in ("MAX_REPEAT", "MIN_REPEAT"):
                lo, hi, sub = arg
                hi = lo + 3 if str(hi) == "MAXREPEAT" else hi
                for _ in range(r.randint(lo, min(int(hi), lo + 3))):
                    out += go(sub)
            elif op == "SUBPATTERN":
                out += go(arg[-1])
            elif op == "BRANCH":
                out += go(r.choice(arg[1]))
        return out

    def one_of(items):
        negate, chars = str(items[0][0]) == "NEGATE", ""
        for op, arg in items:
            op = str(op)
            if op == "LITERAL":
                chars += chr(arg)
            elif op == "RANGE":
                chars += "".join(chr(c) for c in range(arg[0], min(arg[1], arg[0] + 300) + 1))
            elif op == "CATEGORY":
                chars += {"CATEGORY_DIGIT": "0123456789", "CATEGORY_WORD": "abz_Z09", "CATEGORY_SPACE": " \t"}.get(str(arg), "x-")
        if negate:
            chars = [c for c in "abcxyzABC019 -_éß€" if c not in chars] or ["\u4e2d"]
        return r.choice(chars)

    return go(parser.parse(pattern))


FORMATS = {
    "date": ["2024-02-29", "1999-12-31", "2024-02-28"], "time": ["12:30:00Z", "23:59:59+02:00"], "date-time": ["2024-05-06T07:08:09Z"],
    "uuid": ["123e4567-e89b-12d3-a456-426614174000"], "ipv4": ["192.168.0.1", "8.8.8.8"], "email": ["a@b.de", "ana.lima@example.com"],
    "uri": ["https://example.com/a/b", "http://a.bc"], "hostname": ["example.com", "a-b.example"], "duration": ["P3D", "PT5M"],
    "ipv6": ["2001:db8:0:0:0:0:0:1"], "json-pointer": ["/a/b", ""], "byte": ["aGVsbG8=", ""], "uri-reference": ["/a/b"], "password": ["x y"],
    "idn-email": ["a@b.de"], "idn-hostname": ["example.com"], "iri": ["https://example.com/"], "iri-reference": ["/a"]}


def resolve(root, ref):
    at = root
    for part in ref.split("/")[1:]:
        at = at[int(part)] if isinstance(at, list) else at[part.replace("~1", "/").replace("~0", "~")]
    return at


def join(a, b):
    out = copy.deepcopy(a)
    for k, v in b.items():
        if k == "properties" and k in out:
            out[k] = {**out[k], **v}
        elif k == "required" and k in out:
            out[k] = out[k] + [x for x in v if x not in out[k]]
        else:
            out[k] = v
    return out


def flat(r, s, root, depth=0):
    """Without references, joins and choices at its top."""
    if not isinstance(s, dict) or depth > 20:
        return {}
    s = dict(s)
    for key in ("anyOf", "oneOf"):
        if key in s:
            alternatives = s.pop(key)
            rest = s
            return flat(r, join(rest, flat(r, r.choice(alternatives), root, depth + 1)), root, depth + 1)
    if "$ref" in s:
        ref = s.pop("$ref")
        return flat(r, join(flat(r, resolve(root, ref), root, depth + 1), s), root, depth + 1)
    if "allOf" in s:
        for x in s.pop("allOf"):
            s = join(s, flat(r, x, root, depth + 1))
    return s


def sample(r, s, root, depth=0):
    if s is True or s == {}:
        return r.choice(["x", 1, None, True, [], {}, [1, "a"], {"k": "v"}, -2.5])
    if s is False:
        return None
    s = flat(r, s, root)
    if "const" in s:
        return s["const"]
    if "enum" in s:
        return r.choice(s["enum"])
    kind = s.get("type")
    if isinstance(kind, list):
        kind = r.choice(kind)
    if kind is None:
        for keys, name in (("properties required additionalProperties minProperties maxProperties patternProperties propertyNames", "object"),
                           ("items prefixItems minItems maxItems", "array"), ("pattern minLength maxLength format", "string"),
                           ("minimum maximum multipleOf exclusiveMinimum exclusiveMaximum", "number")):
            if any(k in s for k in keys.split()):
                kind = name
                break
        else:
            return sample(r, True, root)
    if kind == "object":
        return sample_object(r, s, root, depth)
    if kind == "array":
        return sample_array(r, s, root, depth)
    if kind == "string":
        return sample_string(r, s)
    if kind in ("number", "integer"):
        return sample_number(r, s, kind == "integer")
    return {"boolean": r.random() < 0.5, "null": None}.get(kind)


def sample_object(r, s, root, depth):
    out, required = {}, s.get("required", [])
    names = list(s.get("properties", {}))
    names += [n for n in required if n not in names]
    few = depth > 4
    for n in names:
        if n in required or (not few and r.random() < 0.6):
            out[n] = sample(r, s.get("properties", {}).get(n, s.get("additionalProperties", True)), root, depth + 1)
    for pattern, v in s.get("patternProperties", {}).items():
        for _ in range(r.randint(0, 2)):
            out[sample_regex(r, pattern)] = sample(r, v, root, depth + 1)
    extra = s.get("additionalProperties", None if names or "patternProperties" in s else True)
    if extra not in (None, False) and not few:
        keys = s.get("propertyNames", {})
        for _ in range(r.randint(s.get("minProperties", 0), min(s.get("maxProperties", 3), 3))):
            key = sample(r, {"type": "string", **keys}, root) if keys else r.choice(["k", "other", "A-1", "x y", "zz"])
            if key not in names:
                out[key] = sample(r, extra, root, depth + 1)
    return out


def sample_array(r, s, root, depth):
    prefix = s.get("prefixItems", s["items"] if isinstance(s.get("items"), list) else [])
    items = s.get("items", True)
    items = s.get("additionalItems", True) if isinstance(items, list) else items
    lo, hi = s.get("minItems", 0), s.get("maxItems", s.get("minItems", 0) + 3)
    n = lo if depth > 4 else r.randint(lo, min(hi, lo + 3))
    if s.get("uniqueItems") and isinstance(items, dict) and "enum" in flat(r, items, root):
        values = flat(r, items, root)["enum"]
        picked = set(r.sample(range(len(values)), min(n, len(values))))
        return [v for i, v in enumerate(values) if i in picked]
    return [sample(r, prefix[i] if i < len(prefix) else items, root, depth + 1) for i in range(n if items is not False else min(n, len(prefix)))]


def sample_string(r, s):
    if s.get("format") in FORMATS:
        return r.choice(FORMATS[s["format"]])
    for _ in range(50):
        if "pattern" in s:
            x = sample_regex(r, s["pattern"])
        else:
            lo, hi = s.get("minLength", 0), s.get("maxLength", s.get("minLength", 0) + 12)
            x = "".join(r.choice("abcdefghij KLM09.,-é€\"\\\n😀") for _ in range(r.randint(lo, min(hi, lo + 12))))
        if s.get("minLength", 0) <= len(x) <= s.get("maxLength", 1 << 30):
            return x
    return x


def sample_number(r, s, integer):
    lo, hi = s.get("minimum", s.get("exclusiveMinimum")), s.get("maximum", s.get("exclusiveMaximum"))
    if lo is None and hi is None:
        lo, hi = r.choice([(-5, 5), (-1000, 100000), (0, 1)])
    lo = hi - r.choice([1, 10, 1000]) if lo is None else lo
    hi = lo + r.choice([1, 10, 1000]) if hi is None else hi
    x = r.choice([lo, hi, r.uniform(lo, hi), r.uniform(lo, hi)])
    step = s.get("multipleOf")
    if step:
        x = decimal.Decimal(str(step)) * int(x / step)
        return int(x) if x == x.to_integral_value() else float(x)
    return int(x) if integer else round(x, r.choice([0, 1, 2, 6])) if isinstance(x, float) else x


# ---- mutants: one place of a value changed ----

def places(x, path=()):
    yield path
    if isinstance(x, dict):
        for k, v in x.items():
            yield from places(v, path + (k,))
    if isinstance(x, list):
        for i, v in enumerate(x):
            yield from places(v, path + (i,))


def mutant(r, x):
    x = copy.deepcopy(x)
    path = r.choice(list(places(x)))
    at = x
    for p in path:
        at = at[p]
    new = changed(r, copy.deepcopy(at))
    if not path:
        return new
    holder = x
    for p in path[:-1]:
        holder = holder[p]
    holder[path[-1]] = new
    return x


def changed(r, v):
    others = [None, True, 0, "", "x", [], {}, -1, 1.5]
    if isinstance(v, bool) or v is None or r.random() < 0.2:
        return r.choice(others)
    if isinstance(v, (int, float)):
        return r.choice([v + 1, v - 1, -v, v * 1000, v + 0.001, v - 0.001, str(v), int(v) if math.isfinite(v) else 0])
    if isinstance(v, str):
        return r.choice([v + "x", v[:-1], v[1:], v * 3, v.upper(), "é" + v, v.replace("-", "/"), "0" + v])
    if isinstance(v, list):
        w = list(v)
        what = r.randint(0, 3)
        if what == 0 or not w:
            w.append(r.choice(others))
        elif what == 1:
            w.pop(r.randrange(len(w)))
        elif what == 2:
            w = w + w
        else:
            w.reverse()
        return w
    w = dict(v)
    what = r.randint(0, 2)
    if what == 0 and w:
        w.pop(r.choice(list(w)))
    elif what == 1 and w:
        w[r.choice(list(w))] = r.choice(others)
    else:
        w[r.choice(["extra", "x", "a", "kind", "id"])] = r.choice(others)
    return w


# ---- random schemas ----

WORDS = "id name kind total date lines price city note größe zip-code a b tags".split()
PATTERNS = ["^[A-Z]{2}[0-9]{3}$", "^(red|green|blue)$", "^[a-z]+(-[a-z]+)*$", "[0-9]", "^\\d{2}:\\d{2}$", "^\\+?[0-9 ]{5,12}$", "^.{2,5}$",
            "^[^\"\\\\]*$", "^[à-ÿ]+x?$", "^(a|b(c|d)?)*$"]


def random_schema(r, depth, defs):
    kinds = ["string", "integer", "number", "boolean", "null", "enum", "const", "format", "pattern"]
    if depth > 0:
        kinds += ["object"] * 5 + ["array"] * 3 + ["anyOf", "types", "ref", "allOf", "oneOf", "tuple", "map"]
    kind = r.choice(kinds)
    s = {}
    if r.random() < 0.15:
        s["description"] = "what it is"
    if kind == "object":
        names = r.sample(WORDS, r.randint(1, 5))
        s |= {"type": "object", "properties": {n: random_schema(r, depth - 1, defs) for n in names}}
        s["required"] = [n for n in names if r.random() < 0.6]
        if r.random() < 0.6:
            s["additionalProperties"] = r.choice([False, False, {"type": "integer"}, True])
        if r.random() < 0.15:
            s["minProperties"] = min(len(names), 2)
    elif kind == "map":
        s |= {"type": "object", "additionalProperties": random_schema(r, depth - 1, defs), "maxProperties": r.randint(1, 4)}
    elif kind == "array":
        s |= {"type": "array", "items": random_schema(r, depth - 1, defs), "minItems": r.randint(0, 2)}
        if r.random() < 0.6:
            s["maxItems"] = s["minItems"] + r.randint(0, 3)
    elif kind == "tuple":
        s |= {"type": "array", "prefixItems": [random_schema(r, depth - 1, defs) for _ in range(r.randint(1, 3))], "items": r.choice([False, True])}
    elif kind == "anyOf":
        s["anyOf"] = [random_schema(r, depth - 1, defs) for _ in range(r.randint(2, 3))]
    elif kind == "oneOf":
        s["oneOf"] = [{"type": "object", "properties": {"kind": {"const": k}, "v": random_schema(r, depth - 1, defs)}, "required": ["kind"],
                       "additionalProperties": False} for k in ("one", "two", "three")[: r.randint(2, 3)]]
    elif kind == "allOf":
        s["allOf"] = [{"type": "object", "properties": {n: random_schema(r, depth - 1, defs)}, "required": [n]} for n in ("left", "right")]
    elif kind == "types":
        s |= {"type": ["string", "null", "integer"], "maxLength": r.randint(0, 9), "minimum": r.randint(-5, 5)}
    elif kind == "ref":
        s["$ref"] = "#/$defs/" + r.choice(defs)
    elif kind == "enum":
        s["enum"] = r.sample(["red", "green", "a\"b", "", 1, -2, 2.5, None, True, "größer"], r.randint(1, 5))
    elif kind == "const":
        s["const"] = r.choice(["fixed", 7, None, False, [1, 2], {"a": 1}])
    elif kind == "format":
        s |= {"type": "string", "format": r.choice(list(FORMATS))}
    elif kind == "pattern":
        s |= {"type": "string", "pattern": r.choice(PATTERNS)}
        if r.random() < 0.4:
            s["maxLength"] = r.randint(6, 20)
    elif kind == "string":
        s["type"] = "string"
        if r.random() < 0.5:
            s["minLength"] = r.randint(0, 5)
        if r.random() < 0.5:
            s["maxLength"] = 5 + r.randint(0, 20)
    elif kind in ("integer", "number"):
        s["type"] = kind
        if r.random() < 0.6:
            s[r.choice(["minimum", "exclusiveMinimum"])] = r.choice([0, 1, -10, -3.5, 99]) if kind == "number" else r.randint(-20, 20)
        if r.random() < 0.6:
            s[r.choice(["maximum", "exclusiveMaximum"])] = r.choice([100, 999.5, 120.25, 5000]) if kind == "number" else r.randint(21, 9999)
        if r.random() < 0.25:
            s["multipleOf"] = r.choice([0.01, 0.5, 0.25, 5]) if kind == "number" else r.choice([2, 5, 7, 10, 250])
    else:
        s["type"] = kind
    return s


def random_root(r):
    s = random_schema(r, 3, ["point", "tree"])
    if "#/$defs/" in json.dumps(s):
        s["$defs"] = {"point": {"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "number"}}, "required": ["x", "y"]},
                      "tree": {"type": "object", "properties": {"v": {"type": "integer"}, "sub": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
                               "required": ["v"], "additionalProperties": False}}
    return s


# ---- judged texts ----

def texts(r, schema):
    check, valid, invalid = validator(schema), [], []
    for _ in range(40):
        if len(valid) == N_VALID and len(invalid) == N_INVALID:
            break
        try:
            x = sample(r, schema, schema)
        except RecursionError:
            continue
        for y in [x] + [mutant(r, x) for _ in range(4)]:
            text = dumps(y)
            if len(text) > 300 or text in valid or text in invalid:
                continue
            good = check.is_valid(loads(text))
            if good and y is x and len(valid) < N_VALID:
                valid.append(text)
            if not good and len(invalid) < N_INVALID:
                invalid.append(text)
    return {"valid": valid, "invalid": invalid}


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "../../tests/data/constrain/schemas.jsonl")
    r = random.Random(20261121)
    with open(os.path.join(HERE, "schemas.jsonl")) as f:
        lines = [json.loads(line) for line in f]
    for x in lines:
        if "refused" not in x:
            x |= texts(r, x["schema"])
    while sum("drawn" in x for x in lines) < N_RANDOM:
        x = {"drawn": True, "schema": random_root(r)}
        x |= texts(r, x["schema"])
        if x["valid"]:  # else nothing may fulfil it
            lines.append(x)
    with open(out, "w") as f:
        f.writelines(dumps(x) + "\n" for x in lines)
    print(f"{len(lines)} schemas, {sum('refused' in x for x in lines)} to be refused, {sum(len(x.get('valid', [])) for x in lines)} valid and "
          f"{sum(len(x.get('invalid', [])) for x in lines)} invalid texts")


main()
