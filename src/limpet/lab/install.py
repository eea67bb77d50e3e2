"""limpet as a layer over a root file system: /opt/limpet/lib, compiled for its interpreter, and /usr/bin/limpet."""

from __future__ import annotations

import os
import shutil
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

import limpet
from limpet.lab.commands import LabError, run
from limpet.lab.roots import throw_away_root, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.lab.workspace import Workspace

LIBRARY = "/opt/limpet/lib"
SERVICES = "/usr/local/lib/limpet/limpet"
"""How services start it: `limpet install` puts that there."""
LAUNCHER = "/usr/bin/limpet"
# What `limpet` needs at run time and a Debian 12 has not, or not new enough. Pure Python.
DEPENDENCIES = ("urllib3",)
# `-OO`: without docstrings, which would stay resident. `-I -S`: neither the environment, the working folder nor
# site-packages: a start costs only what limpet imports.
LAUNCHER_TEXT = f"""\
#!/usr/bin/python3 -ISOO
import sys
sys.path.insert(0, "{LIBRARY}")
from limpet.cli import entry
sys.exit(entry())
"""


def limpet_layer(rootfs: Path, workspace: Workspace) -> Path:
    """A layer with the running limpet and what it depends on, to be put on top of `rootfs`; lives as long as `workspace`.

    The package is taken from where it was imported, be that a source tree or an installation. It is made anew for
    each workspace: that takes two seconds and is never stale. Raises: LabError.
    """
    parts = {"limpet": Path(limpet.__file__).parent, **{name: home_of(name) for name in DEPENDENCIES}}
    with throw_away_root([rootfs], workspace.folder / "limpet-layer") as root:
        for name, folder in parts.items():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(folder, Path(f"{root.folder}{LIBRARY}", name), ignore=ignored)
        _for_everybody(Path(f"{root.folder}{LIBRARY}").parent)
        write(root.folder, LAUNCHER, LAUNCHER_TEXT, mode=0o755)
        compile_python(root.folder)
        return root.changes


def services_layer(layers: Sequence[Path], workspace: Workspace) -> Path:
    """A layer with what `limpet install` gives services to start quickly, and no services. Raises: LabError."""
    with throw_away_root(layers, workspace.folder / "limpet-services") as root:
        run(["chroot", str(root.folder), "python3", "-ISOOc", _INSTALL], timeout=120).checked()
        return root.changes


_INSTALL = f"""\
import sys
sys.path.insert(0, {LIBRARY!r})
from pathlib import Path
from limpet.host.commands import RealCommands
from limpet.manage.install.lean_start import lean_start
for path, content in lean_start(RealCommands()).items():
    place = Path("/", path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    place.chmod(0o755)
"""


def _for_everybody(folder: Path) -> None:
    """As a package has it, however few may read the source tree."""
    for below, _, names in os.walk(folder):
        Path(below).chmod(0o755)
        for name in names:
            Path(below, name).chmod(0o644)


def compile_python(root: Path) -> None:
    """Write the compiled files that the launcher's `-OO` looks for; Debian ships those without `-O` only.

    Without them the first start in each new machine would compile what it imports of the standard library.
    """
    compile_all = ["chroot", str(root), "python3", "-IS", "-m", "compileall", "-q", "-o", "2"]
    # Ours are taken as they are: their sources never change, and nothing is looked up.
    run([*compile_all, "--invalidation-mode", "unchecked-hash", LIBRARY], timeout=120).checked()
    library = [f"/{module.parent.relative_to(root)}" for module in root.glob("usr/lib/python3.*/os.py")]
    run([*compile_all, "-x", "/(test|tests|idlelib|lib2to3)/", *library], timeout=120).checked()


def home_of(name: str) -> Path:
    """Where a dependency is installed here."""
    try:
        return Path(str(distribution(name).locate_file(name)))
    except PackageNotFoundError as error:
        raise LabError(f"{name} is not installed beside limpet: pip install 'limpet[lab]'") from error
