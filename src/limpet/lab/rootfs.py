"""Debian root file systems: built by mmdebstrap once for each recipe, then kept in a cache."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.lab.clock import seconds
from limpet.lab.commands import LabError, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from limpet.lab.recipes import Recipe

LONGEST_BUILD = 900.0

# Settings of this machine's apt without which its mirrors may not be usable.
APT_SETTINGS = (
    "Acquire::Check-Date",
    "Acquire::Check-Valid-Until",
    "Acquire::http::Proxy",
    "Acquire::https::Proxy",
)


def default_cache() -> Path:
    """$XDG_CACHE_HOME/limpet-lab, else .cache/limpet-lab of the source tree this runs from, else of the home folder."""
    if given := os.environ.get("XDG_CACHE_HOME"):
        return Path(given, "limpet-lab")
    tree = Path(__file__).parents[3]
    return (tree if (tree / "pyproject.toml").is_file() else Path.home()) / ".cache" / "limpet-lab"


def root_file_system(recipe: Recipe, cache: Path, say: Callable[[str], None]) -> Path:
    """The folder with the tree of a recipe, built now if it is not in the cache; never written to afterwards.

    say: told what takes long. Raises: LabError.
    """
    return built(cache, f"rootfs-{recipe.fingerprint()}", lambda folder: _build(recipe, folder, say), say=say)


def built(cache: Path, name: str, build: Callable[[Path], None], *, say: Callable[[str], None]) -> Path:
    """A folder of the cache, made by `build` if it is not there: whole or not at all, by one run at a time."""
    target = cache / name
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / f"{name}.lock", say):
        if not target.is_dir():
            with tempfile.TemporaryDirectory(prefix=f"{name}.", dir=cache) as temporary:
                tree = Path(temporary, "tree")
                build(tree)
                tree.rename(target)
    return target


@contextmanager
def _locked(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    with path.open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another run that builds {path.stem}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(recipe: Recipe, folder: Path, say: Callable[[str], None]) -> None:
    say(
        f"building a Debian root file system ({len(recipe.packages)} packages and what they need; about 30 s, once)"
    )
    start = seconds()
    run(_mmdebstrap(recipe, folder), timeout=LONGEST_BUILD).checked()
    _make_impersonal(folder)
    _arrange_units(recipe, folder)
    say(f"built in {seconds() - start:.0f} s")


def _mmdebstrap(recipe: Recipe, folder: Path) -> list[str]:
    return [
        *("unshare", "--mount", "--propagation", "private"),  # a build that is killed leaves nothing mounted
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join(recipe.packages)}",
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in recipe.left_out),
        '--aptopt=Acquire::Languages "none"',
        *(f"--aptopt={setting}" for setting in _apt_settings()),
        recipe.suite,
        str(folder),
        *_mirrors(recipe.suite),
    ]


def _make_impersonal(folder: Path) -> None:
    """Each machine makes its own identity; root needs no password."""
    (folder / "etc/machine-id").write_bytes(b"")
    (folder / "etc/hostname").unlink(missing_ok=True)  # the name is given by whoever boots it
    (folder / "etc/resolv.conf").unlink(missing_ok=True)
    for key in (folder / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    run(["chroot", str(folder), "passwd", "--quiet", "--delete", "root"]).checked()


def _arrange_units(recipe: Recipe, folder: Path) -> None:
    for verb, units in (("enable", recipe.enabled), ("disable", recipe.disabled), ("mask", recipe.masked)):
        if units:
            run(["chroot", str(folder), "systemctl", "--quiet", verb, *units]).checked()


def _apt_settings() -> list[str]:
    if shutil.which("apt-config") is None:
        return []
    dump = run(["apt-config", "dump"]).checked()
    return [line.rstrip(";") for line in dump.splitlines() if line.split(" ", 1)[0] in APT_SETTINGS]


def _mirrors(suite: str) -> list[str]:
    """The sources of `suite` that this machine's apt is configured with; none: mmdebstrap knows the official ones."""
    if shutil.which("apt-get") is None:
        return []
    fields = ("REPO_URI", "RELEASE", "COMPONENT")
    layout = json.dumps({field.lower(): f"$({field})" for field in fields})
    answer = run(["apt-get", "indextargets", "--format", layout, "Created-By: Packages", "Origin: Debian"])
    if answer.exit_code:
        raise LabError(f"this machine's apt sources cannot be read: {answer.stderr.strip()}")
    sources = [json.loads(line) for line in answer.stdout.splitlines()]
    found = [each for each in sources if each["release"].split("-")[0] == suite]
    if not any(each["release"] == suite for each in found):
        return []
    return [f"deb {each['repo_uri']} {each['release']} {each['component']}" for each in found]
