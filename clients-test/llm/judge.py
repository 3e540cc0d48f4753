#!/usr/bin/env python3
"""Lets a real engine of constrained decoding judge projections: llguidance, strictly.

Random schemas of one seed are projected by `registryctl llm project`, which needs no node. Each projection must compile in
llguidance without its lenient mode; a projection that is refused must say so with a code. Where llguidance is not
installed, the suite says so by name and ends well.

    judge.py --registryctl target/debug/registryctl [--seed N] [--count N] [--dialect NAME ...]
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile


def schema(random_, depth):
    """A random schema with the keywords that people use."""
    kinds = ["string", "integer", "number", "boolean", "enum", "const", "nullable"]
    if depth > 0:
        kinds += ["object", "object", "array", "map", "union", "tuple"]
    kind = random_.choice(kinds)
    below = lambda: schema(random_, depth - 1)
    if kind == "string":
        found = {"type": "string"}
        if random_.random() < 0.3:
            found["minLength"] = random_.randrange(3)
            found["maxLength"] = 3 + random_.randrange(9)
        elif random_.random() < 0.3:
            found["pattern"] = random_.choice(["^[a-z]+$", "[0-9]{3}", "^(a|b)c?$", "\\d+", "^(?=a)a.*$"])
        elif random_.random() < 0.3:
            found["format"] = random_.choice(["date", "date-time", "uuid", "email", "uri", "iri"])
        return found
    if kind in ("integer", "number"):
        found = {"type": kind}
        if random_.random() < 0.4:
            found["minimum"] = random_.randrange(-9, 9)
        if random_.random() < 0.3:
            found["exclusiveMaximum"] = random_.randrange(10, 99)
        return found
    if kind == "boolean":
        return {"type": "boolean"}
    if kind == "enum":
        return {"enum": random_.sample(["a", "b", "c", "d"], 2)}
    if kind == "const":
        return {"const": random_.choice(["x", 1, True])}
    if kind == "nullable":
        return {"type": [random_.choice(["string", "integer"]), "null"]}
    if kind == "array":
        return {"type": "array", "items": below(), "minItems": random_.randrange(2)}
    if kind == "map":
        return {"type": "object", "additionalProperties": below()}
    if kind == "union":
        return {random_.choice(["anyOf", "oneOf"]): [below(), below()]}
    if kind == "tuple":
        return {"type": "array", "prefixItems": [below(), below()], "items": False, "minItems": 2}
    return closed(random_, depth)


def closed(random_, depth):
    names = random_.sample(["id", "name", "size", "tags", "note", "kind"], random_.randrange(1, 5))
    return {
        "type": "object",
        "properties": {name: schema(random_, depth - 1) for name in names},
        "required": [name for name in names if random_.random() < 0.6],
        "additionalProperties": False,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--registryctl", required=True)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--dialect", action="append")
    arguments = parser.parse_args()
    try:
        import llguidance
    except ImportError:
        print("skipped: llguidance is not installed (pip install llguidance)")
        return 0
    dialects = arguments.dialect or ["openai", "anthropic", "gemini", "ollama", "xgrammar", "llguidance", "minimal"]
    print(f"seed {arguments.seed}, llguidance {llguidance.get_version()}")
    random_ = random.Random(arguments.seed)
    compiled, refused, failed = 0, {}, []
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "schema.json"
        for _ in range(arguments.count):
            written = closed(random_, 3)
            path.write_text(json.dumps(written))
            for dialect in dialects:
                command = [arguments.registryctl, "llm", "project", "--file", str(path), "--dialect", dialect]
                done = subprocess.run(command + ["--output", "json"], capture_output=True, text=True, timeout=60)
                if done.returncode != 0:
                    code = done.stderr.removeprefix("registryctl: ").split(" at ")[0].strip()
                    refused[code] = refused.get(code, 0) + 1
                    if " " in code or not code:
                        failed.append((dialect, written, done.stderr))
                    continue
                projected = json.loads(done.stdout)["schema"]
                grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(projected))
                problem = llguidance.LLMatcher.validate_grammar(grammar)
                if problem:
                    failed.append((dialect, written, f"{problem}\n{json.dumps(projected)}"))
                else:
                    compiled += 1
    print(f"{compiled} projections compile, refused: {refused}, failed: {len(failed)}")
    for dialect, written, problem in failed[:5]:
        print(f"{dialect}: {json.dumps(written)}\n  {problem}")
    return 1 if failed or compiled == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
