"""Answers of the command under each schema of schemas.jsonl against the public validator.

  check_schemas.py VLM [--seeds N]        needs Python's jsonschema

Sampled hot from the model inside the program, so that the texts are noise.  An answer that reached its end must validate; one
cut by its length is counted only; a schema that is refused must be refused in one line."""
import argparse, json, os, subprocess, tempfile
import jsonschema

ap = argparse.ArgumentParser()
ap.add_argument("vlm")
ap.add_argument("--seeds", type=int, default=3)
a = ap.parse_args()
valid = invalid = cut = refused = 0
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "schemas.jsonl")) as f, tempfile.TemporaryDirectory() as tmp:
    for line in f:
        schema, path = json.loads(line), os.path.join(tmp, "s.json")
        with open(path, "w") as out:
            out.write(line)
        check = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
        for seed in range(a.seeds):
            run = subprocess.run([a.vlm, "run", "-p", "x", "--json-schema", path, "--temp", "2", "--seed", str(seed), "-n", "300",
                                  "--json"], capture_output=True, text=True)
            if run.returncode == 1 and run.stderr.count("\n") == 1:
                refused += 1
                break
            answer = json.loads(run.stdout)
            if answer["finish_reason"] != "stop":
                cut += 1
                continue
            try:
                check.validate(json.loads(answer["text"]))
                valid += 1
            except Exception as e:
                invalid += 1
                print(line.strip(), "->", answer["text"], "|", str(e).split("\n")[0])
print(f"{valid} valid, {invalid} invalid, {cut} cut by their length, {refused} schemas refused")
raise SystemExit(invalid > 0 or valid == 0)
