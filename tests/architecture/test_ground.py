"""The ground the project stands on: targets, lock file, scripts, and what the repository may not mention."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from limpet.cli import VERBS
from limpet.lab.requirements import COMMANDS

ROOT = Path(__file__).parents[2]
RULE = re.compile(r"^([a-z][a-z-]*):(?!=)", re.MULTILINE)
HELPED = re.compile(r"^([a-z][a-z-]*):.*## .+", re.MULTILINE)
TEXT_LIMIT = 1024 * 1024


def makefile() -> str:
    return (ROOT / "Makefile").read_text(encoding="utf-8")


def repository_files() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so what belongs to the repository is not known")
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    ).stdout
    paths = [ROOT / name.decode() for name in listed.split(b"\0") if name]
    return [path for path in paths if path.is_file() and path.stat().st_size < TEXT_LIMIT]


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    return {normal(name): version for name, version in pins}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def run(*command: str | Path, path: Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run with the programs in `path` before the machine's."""
    return subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": f"{path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


def test_every_target_has_a_line_of_help() -> None:
    assert set(RULE.findall(makefile())) == set(HELPED.findall(makefile()))


def test_make_alone_lists_the_targets() -> None:
    done = subprocess.run(
        ["make", "-C", str(ROOT)], capture_output=True, text=True, timeout=120, check=True, env=os.environ
    )
    assert all(
        re.search(rf"^  {target} +\S", done.stdout, re.MULTILINE) for target in HELPED.findall(makefile())
    )


def test_commands_of_the_readme_are_targets_and_verbs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^ *make ([a-z][a-z-]*)", readme, re.MULTILINE))
    verbs = set(re.findall(r"^ *(?:sudo )?(?:\.venv/bin/)?limpet ([a-z][a-z-]*)", readme, re.MULTILINE))
    assert targets
    assert targets <= set(HELPED.findall(makefile()))
    assert verbs
    assert verbs <= {"help", *VERBS}


def test_every_link_of_the_readme_leads_somewhere() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", readme) if "://" not in link]
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_the_lock_file_pins_all_that_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = project["project"]["dependencies"] + project["build-system"]["requires"]
    for extra in project["project"]["optional-dependencies"].values():
        asked += extra
    names = {normal(re.split(r"[<>=\[ ]", requirement)[0]) for requirement in asked} - {"limpet"}
    assert names <= set(locked())


def test_the_lab_packages_bring_every_command_of_the_lab() -> None:
    listed = (ROOT / "tools" / "packages-lab.txt").read_text(encoding="utf-8")
    packages = {line.split()[0] for line in listed.splitlines() if line and not line.startswith("#")}
    assert set(COMMANDS.values()) <= packages


# Written in pieces, so that this file does not mention them either.
UNMENTIONABLE = re.compile(
    "|".join(
        (
            r"(?<![A-Za-z0-9_./])/" + "(?:wo" + "rk|fa" + "rm)/",
            r"/root/\.py" + "env",
            "/opt/py" + "pi",
            "py" + r"pi\.org",
            "python" + r"hosted\.org",
            r"registry\.n" + r"pmjs\.org",
            "artifact" + "ory",
        )
    )
)


def test_nothing_mentions_a_development_machine_or_a_package_registry() -> None:
    guilty = []
    for path in repository_files():
        text = path.read_bytes().decode("utf-8", "replace")
        guilty += [f"{path.relative_to(ROOT)}: {found[0]}" for found in UNMENTIONABLE.finditer(text)]
    assert not guilty


PACKAGES = "# why\nopenssl  to encrypt\nipr  to route\n"
INSTALLED = 'for last; do :; done; case "$last" in openssl) echo installed ;; *) exit 1 ;; esac'


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs that pretends to be Debian: openssl is installed, apt-get writes down what it is told."""
    program(tmp_path, "dpkg-query", INSTALLED)
    program(tmp_path, "apt-get", f'echo "$@" >> {tmp_path}/apt.log')
    program(tmp_path, "id", "echo 0")
    (tmp_path / "packages.txt").write_text(PACKAGES, encoding="utf-8")
    return tmp_path


def apt(machine: Path, *left_out: str) -> subprocess.CompletedProcess[str]:
    return run(ROOT / "tools/apt.sh", machine / "packages.txt", *left_out, path=machine)


def apt_log(machine: Path) -> list[str]:
    log = machine / "apt.log"
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def test_packages_that_are_missing_are_named_and_installed_after_one_update(machine: Path) -> None:
    done = apt(machine)
    assert done.returncode == 0
    assert "apt: ipr is missing (to route)" in done.stdout
    assert "openssl" not in done.stdout
    update, install = apt_log(machine)
    assert update.endswith("update")
    assert install.endswith(" ipr")


def test_nothing_is_said_or_done_when_every_package_is_there(machine: Path) -> None:
    done = apt(machine, "ipr")
    assert (done.returncode, done.stdout, done.stderr, apt_log(machine)) == (0, "", "", [])


def test_without_root_the_command_to_run_is_said(machine: Path) -> None:
    program(machine, "id", "echo 1000")
    done = apt(machine)
    assert done.returncode == 1
    assert "Run as root: apt-get install ipr" in done.stderr
    assert apt_log(machine) == []


CLOSING = "========= 3 passed, 1 failed in 0.50s ========="


@pytest.mark.parametrize(
    ("check", "test", "code"),
    [("true", "true", 0), ("false", "true", 1), ("true", "false", 1)],
)
def test_continuous_integration_fails_with_either_part_and_ends_with_the_closing_line(
    check: str, test: str, code: int, tmp_path: Path
) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    program(
        tmp_path,
        "make",
        f'case $1 in check) {check} ;; test) echo "{CLOSING}"; echo "make: more"; {test} ;; esac',
    )
    done = run(tmp_path / ".ci" / "run", path=tmp_path, cwd=tmp_path)
    assert done.returncode == code
    assert done.stdout.splitlines()[-1] == CLOSING


def test_continuous_integration_says_when_the_tests_did_not_end(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    program(tmp_path, "make", "exit 2")
    done = run(tmp_path / ".ci" / "run", path=tmp_path, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "the tests did not run to their end"
