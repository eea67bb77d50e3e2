"""Custom data given to a network OS: what its day-0 configuration is made of, and the vendor's program that makes it.

The program named by custom_data.translator gets the custom data (decoded where it is base64) on its input and the path of a
JSON document as its argument. Exit code 0 means that the network OS has its configuration; it is not asked again for this VM.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.custom_data import decoded
from limpet.guest.steps import MakeFolder, Remove, Run, Task, Write
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.guest.site import Site
    from limpet.model.provisioning import OvfEnvironment

TRANSLATION = "translation"
NOTE = Path("/var/lib/limpet/translation")
OUTPUT = Path("/var/log/limpet-translation.log")
DOCUMENT = Path("/var/lib/limpet/translation.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class DayZero:
    """What a network OS can be configured from. made_for: the VM id it was configured for already, None for none.

    site: its NICs and what DHCP gave, None where that is not known yet.
    """

    vm_id: str
    environment: OvfEnvironment
    made_for: str | None = None
    site: Site | None = None

    @property
    def is_done(self) -> bool:
        """Whether it was configured for this VM."""
        return self.made_for is not None and self.made_for.lower() == self.vm_id.lower()

    @property
    def custom_data(self) -> Secret[bytes]:
        """The custom data, decoded where it is base64; empty where there is none."""
        text = self.environment.custom_data
        if text is None:
            return Secret(b"")
        return decoded(text) or Secret(text.reveal().encode("utf-8", "replace"))


def day_zero_document(day_zero: DayZero) -> bytes:
    """What the program is told beside the custom data, as JSON. No secret is in it: the password is only said to be there."""
    environment = day_zero.environment
    document = {
        "vmId": day_zero.vm_id,
        "hostName": environment.host_name,
        "userName": environment.user_name,
        "hasPassword": environment.user_password is not None,
        "disableSshPasswordAuthentication": environment.disable_ssh_password_authentication,
        "publicKeys": [
            {"path": key.path, "fingerprint": key.fingerprint, "value": key.value}
            for key in environment.public_keys
        ],
        "hasCustomData": environment.custom_data is not None,
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def plan_program(program: Path, day_zero: DayZero, *, timeout: float) -> tuple[Task, ...]:
    """Have a vendor's program do it. timeout: seconds."""
    if day_zero.is_done:
        return ()
    return (
        Task(
            name=TRANSLATION,
            purpose=f"give the custom data to the network OS by {program}",
            steps=(
                MakeFolder(DOCUMENT.parent, mode=0o700),
                Write(DOCUMENT, day_zero_document(day_zero), mode=0o600),
                Run(
                    (str(program), str(DOCUMENT)), stdin=day_zero.custom_data, timeout=timeout, output=OUTPUT
                ),
                Remove(DOCUMENT),
                Write(NOTE, f"{day_zero.vm_id}\n".encode(), mode=0o600),
            ),
            advice=f"See {OUTPUT}.",
        ),
    )
