# SPDX-License-Identifier: Apache-2.0
"""What holds for the tree as a whole: who may include what, SPDX lines, links, settings, manual pages, no traces of a
build machine. Reads the files that git knows (or, in an unpacked archive, all but build/). Needs nothing built."""
import os
import re
import subprocess
import sys
import unittest

SOURCE = os.environ.get("TIDEGATE_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TIDEGATE_BUILD", "")
sys.path.insert(0, os.path.join(SOURCE, "scripts"))
sys.dont_write_bytecode = True
import manual  # noqa: E402

# Our own folders that a folder's #include "…" may name, besides itself. A new folder needs a line here.
MAY_INCLUDE = {
    "core/sdk": (),
    "core/sim": ("core/sdk",),
    "core/wire": ("core/sdk",),
    "core/vmes1": ("core/sdk",),
    "core/e2e": ("core/vmes1", "core/wire", "core/sdk"),
    "core/config": ("core/sdk",),
    "core/tls": ("core/sim", "core/sdk"),
    "core/proxy": ("core/tls", "core/sim", "core/sdk"),
    "core/http": ("core/sdk",),
    "core/token": ("core/proxy", "core/http", "core/sim", "core/sdk"),
    "core/xml": ("core/sdk",),
    "core/web": ("core/http", "core/sim", "core/sdk"),
    "core/mime": ("core/sdk",),
    "core/pim": ("core/mime", "core/sdk"),
    "core/store": ("core/sim", "core/sdk"),
    "core/plugin": ("core/config", "core/sim", "core/sdk"),
    "core/account": ("core/store", "core/sim", "core/sdk"),
    "core/journal": ("core/pim", "core/account", "core/store", "core/e2e", "core/sim", "core/sdk"),
    "core/push": ("core/journal", "core/pim", "core/mime", "core/account", "core/store", "core/e2e", "core/wire", "core/sim", "core/sdk"),
    "core/link": ("core/store", "core/http", "core/config", "core/proxy", "core/wire", "core/sim", "core/sdk"),
    "core/ctl": ("core/config", "core/tls", "core/sim", "core/sdk"),
    "core/plugin_check": ("core/plugin", "core/config", "core/sim", "core/sdk"),
    "core/gateway": ("core/journal", "core/account", "core/config", "core/ctl", "core/e2e", "core/link", "core/plugin", "core/proxy",
                     "core/push", "core/sdk", "core/sim", "core/store", "core/tls", "core/token", "core/wire"),
    "plugins/*": ("core/sdk", "core/pim", "core/mime", "core/http", "core/xml", "core/web", "core/tls", "core/token", "core/sim"),
    "relay": ("core/wire", "core/tls", "core/http", "core/config", "core/sim", "core/sdk"),
    "device": ("core/pim", "core/mime", "core/wire", "core/e2e", "core/tls", "core/proxy", "core/http", "core/config", "core/sim", "core/sdk"),
    "docs/sdk/example": (),
}
# Foreign headers, and the only folders (of those above) that may see them.
FOREIGN = {
    r"boost/asio.*": (),
    r"boost/beast/.*": ("core/http",),
    r"sqlite3\.h": ("core/sim", "core/store", "relay", "device"),
    r"google/protobuf/.*|.*\.pb\.h": (),
    r"libetpan/.*": ("plugins/imap",),
    r"dlfcn\.h": ("core/plugin",),
    r"curl/.*": ("core/proxy", "core/web"),
    r"libxml/.*": ("core/xml",),
    r"resolv\.h|arpa/nameser\.h": ("core/web",),
    r"openssl/ssl\.h": ("core/tls",),
    r"zstd\.h": ("core/e2e",),
    r"gtest/.*|gmock/.*": ("core/plugin_check",),
}


