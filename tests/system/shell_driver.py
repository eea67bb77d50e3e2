"""Run inside a machine of the lab, on its own interpreter: what the supervisor does with images, by hand.

confirm: the image in use counts. suspect: it is inspected, and taken out of use when it is damaged. relief: room is made.
"""

from __future__ import annotations

import sys

sys.path.insert(0, "/opt/limpet/lib")

from limpet.appliance.commands.guestshell_deeds import Deeds, Here
from limpet.appliance.guest import images, storage
from limpet.config.load import load_config
from limpet.host.files import RealFiles


def main() -> None:
    """One word, and settings."""
    here = Here.this_machine()
    deeds = Deeds(here, load_config(RealFiles(), path=None, options=sys.argv[2:]))
    if sys.argv[1] == "confirm":
        step = images.confirm(here.files)
        if step is not None:
            here.interpreter.do(step)
    elif sys.argv[1] == "suspect":
        step, why = images.suspect(here.files, here.commands)
        if step is not None:
            here.interpreter.do(step)
        sys.stdout.write(f"{why}\n")
    else:
        plan = deeds.plan("unknown")
        tasks = storage.relief(deeds.runtime, plan, deeds.look(), storage.room_of(plan, here.files))
        for outcome in here.interpreter.apply(tasks):
            sys.stdout.write(f"{outcome.describe()}\n")


if __name__ == "__main__":
    main()
