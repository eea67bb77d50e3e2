"""The house's own rules: who may import whom, how large things may grow, what may never appear."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "limpet"
MODULES = sorted(SOURCE.rglob("*.py"))
TEST_MODULES = sorted((ROOT / "tests").rglob("*.py"))

MAY_IMPORT = {
    "model": set(),
    "wire": {"model"},
    "guest": {"model", "wire"},
    "host": {"model", "wire", "guest"},
    "config": {"model", "wire", "guest", "host"},
    "boot": {"model", "wire", "guest", "host", "config"},
    "appliance": {"model", "wire", "guest", "host", "config"},
    "agent": {"model", "wire", "guest", "host", "config"},
    "manage": {"model", "wire", "guest", "host", "config"},
    "emulator": {"model", "wire"},
    "lab": {"model", "wire"},
}
PURE = {"model", "wire"}
IMPURE_MODULES = {
    "os",
    "socket",
    "subprocess",
    "time",
    "random",
    "logging",
    "threading",
    "pathlib",
    "io",
    "uuid",
}

# What the boot stage stands on may import these and nothing else; a new name needs a reason in a review.
# _md5 and _sha256 are the interpreter's own, where it has them: hashlib loads a library of 5 MB first.
BOOT_STANDARD_LIBRARY = {
    "__future__", "_md5", "_sha256", "base64", "binascii", "calendar", "collections", "contextlib", "dataclasses", "datetime", "difflib", "enum", "errno",
    "fcntl", "functools", "gc", "hashlib", "ipaddress", "itertools", "json", "os", "pathlib", "pyexpat", "re", "select",
    "shlex", "shutil", "signal", "socket", "stat", "string", "struct", "subprocess", "sys", "tempfile",
    "threading", "time", "tomllib", "traceback", "types", "typing", "uuid", "xml", "zlib", "argparse",
}  # fmt: skip

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60


def layer(path: Path) -> str:
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else ""


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [path for path in MODULES if layer(path)], ids=name)
def test_a_module_imports_only_from_layers_below_it(path: Path) -> None:
    ours = {module.split(".")[1] for module in imports(path) if module.startswith("limpet.")}
    assert ours - {"__version__", "lean", "packed", "usage", "values"} <= MAY_IMPORT[layer(path)] | {
        layer(path)
    }


@pytest.mark.parametrize("path", [path for path in MODULES if layer(path) in PURE], ids=name)
def test_pure_layers_touch_no_machine(path: Path) -> None:
    assert not {module.split(".")[0] for module in imports(path)} & IMPURE_MODULES


@pytest.mark.parametrize(
    "path", [path for path in MODULES if layer(path) in PURE | {"boot", "guest", "config"}], ids=name
)
def test_what_boot_stands_on_is_in_the_closed_list_of_the_standard_library(path: Path) -> None:
    foreign = {module.split(".")[0] for module in imports(path)} - BOOT_STANDARD_LIBRARY - {"limpet"}
    assert not foreign


@pytest.mark.parametrize("path", MODULES + TEST_MODULES, ids=name)
def test_a_module_is_one_idea(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_function_fits_on_a_page(path: Path) -> None:
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 >= LONGEST_FUNCTION
    ]
    assert not long


def test_the_command_table_imports_no_program() -> None:
    top_level = {
        alias
        for node in tree(SOURCE / "cli.py").body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }
    assert not {module for module in top_level if module.startswith("limpet.")}


HEAVY = {
    "asyncio",
    "ssl",
    "http.client",
    "email",
    "urllib.request",
    "logging",
    "ctypes",
    "zipfile",
    "cryptography",
    "urllib3",
}


def test_the_resident_agent_never_loads_what_belongs_in_a_worker() -> None:
    code = "import sys, limpet.agent.resident; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120
    ).stdout
    assert not set(loaded.split()) & HEAVY


def test_no_test_replaces_our_code_behind_its_back() -> None:
    words = ("monkey" + "patch", "unittest." + "mock", "time." + "sleep")
    guilty = [
        name(path) for path in TEST_MODULES if any(word in path.read_text(encoding="utf-8") for word in words)
    ]
    assert not guilty
