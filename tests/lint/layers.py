#!/usr/bin/env python3
"""The layer check: what each folder may include. Usage: layers.py [REPOSITORY]

Reads every C and C++ file of daemon/, cli/ and plugins/ and compares its #include lines with the tables below. Prints
FILE:LINE: what, one line a fault, and exits 1 if there is any. Runs in every build and in ./dev test.
ARCHITECTURE.md explains the table; a change here is a change there.
"""

import pathlib
import re
import sys

# Folder of daemon/ -> what of daemon/ it may include. A name is a folder; a name with a slash is one header.
LOWER = {"base", "observe"}
DAEMON = {
    "base": set(),
    "observe": {"base"},
    "config": LOWER,
    "net": LOWER | {"chat/executor.h"},
    "protocol": {"base", "chat/model.h", "chat/fanout.h"},
    "chat": {"base"},
    "store": LOWER | {"chat"},
    "outbound": LOWER | {"net"},
    # The bundled plugins run inline: auth/ names the entry of each. It shares messages and loading with the host process.
    "auth": LOWER | {"chat", "net", "outbound", "sdk", "common/config_schema.h", "common/config_secrets.h", "common/field_names.h", "host/landlock.h",
                     "host/plugin_library.h",
                     "host/secrets.h", "host/wire.h", "hmac/hmac_plugin.h", "http/http_plugin.h", "introspect/introspect_plugin.h",
                     "jwt/jwt_plugin.h", "simple/simple_plugins.h"},
    "engine": LOWER | {"net", "protocol", "chat/executor.h"},
    "realtime": LOWER | {"chat", "engine", "protocol", "net"},
    "web": {"base"},
    "rest": LOWER | {"chat", "auth", "net", "protocol", "web"},
    "app": None,  # the composition root: everything
    # A program of its own: the protocol layers without the chat.
    "conformance": LOWER | {"engine", "net", "protocol"},
}
# Outside of daemon/.
OTHERS = {"cli": {"base", "cli"}, "plugins": {"base", "sdk", "common", "host/plugin_library.h"}}

# Library -> how its headers are recognised, and who may use it (app may use all).
LIBRARIES = {
    "fmt": (r"fmt/", None),
    "rapidjson": (r"rapidjson/", {"base", "protocol", "auth", "rest", "cli", "plugins"}),
    "libsystemd": (r"systemd/", {"observe"}),
    "yaml-cpp": (r"yaml-cpp/", {"config", "cli"}),
    "CLI11": (r"CLI/", {"config", "cli", "conformance"}),
    "Poco": (r"Poco/", {"net", "store", "outbound", "auth", "rest", "cli"}),
    "OpenSSL": (r"openssl/", {"net", "outbound", "auth", "rest", "protocol", "web", "plugins"}),
    "zlib": (r"zlib\.h$", {"protocol", "cli"}),
    "SQLite": (r"sqlite3\.h$", {"store"}),
    "libpq": (r"libpq-fe\.h$", {"store"}),
    "argon2": (r"argon2\.h$", {"auth"}),
}
# Folders of the system's own headers; a header without a folder is the language's or the system's.
SYSTEM = ("sys/", "arpa/", "netinet/", "net/if", "linux/", "cxxabi")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SOURCES = {".h", ".hpp", ".c", ".cc", ".cpp", ".in"}


def owner(path, root):
    """(kind, folder) of a source file: ("daemon", "net"), ("cli", "cli"), ("plugins", "plugins")."""
    parts = path.relative_to(root).parts
    return ("daemon", parts[1]) if parts[0] == "daemon" else (parts[0], parts[0])


def fault_of_library(folder, header):
    for name, (pattern, users) in LIBRARIES.items():
        if re.match(pattern, header):
            if users is None or folder == "app" or folder in users:
                return None
            return f"{folder}/ may not include {name} (<{header}>)"
    if "/" in header and not header.startswith(SYSTEM):
        return f"<{header}> is of no library in the table"
    return None


def fault_of_ours(path, root, kind, folder, header):
    if header.endswith("chatd_plugin.h"):
        target = "sdk"
    elif "/" in header:
        target = header.split("/")[0]
    elif kind == "daemon":
        return f'"{header}" must be written from the daemon folder, "{folder}/{header}"'
    else:
        # The CLI and the plugins may name a neighbour.
        return None if (path.parent / header).exists() else f'"{header}" is not beside this file'
    # A plugin's files may name the plugin's own folder.
    if target == folder or (kind == "plugins" and target == path.relative_to(root).parts[1]):
        return None
    allowed = DAEMON[folder] if kind == "daemon" else OTHERS[kind]
    if allowed is not None and (target in allowed or header in allowed):
        return None
    if target not in DAEMON and target not in ("sdk", "cli") and not (root / "plugins" / target).is_dir():
        return f'"{header}": there is no folder {target} in the table'
    if allowed is None:
        return None
    return f'{folder}/ may not include {target}/ ("{header}")'


def check(root):
    """Every fault of the repository as (file, line, text), and how many files were read."""
    faults = []
    files = 0
    for top in ("daemon", "cli", "plugins"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in SOURCES or not path.is_file():
                continue
            kind, folder = owner(path, root)
            if kind == "daemon" and folder not in DAEMON:
                faults.append((path, 1, f"there is no folder daemon/{folder} in the table"))
                continue
            files += 1
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                found = INCLUDE.match(line)
                if not found:
                    continue
                bracket, header = found.groups()
                if bracket == "<":
                    fault = fault_of_library(folder, header)
                else:
                    fault = fault_of_ours(path, root, kind, folder, header)
                if fault:
                    faults.append((path, number, fault))
    return faults, files


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    faults, files = check(root)
    for path, number, text in faults:
        print(f"{path.relative_to(root)}:{number}: layer: {text}")
    if files == 0:
        print(f"layers.py: no source files under {root}")
    return 1 if faults or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