def files():
    """Paths from the root; in a git tree what git tracks or would (not what it ignores)."""
    if os.path.exists(os.path.join(SOURCE, ".git")):
        listed = subprocess.run(["git", "-C", SOURCE, "ls-files", "-co", "--exclude-standard", "-z"],
                                capture_output=True, check=True).stdout.decode().split("\0")
        return sorted(path for path in listed if path and os.path.isfile(os.path.join(SOURCE, path)))
    found = []
    for folder, below, names in os.walk(SOURCE):
        below[:] = [name for name in below if name not in (".git", "__pycache__") and os.path.join(folder, name) !=
                    os.path.join(SOURCE, "build")]
        found += [os.path.relpath(os.path.join(folder, name), SOURCE) for name in names]
    return sorted(found)


FILES = files()


def text(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def of(*endings, below=""):
    return [path for path in FILES if path.endswith(endings) and path.startswith(below)]


def room_of(path):
    """The folder of MAY_INCLUDE that a source (or an included path) belongs to; None: it has no rule."""
    folder = os.path.dirname(path)
    if folder.startswith("plugins/"):
        return "/".join(folder.split("/")[:2])
    while folder and folder not in MAY_INCLUDE:
        folder = os.path.dirname(folder)
    return folder or None


def rule_of(room):
    return MAY_INCLUDE["plugins/*" if room.startswith("plugins/") else room]


def outside_code(markdown):
    """Markdown without fenced blocks and code spans."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", markdown, flags=re.M | re.S))


def anchors(markdown):
    made = set()
    for title in re.findall(r"^#+ +(.+?)\s*$", markdown, re.M):
        made.add(re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-"))
    return made


def keys(ini):
    """section kind → keys, of an ini's text; keys that are commented out (;key =) count too. A plugin's section is
    `backend/PLUGIN`."""
    found, section = {}, None
    for line in ini.splitlines():
        if head := re.match(r"\[(\w+)(?::[^\]]*)?\]", line):
            section = found.setdefault(head[1], set())
        elif key := re.match(r";?([a-z0-9_-]+)\s*=", line):
            if section is not None:
                section.add(key[1])
    return found


class House(unittest.TestCase):
    def none(self, wrong, why):
        self.assertFalse(wrong, f"{why}:\n  " + "\n  ".join(wrong))

    def test_links_in_markdown_resolve(self):
        wrong, known = [], set(FILES)
        folders = {os.path.dirname(path) for path in FILES}
        folders |= {"/".join(parts[:n]) for parts in (folder.split("/") for folder in folders) for n in range(len(parts))}
        for path in of(".md"):
            for target in re.findall(r"\]\(([^)\s]+)\)", outside_code(text(path))):
                if re.match(r"[a-z]+:", target):
                    continue
                name, _, anchor = target.partition("#")
                to = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
                if to not in known and to not in folders:
                    wrong.append(f"{path}: {target} is not there")
                elif anchor and anchor not in anchors(text(to)):
                    wrong.append(f"{path}: {to} has no heading for #{anchor}")
        self.none(wrong, "broken links")

    def test_files_named_in_markdown_exist(self):
        wrong, known = [], set(FILES)
        for path in of(".md"):
            named = re.findall(r"(?<![\w./-])(?:scripts|tests|core|plugins|relay|device|etc|docs)/[\w./-]+\."
                               r"(?:sh|py|cpp|hpp|md|proto|ini)\b", text(path))
            for name in sorted(set(named)):
                to = os.path.normpath(os.path.join(os.path.dirname(path), name))
                if name not in known and to not in known:
                    wrong.append(f"{path}: {name}")
        self.none(wrong, "documents name files that are not there")

    def test_pitfalls_name_tests_that_are_there(self):
        """Each row of docs/pitfalls.md is held by a test that exists, or says why it can't occur."""
        tests, wrong, rows = set(), [], set()
        for path in of(".cpp", ".py", below="tests/"):
            tests |= set(re.findall(r"^TEST(?:_F|_P)?\(\s*\w+,\s*(\w+)\s*\)", text(path), re.M))
            tests |= set(re.findall(r"^    def (test_\w+)", text(path), re.M)) | {os.path.basename(path)}
        for ids, held in re.findall(r"^\| ([A-Z]+-\d.*?) \| (.*) \|$", text("docs/pitfalls.md"), re.M):
            kind = ids.split("-")[0]
            rows |= {f"{kind}-{number}" for number in re.findall(r"-(\d+)", ids)}
            named = [name for name in re.findall(r"`([\w.]+)…?`", held)]
            known = [name for name in named if any(each.startswith(name) for each in tests)]
            # What looks like the name of a test is one; the rest are words of protocols and settings.
            looks = [name for name in named if re.search(r"[a-z0-9][A-Z]|(?:_[a-z0-9]+){3}|_(?:test|fuzz)\.cpp$", name)]
            wrong += [f"{ids}: {name} is no test" for name in looks if name not in known]
            if not known and not re.match(r"can't occur|the same test|as [A-Z]+-\d", held):
                wrong.append(f"{ids}: no test, and no reason why it can't occur")
            if re.search(r"\bopen\b", held) and not known:
                wrong.append(f"{ids}: open")
        wanted = {f"IMAP-{number:02}" for number in range(1, 33)} | {f"DEV-{number:02}" for number in range(1, 15)} | {
            f"DAV-{number:02}" for number in range(1, 22)} | {f"EWS-{number:02}" for number in range(1, 24)}
        self.none(sorted(wanted - rows), "rows of the list that nothing is said of")
        self.none(wrong, "docs/pitfalls.md")

    def test_codes_of_the_wire_are_those_of_its_specification(self):
        table = dict(re.findall(r"^\| (\d+) \| (\w+)", text("docs/wire.md").split("6.9 Codes:")[1], re.M))
        body = re.search(r"enum class Code[^{]*\{(.*?)\};", text("core/wire/control.hpp"), re.S)[1]
        self.assertEqual({number: name for name, number in re.findall(r"(\w+) = (\d+),", body)}, table)

    def test_settings_in_documents_are_known(self):
        gateway, relay = keys(text("etc/tidegated.ini")), keys(text("etc/relay.ini"))
        own = {"directory"}  # of the example plugin
        self.assertIn("relay", gateway["gateway"])
        self.assertIn("host", gateway["backend"])
        self.assertIn("public_url", relay["relay"])
        wrong = []
        for path in of(".md"):
            for block in re.findall(r"^ *```ini\n(.*?)^ *```", text(path), re.M | re.S):
                for section, names in keys(re.sub(r"^ +", "", block, flags=re.M)).items():
                    known = {**gateway, **relay}.get(section, set()) | (own if section == "backend" else set())
                    wrong += [f"{path}: [{section}] {name}" for name in sorted(names - known)]
        self.none(wrong, "settings that no program knows")

    def test_manuals_of_settings_are_generated(self):
        for page, ini in manual.PAGES.items():
            with self.subTest(page=page):
                self.assertEqual(text(page), manual.written(text(page), text(ini)),
                                 f"{page} differs from {ini}; run scripts/manual.py")

    def test_programs_and_units_have_their_manual(self):
        pages = {os.path.basename(path) for path in of(*(f".{n}" for n in range(1, 9)), below="docs/man/")}
        wrong = []
        for path in of("CMakeLists.txt"):
            for name in re.findall(r"(?:tidegate_program|add_executable)\((tidegate[\w-]*)", text(path)):
                if not any(page.rsplit(".", 1)[0] == name for page in pages):
                    wrong.append(f"{name} ({path})")
        for path in of(".service"):
            for name, part in re.findall(r"man:([\w.-]+)\((\d)\)", text(path)):
                if f"{name}.{part}" not in pages:
                    wrong.append(f"{name}({part}), named in {path}")
        for path in of(*(f".{n}" for n in range(1, 9)), below="docs/man/"):
            for name, part in re.findall(r"\.BR (tidegate[\w.\\-]*) \((\d)\)", text(path)):
                name = name.replace("\\", "")
                if f"{name}.{part}" not in pages:
                    wrong.append(f"{name}({part}), named in {path}")
        self.none(wrong, "manual pages that are not in docs/man")

    def test_sources_carry_their_licence(self):
        wrong = []
        for path in of(".cpp", ".hpp", ".h", ".c", ".py", ".sh", ".cmake", "CMakeLists.txt", ".proto"):
            if not any("SPDX-License-Identifier: Apache-2.0" in line for line in text(path).splitlines()[:3]):
                wrong.append(path)
        self.none(wrong, "no SPDX line within the first three")

    def test_no_trace_of_a_build_machine(self):
        here = [place for place in {SOURCE, BUILD, os.path.expanduser("~")} if len(place) > len("/root")]
        traces = [re.compile(re.escape(place) + r"(?![\w-])") for place in here]
        traces += [re.compile(pattern) for pattern in (
            r"(?<![\w./*-])/work/(?=\w)",
            r"(?<![\w.])/home/(?!me\b|alice\b|anna\b)\w",
            r"(?<![\w.])/(?:builds|workspace|runner)/\w",
            r"\b[\w.-]*(?:artifactory|jfrog|devpi|verdaccio)[\w.-]*\.\w+",
            r"\b(?:nexus|registry|proxy|mirror|pypi|npm|crates)\.[\w-]+\.[\w.]*\w",
            r"\b[\w-]+\.(?:internal|corp|lan|intranet)\b(?!\()")]
        wrong = []
        for path in FILES:
            if path == "tests/house/house_test.py" or path.endswith(".eml"):
                continue
            for number, line in enumerate(text(path).splitlines(), 1):
                wrong += [f"{path}:{number}: {found[0]}" for trace in traces for found in [trace.search(line)] if found]
        self.none(wrong, "paths of a build machine, or hosts of a package registry")

    def includes(self):
        for path in of(".cpp", ".hpp"):
            if path.startswith(("tests/", "bench/")):
                continue
            for number, line in enumerate(text(path).splitlines(), 1):
                if found := re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line):
                    yield path, number, found[1], found[2]

    def test_every_folder_has_a_rule(self):
        wrong = sorted({os.path.dirname(path) for path in of(".cpp", ".hpp")
                        if not path.startswith(("tests/", "bench/")) and room_of(path) is None})
        self.none(wrong, "no rule in MAY_INCLUDE for")

    def test_folders_include_only_what_they_may(self):
        wrong = []
        for path, number, how, name in self.includes():
            room = room_of(path)
            if how != '"' or room is None:
                continue
            target = name if "/" in name else os.path.dirname(path) + "/" + name
            if target not in FILES:
                wrong.append(f"{path}:{number}: {name} is no file of the tree")
                continue
            other = room_of(target)
            if other != room and other not in rule_of(room):
                wrong.append(f"{path}:{number}: {room} may not include {name}")
        self.none(wrong, "includes against the rules of the house")

    def test_foreign_libraries_stay_in_their_folders(self):
        wrong = []
        for path, number, how, name in self.includes():
            room = room_of(path)
            if how != "<" or room is None:
                continue
            if room == "core/sdk" and not re.fullmatch(r"[a-z_]+", name):
                wrong.append(f"{path}:{number}: core/sdk is the standard library only, not <{name}>")
            for pattern, rooms in FOREIGN.items():
                if re.fullmatch(pattern, name) and room not in rooms:
                    wrong.append(f"{path}:{number}: <{name}> belongs to {', '.join(rooms) or 'nobody'}")
        self.none(wrong, "foreign headers against the rules of the house")

    def test_nobody_links_what_he_may_not_include(self):
        """The same rules for target_link_libraries: tidegate_NAME is core/NAME (relay_x and device are their own)."""
        wrong = []
        for path in of("CMakeLists.txt"):
            room = room_of(path)
            if room is None or path.startswith(("tests/", "bench/")):
                continue
            for call in re.findall(r"tidegate_(?:room|program|plugin)\(([^)]*)\)", re.sub(r"#.*", "", text(path))):
                for name in re.findall(r"\btidegate_(\w+)", call.partition("LINK")[2]):
                    other = name.split("_")[0] if name.startswith(("relay", "device")) else "core/" + name
                    if other not in (room, *rule_of(room)):
                        wrong.append(f"{path}: {room} may not link tidegate_{name}")
        self.none(wrong, "links against the rules of the house")


if __name__ == "__main__":
    unittest.main()
