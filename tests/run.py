#!/usr/bin/env python3
"""Runs the parts of the test suite and counts their cases. Usage: tests/run.py [PART…]; ./dev test builds first.

A part is a program whose cases are read from what it writes: JUnit from Boost.Test, TAP from Node's runner, the closing
line of Python's unittest, ctest's summary, or lines "N passed, N failed[, N skipped]", which are added up. A program that
ends badly counts as a failure even if no case did. The last line is the sum, and the only one of its kind: what parts write is shown behind "| ".
A part that is missing is skipped, and fails where CI=true.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test-logs"
CI = os.environ.get("CI") == "true"
PART_SECONDS = 1800
# Where the words on a failure begin: Node's closing list above all; unittest's reports, Boost's errors, what our own programs print.
NODE_FAILURES = "✖ failing tests:"
FAILURE = re.compile(r"^={70}$|: (fatal )?error: |^(not ok|FAIL|✖)|[Ss]anitizer: |^E  ")
FAILURE_LINES = 60
failures = []  # (program, what it said of its failure)


class Count:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def __iadd__(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        return self

    def __str__(self):
        tail = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{tail}"


def missing(what):
    print(f"-- {what} is missing: {'a failure in CI' if CI else 'skipped'}", flush=True)
    return Count(failed=1) if CI else Count(skipped=1)


def run(command, cwd=ROOT, env=None):
    """Runs with its output shown as it comes; (exit code, output)."""
    print(f"-- {' '.join(str(word) for word in command)}", flush=True)
    process = subprocess.Popen(command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                               start_new_session=True)

    def stop():
        # The whole group: a child that was left behind would keep the pipe open.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(PART_SECONDS, stop)
    timer.start()
    lines = []
    try:
        with process.stdout:
            for line in process.stdout:
                sys.stdout.write(f"| {line}")
                sys.stdout.flush()
                lines.append(line)
        return process.wait(), "".join(lines)
    except BaseException:
        stop()
        raise
    finally:
        timer.cancel()


def remember(what, text):
    """Keeps what a failed program said, from its first words on a failure: at most FAILURE_LINES lines."""
    lines = (text[text.rindex(NODE_FAILURES):] if NODE_FAILURES in text else text).splitlines()
    first = next((index for index, line in enumerate(lines) if FAILURE.search(line)), max(0, len(lines) - FAILURE_LINES))
    failures.append((what, lines[first:first + FAILURE_LINES]))


def settled(code, count, what, text=""):
    """The count, with a failure if the program says so and no case did; or if nothing ran."""
    if code != 0 and count.failed == 0:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        print(f"-- {what} ended with {how} though no case of it failed", flush=True)
        count.failed = 1
    elif code == 0 and count.passed + count.failed + count.skipped == 0:
        print(f"-- {what} ran no case", flush=True)
        count.failed = 1
    if count.failed:
        remember(what, text)
    return count


def boost(program, env=None):
    """A Boost.Test executable."""
    report = LOGS / f"{program.parent.parent.name}-{program.name}.xml"
    report.unlink(missing_ok=True)
    code, text = run([program, "--color_output=no", "--logger=HRF,error,stdout", f"--logger=JUNIT,all,{report}"], env=env)
    count = Count()
    try:
        # Cases about escapes and control characters print them, which XML does not allow.
        cleaned = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f]", "?", report.read_text(encoding="utf-8", errors="replace"))
        suite = xml.etree.ElementTree.fromstring(cleaned)
        bad = int(suite.get("failures")) + int(suite.get("errors"))
        skipped = int(suite.get("skipped"))
        # Boost counts assertions as failures; a case is what we count.
        cases = list(suite.iter("testcase"))
        failed = sum(1 for case in cases if case.find("failure") is not None or case.find("error") is not None)
        count = Count(len(cases) - failed - skipped, failed if bad else 0, skipped)
    except (OSError, xml.etree.ElementTree.ParseError):
        pass  # it ended before it could write: settled() says so
    return settled(code, count, program.name, text)


def node(folder, env=None):
    """Every test file of a folder, by Node's own runner."""
    files = sorted(folder.glob("*.mjs")) if folder.is_dir() else []
    if not files:
        return missing(f"{folder.relative_to(ROOT)}")
    tap = LOGS / f"{folder.name}.tap"
    code, said = run(["node", "--test", "--test-reporter=spec", "--test-reporter-destination=stdout", "--test-reporter=tap",
                   f"--test-reporter-destination={tap}", *files], env=env)
    text = tap.read_text(encoding="utf-8", errors="replace") if tap.exists() else ""

    def total(name):
        found = re.findall(rf"^# {name} (\d+)$", text, re.MULTILINE)
        return int(found[-1]) if found else 0

    count = Count(total("pass"), total("fail") + total("cancelled"), total("skipped") + total("todo"))
    return settled(code, count, folder.name, said)


