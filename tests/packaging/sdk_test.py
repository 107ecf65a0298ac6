#!/usr/bin/env python3
"""An integrator's path, as somebody new would walk it: install the SDK, copy an example, build it with nothing but a compiler and
pkg-config (or CMake), check it, install it, register an app with it, connect. Needs a release build in build/."""

import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "plugins/examples"


def run(command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)


class DebianPackage(unittest.TestCase):
    """chatd-plugin-dev: the same SDK as a Debian package, built by cpack and unpacked by dpkg."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="chatd-deb-")
        cls.base = pathlib.Path(cls.folder.name)
        done = run(["cpack", "--config", ROOT / "build/CPackConfig.cmake", "-B", cls.base], cwd=cls.base)
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        cls.package, = cls.base.glob("chatd-plugin-dev_*.deb")
        cls.root = cls.base / "root"
        done = run(["dpkg-deb", "--extract", cls.package, cls.root])
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def field(self, name):
        return run(["dpkg-deb", "--field", self.package, name]).stdout.strip()

    def test_it_says_what_it_is_and_what_it_needs(self):
        version = run([ROOT / "build/bin/chatd", "--version"]).stdout.split()[1]
        self.assertEqual(self.field("Package"), "chatd-plugin-dev")
        self.assertTrue(self.field("Version").startswith(version), self.field("Version"))
        self.assertEqual(self.field("Section"), "libdevel")
        self.assertIn("libc6", self.field("Depends"))
        self.assertNotIn("poco", self.field("Depends"))
        self.assertIn("pkg-config", self.field("Recommends"))

    def test_it_holds_the_sdk_and_nothing_of_the_daemon(self):
        files = {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}
        for file in ("usr/include/chatd/chatd_plugin.h", "usr/include/chatd/chatd_plugin.hpp", "usr/bin/chatd-plugin-check",
                     "usr/lib/pkgconfig/chatd-plugin.pc", "usr/share/doc/chatd-plugin-dev/examples/c/door.c"):
            self.assertIn(file, files)
        self.assertFalse([file for file in files if re.search(r"bin/(chatd|chatctl)$|systemd|etc/", file)], files)
        for path in self.root.rglob("*"):
            self.assertEqual(path.stat().st_mode & 0o022, 0, path)

    def test_the_tutorial_works_from_it(self):
        work = self.base / "work"
        shutil.copytree(self.root / "usr/share/doc/chatd-plugin-dev/examples/c", work)
        env = {**os.environ, "PKG_CONFIG_PATH": str(self.root / "usr/lib/pkgconfig")}
        flags = run(["pkg-config", "--cflags", "--libs", "chatd-plugin"], env=env)
        self.assertEqual(flags.returncode, 0, flags.stderr)
        built = run(["cc", "-O2", "-Wall", "door.c", *flags.stdout.split(), "-o", "door.so"], cwd=work)
        self.assertEqual(built.returncode, 0, built.stderr)
        (work / "config.json").write_text('{"word":"sesame"}')
        done = run([self.root / "usr/bin/chatd-plugin-check", "door.so", "--config", "config.json", "--token", "ann:sesame"], cwd=work)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Sdk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="chatd-sdk-")
        cls.base = pathlib.Path(cls.folder.name)
        cls.sdk = cls.base / "sdk"
        done = run(["cmake", "--install", "build", "--component", "sdk", "--prefix", cls.sdk], cwd=ROOT)
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        cls.env = {**os.environ, "PKG_CONFIG_PATH": str(cls.sdk / "lib/pkgconfig")}
        cls.checker = cls.sdk / "bin/chatd-plugin-check"

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def example(self, name):
        """A copy of an example, as an integrator would make it."""
        copy = self.base / f"work-{name}"
        if not copy.exists():
            shutil.copytree(EXAMPLES / name, copy)
        return copy

    def door(self):
        work = self.example("c")
        flags = run(["pkg-config", "--cflags", "--libs", "chatd-plugin"], env=self.env)
        self.assertEqual(flags.returncode, 0, flags.stderr)
        built = run(["cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "door.c", *flags.stdout.split(), "-o", "door.so"], cwd=work)
        self.assertEqual(built.returncode, 0, built.stderr)
        (work / "config.json").write_text('{"word":"sesame"}')
        return work / "door.so"

    def test_the_sdk_is_all_there_and_only_that(self):
        files = {str(path.relative_to(self.sdk)) for path in self.sdk.rglob("*") if path.is_file()}
        documents = {file for file in files if file.startswith("share/doc/chatd-plugin-dev/")}
        for document in ("copyright", "examples/c/door.c", "examples/c/README.md", "examples/cpp/session_api.cpp", "examples/wrong/wrong.c"):
            self.assertIn(f"share/doc/chatd-plugin-dev/{document}", documents)
        self.assertEqual(files - documents, {
            "bin/chatd-plugin-check", "include/chatd/chatd_plugin.h", "include/chatd/chatd_plugin.hpp",
            "lib/cmake/chatd-plugin/chatd-pluginConfig.cmake", "lib/cmake/chatd-plugin/chatd-pluginConfigVersion.cmake",
            "lib/pkgconfig/chatd-plugin.pc", "share/chatd/sdk/chatd-plugin.map"})

    def test_the_c_example_is_built_with_cc_and_pkg_config_and_keeps_the_rules(self):
        door = self.door()
        done = run([self.checker, door, "--config", door.parent / "config.json", "--token", "ann:sesame"])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("ALLOW ann", done.stdout)

    def test_the_checker_says_what_create_objects_to(self):
        done = run([self.checker, self.door()])
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("word: is required", done.stdout)

    def test_the_cpp_example_is_built_with_cmake_and_keeps_the_rules(self):
        work = self.example("cpp")
        for step in (["cmake", "-S", ".", "-B", "out", f"-DCMAKE_PREFIX_PATH={self.sdk}"], ["cmake", "--build", "out"]):
            done = run(step, cwd=work)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        (work / "config.json").write_text('{"url":"https://app.example/session"}')
        done = run([self.checker, work / "out/session-api.so", "--config", work / "config.json"])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("UNAVAILABLE", done.stdout)

    def test_the_wrong_example_is_caught_at_each_of_its_faults(self):
        work = self.example("wrong")
        include = self.sdk / "include/chatd"
        done = run(["cc", "-shared", "-fPIC", f"-I{include}", "wrong.c", "-o", "wrong.so"], cwd=work)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run([self.checker, work / "wrong.so"])
        self.assertEqual(done.returncode, 1)
        self.assertIn("config_schema is not valid JSON", done.stdout)
        self.assertRegex(done.stdout, r"exports \d+ symbols? more than its entry")
        for fault in ("completed a job twice", "allowed without naming a user", "then returned an error from verify()"):
            self.assertEqual(done.stdout.count(fault), 1, done.stdout)
        self.assertRegex(done.stdout, r"grew by about \d+ bytes a verification")
        self.assertIn("FAIL leaks", done.stdout)
        self.assertNotIn("mend this", done.stdout)

    def test_the_checker_shows_what_lists_will_hide_and_names_the_file_that_cannot_be_loaded(self):
        door = self.door()
        done = run([self.checker, door, "--config", door.parent / "config.json", "--token", "ann:sesame"])
        self.assertIn('listed as {"word":"***"}', done.stdout)
        work = self.example("c")
        source = (work / "door.c").read_text().replace('\\"writeOnly\\":true', '\\"writeOnly\\":\\"yes\\"').replace('"1.0.0"', '"1.0\\n"')
        (work / "mistyped.c").write_text(source)
        flags = run(["pkg-config", "--cflags", "--libs", "chatd-plugin"], env=self.env).stdout.split()
        self.assertEqual(run(["cc", "mistyped.c", *flags, "-o", "mistyped.so"], cwd=work).returncode, 0)
        done = run([self.checker, work / "mistyped.so", "--config", work / "config.json"])
        self.assertIn("version must be 1 to 500 bytes of UTF-8", done.stdout)
        (work / "mistyped.c").write_text(source.replace('"1.0\\n"', '"1.0"'))
        self.assertEqual(run(["cc", "mistyped.c", *flags, "-o", "mistyped.so"], cwd=work).returncode, 0)
        done = run([self.checker, work / "mistyped.so", "--config", work / "config.json"])
        self.assertIn("writeOnly that is neither true nor false", done.stdout)
        (work / "nonsense.json").write_text("{nonsense")
        done = run([self.checker, door, "--config", work / "nonsense.json"])
        self.assertEqual(done.returncode, 2)
        self.assertIn("nonsense.json: Not valid JSON", done.stderr)
        self.assertEqual(run([self.checker, "--help"]).returncode, 0)
        broken = self.base / "broken.so"
        broken.write_text("no library")
        done = run([self.checker, broken])
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(broken), done.stdout)
        self.assertNotIn("/proc/", done.stdout)

    def test_an_app_with_the_c_example_lets_its_users_in(self):
        plugins = self.base / "plugins"
        plugins.mkdir(mode=0o755, exist_ok=True)
        done = run(["install", "-D", "-m", "644", self.door(), plugins / "door.so"])
        self.assertEqual(done.returncode, 0, done.stderr)
        data = self.base / "data"
        out = self.base / "out"
        with out.open("w") as stdout, (self.base / "log").open("w") as log:
            kept = {k: v for k, v in os.environ.items() if not k.startswith("CHATD_")}
            chatd = subprocess.Popen([ROOT / "build/bin/chatd", "--dev", "--data-dir", data, "--listen", "127.0.0.1:0"], cwd=self.base,
                                     stdout=stdout, stderr=log, env={**kept, "CHATD_PLUGINS__PATHS": f"[{plugins}]"})
        try:
            until = time.monotonic() + 30
            ready = None
            while ready is None and time.monotonic() < until and chatd.poll() is None:
                ready = re.search(r"^chatd ready on http://127\.0\.0\.1:(\d+)$", out.read_text(), re.MULTILINE)
                time.sleep(0.02)
            self.assertIsNotNone(ready, (self.base / "log").read_text())
            chatctl = [ROOT / "build/bin/chatctl", "--server", f"unix:{data}/admin.sock"]
            refused = run([*chatctl, "app", "create", "bad", "--verifier", "door", "--verifier-config", "{}"])
            self.assertEqual(refused.returncode, 7, refused.stderr)
            self.assertIn("word: is required", refused.stderr)
            config = self.base / "work-c/config.json"
            made = run([*chatctl, "app", "create", "shop", "--verifier", "door", "--verifier-config", f"@{config}", "-o", "json"])
            self.assertEqual(made.returncode, 0, made.stderr)
            for token, status in (("ann:sesame", 200), ("ann:melon", 401), ("nothing", 401)):
                connection = http.client.HTTPConnection("127.0.0.1", int(ready.group(1)), timeout=30)
                connection.request("GET", "/auth/verify", headers={"Authorization": f"Bearer {token}", "X-Chat-App": "shop"})
                answer = connection.getresponse()
                body = answer.read()
                self.assertEqual(answer.status, status, body)
                if status == 200:
                    self.assertEqual(json.loads(body)["kind"], "user")
                connection.close()
        finally:
            chatd.terminate()
            chatd.wait(30)


if __name__ == "__main__":
    unittest.main()
