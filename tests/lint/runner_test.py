#!/usr/bin/env python3
"""tests/run.py counts what parts say, and never takes a bad end for a good one."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import run  # noqa: E402


class Runner(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.kept = (run.ROOT, run.LOGS, run.CI)
        self.addCleanup(self.restore)
        run.ROOT, run.LOGS, run.CI = self.root, self.root, False
        self.said = io.StringIO()
        quiet = contextlib.redirect_stdout(self.said)
        quiet.__enter__()
        self.addCleanup(quiet.__exit__, None, None, None)

    def restore(self):
        run.ROOT, run.LOGS, run.CI = self.kept

    def program(self, text, name="build/bin/unit_x"):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return path

    def boost(self, report, end="exit 0"):
        xml = f'<testsuite tests="3" skipped="{report.count("<skipped")}" errors="0" failures="{report.count("<failure")}">{report}</testsuite>'
        script = f"for word in \"$@\"; do case $word in --logger=JUNIT,*) cat >\"${{word##*,}}\" <<'END'\n{xml}\nEND\n;; esac; done\n{end}\n"
        return str(run.boost(self.program(script)))

    def test_cases_of_boost_are_counted_and_not_its_assertions(self):
        case = '<testcase name="a"/>'
        failed = '<testcase name="b"><failure/><failure/></testcase>'
        self.assertEqual(self.boost(case * 3), "3 passed, 0 failed")
        self.assertEqual(self.boost(case * 2 + failed, "exit 201"), "2 passed, 1 failed")

    def test_a_program_that_ends_badly_is_a_failure(self):
        self.assertEqual(self.boost('<testcase name="a"/>', "exit 1"), "1 passed, 1 failed")
        self.assertEqual(str(run.boost(self.program("kill -SEGV $$"))), "0 passed, 1 failed")

    def test_a_program_that_runs_nothing_is_a_failure(self):
        self.assertEqual(str(run.boost(self.program("exit 0"))), "0 passed, 1 failed")

    def test_the_lines_of_a_script_are_added_up(self):
        self.assertEqual(str(run.script(self.program("echo '1 passed, 0 failed'; echo '5 passed, 0 failed, 2 skipped'"))),
                         "6 passed, 0 failed, 2 skipped")
        self.assertEqual(str(run.script(self.program("echo '5 passed, 0 failed'; exit 3"))), "5 passed, 1 failed")
        self.assertEqual(str(run.script(self.program("echo fine"))), "0 passed, 1 failed")

    def test_a_missing_part_is_skipped_and_fails_in_ci(self):
        self.assertEqual(str(run.script(self.root / "nothing")), "0 passed, 0 failed, 1 skipped")
        self.assertEqual(str(run.node(self.root / "nothing")), "0 passed, 0 failed, 1 skipped")
        run.CI = True
        self.assertEqual(str(run.script(self.root / "nothing")), "0 passed, 1 failed")

    def test_no_line_of_a_part_stands_alone(self):
        run.script(self.program("echo '5 passed, 0 failed'"))
        self.assertNotIn("\n5 passed", self.said.getvalue())

    def test_python_tests_are_counted(self):
        folder = self.root / "some"
        folder.mkdir()
        (folder / "x_test.py").write_text("import unittest\nclass T(unittest.TestCase):\n"
                                          "  def test_a(self): pass\n  def test_b(self): self.fail()\n"
                                          "  @unittest.skip('why')\n  def test_c(self): pass\n")
        self.assertEqual(str(run.unittest(folder)), "1 passed, 1 failed, 1 skipped")


if __name__ == "__main__":
    unittest.main()
