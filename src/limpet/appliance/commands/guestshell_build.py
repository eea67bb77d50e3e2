"""`limpet guestshell build`: an image of the guest shell, on any Debian machine with root."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from limpet.appliance.commands.guestshell_deeds import Here
from limpet.appliance.commands.guestshell_words import say_json, say_plan
from limpet.appliance.guest.build import RECORD, apt_settings, build_image, mirrors, missing_program, parts
from limpet.appliance.guest.build_recipe import Recipe, kind_problem, plan_build
from limpet.guest.steps import Outcome
from limpet.model.errors import ConfigurationError, HostError

if TYPE_CHECKING:
    import argparse

    from limpet.guest.steps import Task

MIB = 1024 * 1024


def build(options: argparse.Namespace) -> int:
    """Do it; gives the exit code. Raises: ConfigurationError; HostError."""
    here = Here.this_machine()
    output = options.output.absolute()
    problem = kind_problem(output)
    if problem is not None:
        raise ConfigurationError(problem)
    recipe = Recipe(
        suite=options.suite,
        packages=tuple(options.package),
        mirrors=tuple(options.mirror) or mirrors(here.commands, options.suite),
        apt=apt_settings(here.commands),
        limpet=parts(),
        epoch=options.epoch if options.epoch is not None else epoch_of(os.environ.get("SOURCE_DATE_EPOCH")),
    )
    place = output.parent / f".{output.name}.{os.getpid()}"
    now = int(here.clock.now())
    if options.dry_run:
        say_plan(plan_build(recipe, output, place, now), as_json=options.json)
        return 0
    if os.geteuid() != 0:
        raise HostError("only root can build a root file system; --dry-run shows what would be done")
    missing = missing_program(here.commands, output)
    if missing is not None:
        raise HostError(f"the Debian package {missing} is not installed")
    began = here.clock.monotonic()
    image = build_image(here.interpreter, recipe, output, place, _tell)
    seconds = here.clock.monotonic() - began
    if options.json:
        say_json(
            {
                "path": str(output),
                "record": f"{output}{RECORD}",
                "digest": image.digest,
                "size": image.size,
                "packages": dict(image.packages),
                "limpet": image.limpet,
                "seconds": round(seconds, 1),
            }
        )
    else:
        size = "" if image.size is None else f", {image.size / MIB:.1f} MiB"
        sys.stdout.write(f"{output}{size}, {len(image.packages)} packages\nsha256 {image.digest}\n")
    return 0


def epoch_of(text: str | None) -> int | None:
    """$SOURCE_DATE_EPOCH. Raises: ConfigurationError."""
    if not text:
        return None
    if not text.isdecimal():
        raise ConfigurationError(f"SOURCE_DATE_EPOCH is no number of seconds: {text[:40]!r}")
    return int(text)


def _tell(news: Outcome | Task) -> None:
    if isinstance(news, Outcome):
        sys.stderr.write(f"  {news.state} in {news.seconds:.0f} s\n")
    else:
        sys.stderr.write(f"{news.purpose} …\n")
    sys.stderr.flush()
