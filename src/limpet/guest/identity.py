"""Who this VM is: its id, which firmware of generation 1 shows with the bytes of three fields swapped.

Source: guest-setup.md §0.2, §A.8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from limpet.model.errors import HostError

_UUID = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4}-[0-9a-f]{12})\Z")
_NOBODY = frozenset({"0" * 32, "f" * 32})


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityFacts:
    """What the firmware says. product_uuid: as it says it, None where it says nothing; source: where that was read."""

    product_uuid: str | None = None
    source: str = ""
    efi: bool = False


def usable_id(text: str | None) -> str | None:
    """A UUID in lower case; None for what is none, and for all zeros or all ones, which is what firmware without one says."""
    word = (text or "").strip().strip("{}").lower()
    return word if _UUID.match(word) and word.replace("-", "") not in _NOBODY else None


def vm_id_of(facts: IdentityFacts) -> str:
    """The VM id as the platform writes it: generation 1 firmware has the first three fields in the other byte order.

    Raises: HostError, when the firmware gives none.
    """
    found = usable_id(facts.product_uuid)
    if found is None:
        said = (
            f"{facts.source} says {facts.product_uuid[:64]!r}" if facts.product_uuid else "no source has one"
        )
        raise HostError(
            f"the VM has no id: {said}. Look at /sys/class/dmi/id/product_uuid (root reads it) "
            "or install dmidecode."
        )
    return found if facts.efi else swapped(found)


def swapped(vm_id: str) -> str:
    """The id with the bytes of its first three fields in the other order; text that is no UUID stays as it is."""
    found = _UUID.match(vm_id.lower())
    if found is None:
        return vm_id
    *fields, rest = found.groups()
    return "-".join([*(bytes.fromhex(each)[::-1].hex() for each in fields), rest])


def same_vm(one: str, other: str) -> bool:
    """Whether two ids mean one VM: case and byte order do not count, because agents disagree on them."""
    first, second = one.strip().lower(), other.strip().lower()
    return bool(first) and second in {first, swapped(first)}
