#!/usr/bin/env python3
"""The lint is able to fail: each rule finds what is planted for it, and lets what is allowed pass."""

import pathlib
import tempfile
import unittest

import layers
import words


class Tree(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)

    def plant(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def faults(self, check=None):
        found = check(self.root) if check else layers.check(self.root)[0]
        return [text for _, _, text in found]


class Layers(Tree):
    def test_an_include_upwards_is_found_with_its_line(self):
        self.plant("daemon/base/x.h", '#pragma once\n#include "net/server.h"\n')
        (path, line, text), = layers.check(self.root)[0]
        self.assertEqual((path.name, line), ("x.h", 2))
        self.assertIn("base/ may not include net/", text)

    def test_an_include_downwards_passes(self):
        self.plant("daemon/store/x.cpp", '#include "store/x.h"\n#include "chat/message_log.h"\n#include "base/ids.h"\n')
        self.assertEqual(self.faults(), [])

    def test_one_header_of_a_folder_may_be_allowed_alone(self):
        self.plant("daemon/protocol/x.h", '#include "chat/model.h"\n')
        self.assertEqual(self.faults(), [])
        self.plant("daemon/protocol/y.h", '#include "chat/chat_service.h"\n')
        self.assertEqual(len(self.faults()), 1)

    def test_a_library_of_another_layer_is_found(self):
        self.plant("daemon/chat/x.cpp", "#include <Poco/Data/Session.h>\n")
        self.plant("daemon/store/y.cpp", "#include <Poco/Data/Session.h>\n")
        self.assertEqual(self.faults(), ["chat/ may not include Poco (<Poco/Data/Session.h>)"])

    def test_an_unknown_library_and_an_unknown_folder_are_found(self):
        self.plant("daemon/base/x.cpp", "#include <nlohmann/json.hpp>\n")
        self.plant("daemon/base/y.cpp", '#include "helpers/x.h"\n')
        self.plant("daemon/helpers/x.h", "#pragma once\n")
        self.assertEqual(len(self.faults()), 3)

    def test_a_path_that_is_not_from_the_daemon_folder_is_found(self):
        self.plant("daemon/net/x.cpp", '#include "server.h"\n')
        self.plant("daemon/net/y.cpp", '#include "../base/ids.h"\n')
        self.assertEqual(len(self.faults()), 2)

    def test_system_headers_pass_everywhere(self):
        self.plant("daemon/base/x.cpp", "#include <sys/epoll.h>\n#include <vector>\n#include <netinet/in.h>\n#include <unistd.h>\n")
        self.assertEqual(self.faults(), [])

    def test_the_composition_root_may_use_everything(self):
        self.plant("daemon/app/main.cpp", '#include "rest/routes.h"\n#include "store/x.h"\n#include <Poco/Version.h>\n')
        self.assertEqual(self.faults(), [])

    def test_the_cli_stays_out_of_the_daemon(self):
        self.plant("cli/main.cpp", '#include "base/json.h"\n#include "rest/routes.h"\n')
        self.assertEqual(len(self.faults()), 1)

    def test_a_plugin_uses_its_own_folder_the_sdk_and_nothing_else_of_ours(self):
        self.plant("plugins/http/x.cpp", '#include "http/x.h"\n#include "sdk/chatd_plugin.h"\n#include "base/json.h"\n')
        self.assertEqual(self.faults(), [])
        self.plant("plugins/http/y.cpp", '#include "jwt/x.h"\n#include "auth/principal.h"\n')
        self.assertEqual(len(self.faults()), 2)


class Words(Tree):
    def test_a_mark_of_unfinished_work_is_found(self):
        self.plant("daemon/base/x.cpp", "// TO" + "DO: later\n")
        self.assertEqual(len(self.faults(words.check)), 1)

    def test_a_fixed_sleep_is_found_in_tests_and_nowhere_else(self):
        line = "std::this_thread::sleep_" + "for(1s);\n"
        self.plant("tests/unit/base/x.cpp", line)
        self.plant("daemon/base/x.cpp", line)
        self.assertEqual(len(self.faults(words.check)), 1)


if __name__ == "__main__":
    unittest.main()
