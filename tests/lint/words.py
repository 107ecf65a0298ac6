#!/usr/bin/env python3
"""Words that may not stand in the tree. Usage: words.py [REPOSITORY]

Marks of unfinished work anywhere, and fixed sleeps in tests (a test waits for a condition with a deadline).
Prints FILE:LINE: what, and exits 1 if there is any.
"""

import pathlib
import re
import sys

TOPS = ("daemon", "cli", "plugins", "etc", "systemd", "tests", ".ci")
SKIPPED = {"node_modules", "__pycache__"}
BINARY = {".png", ".ico", ".gz", ".db"}

# Put together here, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
# What asks again and again until a deadline, and plugins that are slow on purpose.
SLEEPERS = {"tests/support/eventually.h", "tests/support/plugins/evil.cpp"}
FIXED_SLEEP = re.compile(r"\b(sleep_" + r"for|usl" + r"eep|nanosl" + r"eep)\s*\(")


def files(root):
    for top in TOPS:
        for path in sorted((root / top).rglob("*")):
            if path.is_file() and not SKIPPED & set(path.parts) and path.suffix not in BINARY:
                yield path
    for path in sorted(root.iterdir()):
        if path.is_file() and (path.suffix in (".md", ".txt", ".json") or path.name == "dev"):
            yield path


def check(root):
    faults = []
    for path in files(root):
        name = path.relative_to(root).as_posix()
        sleeps = name.startswith("tests/") and path.suffix in (".cpp", ".h") and name not in SLEEPERS
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            found = UNFINISHED.search(line)
            if found:
                faults.append((path, number, f"{found.group(1)}: finish it, or file it as an issue"))
            if sleeps and FIXED_SLEEP.search(line):
                faults.append((path, number, "a fixed sleep in a test: wait for the condition, with a deadline"))
    return faults


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    faults = check(root)
    for path, number, text in faults:
        print(f"{path.relative_to(root)}:{number}: word: {text}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
