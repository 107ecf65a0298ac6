#!/usr/bin/env python3
"""What is installed, and what the service manager thinks of it. Needs a release build in build/."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# systemd's own scale: 0 is nothing exposed, 10 everything.
WORST_EXPOSURE = 1.5


def install(prefix, destdir=None):
    environment = {**os.environ, **({"DESTDIR": str(destdir)} if destdir else {})}
    done = subprocess.run(["cmake", "--install", "build", "--prefix", str(prefix)], cwd=ROOT, env=environment,
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"cmake --install failed: {done.stdout}{done.stderr}")
    return done.stdout


def files_under(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="chatd-install-")
        cls.base = pathlib.Path(cls.folder.name)
        cls.prefix = cls.base / "prefix"
        cls.said = install(cls.prefix)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def unit(self):
        return self.prefix / "lib/systemd/system/chatd.service"

    def test_everything_is_where_its_readers_look(self):
        for path in ("etc/chatd/chatd.yaml", "lib/systemd/system/chatd.service", "lib/sysusers.d/chatd.conf",
                     "share/man/man8/chatd.8", "share/man/man5/chatd.yaml.5", "share/doc/chatd/chatd.yaml", "share/man/man1/chatctl.1",
                     "share/doc/chatd/chatctl.md", "share/bash-completion/completions/chatctl",
                     "share/zsh/vendor-completions/_chatctl", "share/fish/vendor_completions.d/chatctl.fish"):
            self.assertTrue((self.prefix / path).is_file(), path)

    def test_the_programs_are_installed_and_run(self):
        for program in ("chatd", "chatctl"):
            done = subprocess.run([self.prefix / "bin" / program, "--version"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, rf"^{program} \d+\.\d+\.\d+")

    def test_nothing_is_written_outside_of_the_prefix(self):
        for line in re.findall(r"^-- (?:Installing|Up-to-date): (.*)$", self.said, re.MULTILINE):
            self.assertTrue(line.startswith(str(self.prefix) + "/"), line)

    def test_the_unit_starts_the_installed_program_with_the_installed_configuration(self):
        start = f"ExecStart={self.prefix}/bin/chatd --config {self.prefix}/etc/chatd/chatd.yaml"
        self.assertIn(start, self.unit().read_text().splitlines())

    def test_an_admins_configuration_survives_an_upgrade(self):
        config = self.prefix / "etc/chatd/chatd.yaml"
        before = config.read_bytes()
        try:
            config.write_text("demo: true\n")
            install(self.prefix)
            self.assertEqual(config.read_text(), "demo: true\n")
        finally:
            config.write_bytes(before)

    def test_with_prefix_usr_everything_is_where_debian_expects_it(self):
        staging = self.base / "staging"
        install("/usr", staging)
        files = files_under(staging)
        self.assertIn("etc/chatd/chatd.yaml", files)
        self.assertIn("usr/lib/systemd/system/chatd.service", files)
        self.assertIn("usr/lib/sysusers.d/chatd.conf", files)
        unit = (staging / "usr/lib/systemd/system/chatd.service").read_text()
        self.assertIn("ExecStart=/usr/bin/chatd --config /etc/chatd/chatd.yaml\n", unit)
        outside = {path for path in files if not path.startswith(("usr/", "etc/chatd/"))}
        self.assertEqual(outside, set())

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd is not installed")
    def test_systemd_finds_no_fault_in_the_unit(self):
        done = subprocess.run(["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", self.unit()], capture_output=True, text=True)
        ours = [line for line in done.stderr.splitlines() if "chatd" in line]
        self.assertEqual((done.returncode, ours), (0, []), done.stderr)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd is not installed")
    def test_the_unit_exposes_little(self):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                               f"--threshold={int(WORST_EXPOSURE * 10)}", self.unit()], capture_output=True, text=True)
        overall = re.search(r"Overall exposure level for chatd\.service: ([\d.]+)", done.stdout)
        self.assertIsNotNone(overall, done.stdout + done.stderr)
        print(f"exposure of chatd.service: {overall.group(1)}", file=sys.stderr)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertLessEqual(float(overall.group(1)), WORST_EXPOSURE)

    @unittest.skipUnless(shutil.which("systemd-sysusers"), "systemd is not installed")
    def test_the_account_can_be_made(self):
        root = self.base / "root"
        (root / "etc").mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["systemd-sysusers", f"--root={root}", "--dry-run", self.prefix / "lib/sysusers.d/chatd.conf"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("chatd", done.stdout + done.stderr)

    @unittest.skipUnless(shutil.which("man"), "man is not installed")
    def test_the_manuals_render_without_a_warning(self):
        for page in ("man8/chatd.8", "man5/chatd.yaml.5"):
            done = subprocess.run(["man", "--warnings=w", "-l", self.prefix / "share/man" / page], capture_output=True, text=True,
                                  env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100", "PAGER": "cat"})
            self.assertEqual((done.returncode, done.stderr), (0, ""), page)
            self.assertIn("chatd", done.stdout)


if __name__ == "__main__":
    unittest.main()
