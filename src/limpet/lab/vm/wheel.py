"""limpet's wheel, built from the source tree and installed into a VM's root as its documentation says."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from limpet.lab.commands import LabError, run
from limpet.lab.install import DEPENDENCIES, LAUNCHER, LAUNCHER_TEXT, LIBRARY, compile_python, home_of
from limpet.lab.roots import within, write

LONGEST_BUILD = 300.0


def install_wheel(root: Path, place: Path, *, appliance: bool = False) -> None:
    """Install limpet into the tree `root` for its own python3, with its services. place: a folder for the wheel.

    appliance: with the supervisor of an appliance instead. Raises: LabError.
    """
    wheel = build_wheel(place)
    library = within(root, LIBRARY)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
    offline = ["--no-index", "--no-deps", "--no-compile", "--no-warn-script-location"]
    run([*pip, *offline, f"--target={library}", str(wheel)], timeout=LONGEST_BUILD).checked()
    shutil.rmtree(library / "bin")  # the launcher is ours: pip's names this machine's interpreter
    for name in DEPENDENCIES:
        shutil.copytree(home_of(name), library / name, ignore=shutil.ignore_patterns("__pycache__"))
    write(root, LAUNCHER, LAUNCHER_TEXT, mode=0o755)
    compile_python(root)
    role = ["--appliance"] if appliance else []
    run(["chroot", str(root), LAUNCHER, "install", *role], timeout=LONGEST_BUILD).checked()


def build_wheel(place: Path) -> Path:
    """Build the wheel of the source tree that this runs from, without a network. Raises: LabError."""
    tree = Path(__file__).parents[4]
    if not (tree / "pyproject.toml").is_file():
        raise LabError("VMs get limpet from its wheel, which is built from the source tree: run this in one")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "wheel", "--quiet"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    run([*pip, *offline, f"--wheel-dir={place}", str(tree)], timeout=LONGEST_BUILD).checked()
    return next(place.glob("limpet-*.whl"))
