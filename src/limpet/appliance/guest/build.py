"""Builds a guest shell's root file system on this machine; `build_recipe` plans it."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

import limpet
from limpet import __version__
from limpet.appliance.guest import images
from limpet.appliance.guest.build_recipe import MANIFEST, is_tree, listing, plan_build
from limpet.appliance.guest.slots import Image, render_image
from limpet.appliance.guest.upgrade import RECORD as RECORD  # noqa: PLC0414 - it is written here
from limpet.guest.appliance_profile import EXCHANGE
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.appliance.guest.build_recipe import Recipe
    from limpet.guest.steps import Outcome, Task
    from limpet.host.apply import Interpreter
    from limpet.host.ports import Commands

DEPENDENCIES = ("urllib3",)
APT_SETTINGS = (
    "Acquire::Check-Date",
    "Acquire::Check-Valid-Until",
    "Acquire::http::Proxy",
    "Acquire::https::Proxy",
)
"""Settings of this machine's apt without which its mirrors may not be usable."""
_PROGRAMS = {"mmdebstrap": "mmdebstrap", "mksquashfs": "squashfs-tools"}
_LARGE = 4 * 1024 * 1024


def parts() -> dict[str, Path]:
    """The folders of limpet and of what it needs, as they are installed here. Raises: HostError."""
    found = {"limpet": Path(limpet.__file__).parent}
    for name in DEPENDENCIES:
        try:
            found[name] = Path(str(distribution(name).locate_file(name)))
        except PackageNotFoundError as error:
            raise HostError(f"{name}, which limpet's downloads need, is not installed beside it") from error
    return found


def apt_settings(commands: Commands) -> tuple[str, ...]:
    """Those of this machine's apt that matter for a build; none where there is no apt."""
    said = commands.run(("apt-config", "dump")).stdout.decode("utf-8", "replace")
    return tuple(line.rstrip(";") for line in said.splitlines() if line.split(" ", 1)[0] in APT_SETTINGS)


def mirrors(commands: Commands, suite: str) -> tuple[str, ...]:
    """The sources of a suite that this machine's apt has; none: mmdebstrap knows the official ones."""
    layout = json.dumps({"uri": "$(REPO_URI)", "release": "$(RELEASE)", "component": "$(COMPONENT)"})
    asked = ("apt-get", "indextargets", "--format", layout, "Created-By: Packages", "Origin: Debian")
    done = commands.run(asked, at_most=_LARGE)
    sources = [json.loads(line) for line in done.stdout.splitlines()] if done.exit_code == 0 else []
    if not any(each["release"] == suite for each in sources):
        return ()
    ours = [each for each in sources if each["release"].split("-")[0] == suite]
    return tuple(f"deb {each['uri']} {each['release']} {each['component']}" for each in ours)


def missing_program(commands: Commands, output: Path) -> str | None:
    """The Debian package that a build needs and that is not installed here."""
    needed = ("mmdebstrap", "mksquashfs") if images.is_file_image(output) else ("mmdebstrap",)
    return next((_PROGRAMS[program] for program in needed if not commands.exists(program)), None)


def build_image(
    interpreter: Interpreter,
    recipe: Recipe,
    output: Path,
    place: Path,
    tell: Callable[[Outcome | Task], None],
) -> Image:
    """Build it, and write its record beside it. place: a folder of its own for this. Raises: HostError; nothing is left then."""
    files = interpreter.files
    if files.info(output) is not None:
        raise HostError(f"{output} is there already")
    files.make_folder(place, mode=0o700)
    tree = output if is_tree(output) else place / "tree"
    done = False
    try:
        for task in plan_build(recipe, output, place, int(interpreter.clock.now())):
            tell(task)
            outcome = interpreter.apply([task], tell)[0]
            if outcome.failed:
                raise HostError(outcome.describe())
        image = _image(interpreter, output, tree, place)
        done = True
    finally:
        files.remove(place)
        if not done:
            files.remove(output)
    files.replace(output.with_name(output.name + RECORD), render_image(image))
    return image


def _image(interpreter: Interpreter, output: Path, tree: Path, place: Path) -> Image:
    files = interpreter.files
    digested, size = output, None
    if output == tree:
        digested = place / images.LIST
        interpreter.do(listing(tree, digested))
    else:
        info = files.info(output)
        size = None if info is None else info.size
    lines = files.read(tree / MANIFEST, at_most=_LARGE).decode("utf-8", "replace").splitlines()
    packages = dict(line.split(" ", 1) for line in lines if " " in line)
    digest = images.digest_of(interpreter.commands, digested)
    return Image(
        path=output, digest=digest, size=size, limpet=__version__, packages=packages, exchange=EXCHANGE
    )
