"""What `limpet boot` brings into memory before it does anything: a list that only grows by a review."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.interpreters import loaded

if TYPE_CHECKING:
    from pathlib import Path

STANDARD = frozenset(
    [
        "__future__",
        "_collections_abc",
        "_hashlib",
        "_json",
        "_posixsubprocess",
        "_sre",
        "_weakrefset",
        "abc",
        "array",
        "binascii",
        "codecs",
        "collections",
        "contextlib",
        "copyreg",
        "dataclasses",
        "encodings",
        "enum",
        "errno",
        "fcntl",
        "fnmatch",
        "functools",
        "genericpath",
        "hashlib",
        "importlib",
        "io",
        "ipaddress",
        "itertools",
        "json",
        "keyword",
        "math",
        "ntpath",
        "operator",
        "os",
        "pathlib",
        "posix",
        "posixpath",
        "pyexpat",
        "re",
        "reprlib",
        "select",
        "selectors",
        "shlex",
        "signal",
        "socket",
        "stat",
        "struct",
        "subprocess",
        "sys",
        "threading",
        "time",
        "types",
        "typing",
        "unicodedata",
        "warnings",
        "xml",
        "zipimport",
        "zlib",
    ]
)
START = "import limpet.boot.main, limpet.boot.preview, limpet.boot.stage"


def test_boot_loads_a_closed_list_of_the_standard_library_and_nothing_of_other_programs() -> None:
    modules = loaded(START)
    foreign = {name.split(".")[0] for name in modules if not name.startswith("limpet")}
    interpreter = {*sys.builtin_module_names, "__main__"}
    interpreter |= {name for name in foreign if name.startswith("_")}  # parts of the others, in C
    assert foreign - interpreter <= STANDARD
    programs = {name.split(".")[1] for name in modules if name.startswith("limpet.")}
    ours = {"hints", "lean", "packed", "patterns", "values"}
    assert programs <= {"boot", "config", "guest", "host", "model", "wire"} | ours


def test_what_few_boots_need_is_loaded_only_then() -> None:
    modules = loaded(START)
    late = {
        "argparse",
        "ctypes",
        "tomllib",
        "shlex",
        "difflib",
        "ssl",
        "asyncio",
        "email",
        "http.client",
        "logging",
        "random",
    }
    assert not modules & late
    assert not modules & {
        "limpet.boot.metadata",
        "limpet.boot.pool",
        "limpet.guest.pool",
        "limpet.host.link_news",
        "limpet.boot.scvmm",
        "limpet.wire.imds",
        "limpet.wire.certificates",
    }


def test_the_settings_file_that_is_installed_needs_no_parser(tmp_path: Path) -> None:
    settings = tmp_path / "limpet.toml"
    load = f"from limpet.config.load import load_config; load_config(limpet.boot.main.RealFiles(), path=limpet.boot.main.Path({str(settings)!r}))"
    settings.write_text("# [goal_state]\n#\n  # period = 6\n\n")
    assert "tomllib" not in loaded(f"{START}; {load}")
    settings.write_text("# [goal_state]\n[goal_state]\n# period = 6\n")
    assert "tomllib" in loaded(f"{START}; {load}")


def test_what_stands_in_for_the_standard_library_has_all_that_a_start_asks_for() -> None:
    code = f"{START}; print(*(sys.modules[name].__name__ for name in ('dataclasses', 're', 'typing')), '', sep=chr(10)); "
    names = loaded(code.rstrip("; "))
    assert {"limpet.values", "limpet.patterns", "limpet.hints"} <= names
    assert "inspect" not in names


def test_the_command_itself_loads_nothing_of_a_program_for_another_ones_verb() -> None:
    modules = loaded("import limpet.cli")
    assert not {
        name for name in modules if name.startswith(("limpet.boot", "limpet.agent", "limpet.emulator"))
    }
