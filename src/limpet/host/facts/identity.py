"""What the firmware says of who this VM is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.identity import IdentityFacts, usable_id
from limpet.host.facts.reading import text_of

if TYPE_CHECKING:
    from limpet.host.ports import Commands, Files

PRODUCT_UUID = Path("/sys/class/dmi/id/product_uuid")
_EFI = (Path("/sys/firmware/efi"), Path("/dev/efi"))
_DMIDECODE_SECONDS = 10.0


def look(files: Files, commands: Commands) -> IdentityFacts:
    """Read it. dmidecode is asked only where the kernel shows no usable id."""
    uuid, source = text_of(files, PRODUCT_UUID), str(PRODUCT_UUID)
    if usable_id(uuid) is None and commands.exists("dmidecode"):
        done = commands.run(("dmidecode", "-s", "system-uuid"), timeout=_DMIDECODE_SECONDS, at_most=4096)
        lines = [
            line for line in done.stdout.decode("ascii", "replace").splitlines() if not line.startswith("#")
        ]
        if done.exit_code == 0 and lines:
            uuid, source = lines[-1].strip(), "dmidecode"
    return IdentityFacts(
        product_uuid=uuid,
        source=source,
        efi=any(files.info(path) is not None for path in _EFI),
    )