def unittest(folder, env=None):
    """The *_test.py files of a folder."""
    code, text = run([sys.executable, "-B", "-m", "unittest", "discover", "-s", folder, "-p", "*_test.py"], env=env)
    ran = re.search(r"^Ran (\d+) tests? in", text, re.MULTILINE)
    numbers = dict(re.findall(r"(failures|errors|skipped)=(\d+)", text[ran.end():] if ran else ""))
    failed = int(numbers.get("failures", 0)) + int(numbers.get("errors", 0))
    skipped = int(numbers.get("skipped", 0))
    return settled(code, Count((int(ran.group(1)) if ran else 0) - failed - skipped, failed, skipped), folder.name, text)


def script(path, *arguments):
    """A program that says what it counted as this one does, once or for each of its programs."""
    if not os.access(path, os.X_OK):
        return missing(str(path.relative_to(ROOT)))
    code, text = run([path, *arguments])
    found = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", text, re.MULTILINE)
    count = Count()
    for numbers in found:
        count += Count(*(int(number or 0) for number in numbers))
    return settled(code, count, str(path.relative_to(ROOT)), text)


def units(build, env=None):
    programs = sorted(path for path in (ROOT / build / "bin").glob("unit_*") if os.access(path, os.X_OK))
    if not programs:
        return missing(f"{build}/bin/unit_*")
    count = Count()
    for program in programs:
        count += boost(program, env)
    return count


def built(preset, targets, *definitions):
    for command in (["cmake", "--preset", preset, *definitions], ["cmake", "--build", "--preset", preset, "--target", *targets]):
        code, text = run(command)
        if code != 0:
            print(f"-- the {preset} build failed", flush=True)
            remember(f"the {preset} build", text)
            return False
    return True


def sanitized(preset, env, daemon=False):
    """The unit tests under a sanitizer; with `daemon` also the integration and conformance tests, against programs that were
    built with it."""
    if not built(preset, ["units", "chatd", "chatd-conformance", "chatd-store", "chatctl"] if daemon else ["units"]):
        return Count(failed=1)
    count = units(f"build-{preset}", env)
    if daemon:
        # The browser files are the same in every build; chatd looks for them beside its own folder.
        shutil.copytree(ROOT / "build/share", ROOT / f"build-{preset}/share", dirs_exist_ok=True)
        count += node(ROOT / "tests/integration", {**env, "CHATD_BIN": str(ROOT / f"build-{preset}/bin/chatd"),
                                                   "CHATD_TEST_PATIENCE_MS": "60000"})
        count += unittest(ROOT / "tests/conformance",
                          {**env, "CHATD_CONFORMANCE_BIN": str(ROOT / f"build-{preset}/bin/chatd-conformance")})
    return count


def fuzz():
    """Every fuzz target for FUZZ_SECONDS (60)."""
    targets = [f"fuzz_{path.stem}" for path in sorted((ROOT / "tests/fuzz").glob("*.cpp"))]
    if not targets:
        return missing("tests/fuzz")
    if not built("fuzz", targets, f"-DCHATD_FUZZ_SECONDS={int(os.environ.get('FUZZ_SECONDS', '60'))}"):
        return Count(failed=1)
    code, text = run(["ctest", "--test-dir", "build-fuzz", "--output-on-failure", "-R", "^fuzz_"])
    found = re.search(r"(\d+) tests failed out of (\d+)", text)
    count = Count(int(found.group(2)) - int(found.group(1)), int(found.group(1))) if found else Count()
    return settled(code, count, "fuzz", text)


ASAN = {"ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1", "UBSAN_OPTIONS": "print_stacktrace=1",
        "LSAN_OPTIONS": f"suppressions={ROOT}/tests/support/lsan.supp:print_suppressions=0"}
TSAN = {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"}
PARTS = {
    "lint": lambda: script(ROOT / "tests/lint/run"),
    "unit": lambda: units("build"),
    "packaging": lambda: unittest(ROOT / "tests/packaging"),
    "conformance": lambda: unittest(ROOT / "tests/conformance"),
    "integration": lambda: node(ROOT / "tests/integration"),
    "browser": lambda: node(ROOT / "tests/browser"),
    "faults": lambda: script(ROOT / "tests/faults/run"),
    "asan-units": lambda: sanitized("asan", ASAN),
    "asan": lambda: sanitized("asan", ASAN, daemon=True),
    "tsan": lambda: sanitized("tsan", TSAN, daemon=True),
    "fuzz": fuzz,
}
STANDARD = ["lint", "unit", "packaging", "conformance", "integration", "browser", "faults", "asan-units"]


def main():
    names = sys.argv[1:] or STANDARD
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"run.py: there is no part {unknown[0]}; there are: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    LOGS.mkdir(parents=True, exist_ok=True)
    total = Count()
    summary = []
    for name in names:
        start = time.monotonic()
        print(f"== {name}", flush=True)
        count = PARTS[name]()
        summary.append(f"{name} ({time.monotonic() - start:.0f} s): {count}")
        total += count
    for what, lines in failures:
        print(f"== {what} failed:", flush=True)
        for line in lines:
            print(f"| {line}")
    print("==", flush=True)
    for line in summary:
        print(line)
    print(total, flush=True)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
