#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: compare-toml.py PROGRAM FILE...
#
# base/toml and Python's tomllib read the documents of the files, all single characters of them changed, and lines of
# them mixed, the same way. What base/toml refuses on purpose (dates, inf and nan, integers beyond 64 bits, deep nesting)
# is left out.

import datetime
import json
import math
import random
import subprocess
import sys

try:
    import tomllib
except ImportError:
    print("this python3 has no tomllib")
    sys.exit(77)

BYTES = "\r\n\t \\\"'=[]{},.#_-+0aeZx:\x7fé"
LINES = ["a = 1", "a.b = 1", "a.b.c = 2", "a.c = {}", "a = {b = 1}", "a = []", "a = [{}]", "[a]", "[a.b]", "[a.b.c]",
         "[[a]]", "[[a.b]]", "[[a.b.c]]", "[b]", "[b.a]", "b = 1", "c.a = 1", "[c]", "[ a . 'b' ]", "x.y.z = {p.q = 1}",
         "b.c = 'x'", "b = {c.d = 1, c.e = {}}"]
MIXED = 20000


def unsupported(v, depth=0):
    if isinstance(v, dict):
        return depth > 30 or any(unsupported(x, depth + 1) or "\0" in k for k, x in v.items())
    if isinstance(v, list):
        return depth > 30 or any(unsupported(x, depth + 1) for x in v)
    if isinstance(v, bool):
        return False
    if isinstance(v, int):
        return not -2**63 <= v < 2**63
    if isinstance(v, float):
        return not math.isfinite(v)
    if isinstance(v, str):
        return "\0" in v
    return isinstance(v, (datetime.date, datetime.time, datetime.datetime))


def documents(files):
    for name in files:
        with open(name, encoding="utf-8", newline="") as f:
            text = f.read()
        yield text
        # Documents with a date as a whole are of no use; the lines of the rest are.
        text = "".join(line for line in text.splitlines(True) if "1979-05-27" not in line)
        for i in range(len(text)):
            yield text[:i]
            yield text[:i] + text[i + 1:]
            for c in BYTES:
                yield text[:i] + c + text[i + 1:]
                if c in "[]{}\"'.=":
                    yield text[:i] + c + text[i:]
    chance = random.Random(1)
    for _ in range(MIXED):
        yield "\n".join(chance.choices(LINES, k=chance.randint(2, 6)))


def expected(text):
    try:
        v = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return "!"
    return None if unsupported(v) else v


def main():
    texts = list(dict.fromkeys(t for t in documents(sys.argv[2:]) if "\0" not in t))
    answers = subprocess.run([sys.argv[1]], input="".join(t + "\0" for t in texts).encode(), check=True,
                             capture_output=True).stdout.decode().splitlines()
    if len(answers) != len(texts):
        sys.exit(f"{len(answers)} answers to {len(texts)} documents")
    wrong = accepted = 0
    for text, answer in zip(texts, answers):
        want = expected(text)
        if want is None:
            continue
        got = answer if answer == "!" else json.loads(answer)
        accepted += got != "!"
        if got != want or json.dumps(got) != json.dumps(want):
            wrong += 1
            if wrong <= 10:
                print(f"{text!r}:\n  {got}\n  {want}")
    print(f"{len(texts)} documents, {accepted} accepted by both, {wrong} read differently")
    sys.exit(1 if wrong or not accepted else 0)


main()
