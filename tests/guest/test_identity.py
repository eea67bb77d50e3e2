"""Who a VM is, and whether two ids are one VM's."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.identity import IdentityFacts, same_vm, swapped, usable_id, vm_id_of
from limpet.host.facts import identity
from limpet.host.fake import FakeMachine
from limpet.host.fake_commands import Said
from limpet.model.errors import HostError

FIRMWARE = "12345678-9ABC-DEF0-1234-56789ABCDEF0"
GEN1 = "78563412-bc9a-f0de-1234-56789abcdef0"
DMI = Path("/sys/class/dmi/id")
uuids = st.uuids().map(str)


def machine(uuid: str | None = FIRMWARE, *, efi: str | None = None) -> FakeMachine:
    made = FakeMachine()
    made.files.make_folder(DMI)
    if uuid is not None:
        made.files.replace(DMI / "product_uuid", f"{uuid}\n".encode())
    if efi is not None:
        made.files.make_folder(Path(efi))
    return made


def seen(made: FakeMachine) -> IdentityFacts:
    return identity.look(made.files, made.commands)


def test_generation_1_firmware_has_the_other_byte_order() -> None:
    assert vm_id_of(seen(machine())) == GEN1


@pytest.mark.parametrize("efi", ["/sys/firmware/efi", "/dev/efi"])
def test_generation_2_firmware_says_the_id_as_it_is(efi: str) -> None:
    assert vm_id_of(seen(machine(efi=efi))) == FIRMWARE.lower()


def test_dmidecode_is_asked_only_where_the_kernel_shows_no_id() -> None:
    made = machine(None, efi="/sys/firmware/efi")
    made.commands.programs["dmidecode"] = lambda _files, _call: Said(stdout=f"# SMBIOS is odd\n{FIRMWARE}\n")
    assert vm_id_of(seen(made)) == FIRMWARE.lower()
    assert [call.argv for call in made.commands.ran] == [("dmidecode", "-s", "system-uuid")]
    other = machine()
    other.commands.programs["dmidecode"] = made.commands.programs["dmidecode"]
    seen(other)
    assert not other.commands.ran


@pytest.mark.parametrize(
    "said", [Said(exit_code=1), Said(exit_code=None), Said(stdout="Not Settable\n"), Said()]
)
def test_a_vm_without_an_id_says_where_to_look(said: Said) -> None:
    made = machine(None)
    made.commands.programs["dmidecode"] = lambda _files, _call: said
    with pytest.raises(HostError, match="product_uuid"):
        vm_id_of(seen(made))


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "Not Specified",
        "0" * 8 + "-0000-0000-0000-" + "0" * 12,
        "F" * 8 + "-FFFF-FFFF-FFFF-" + "F" * 12,
    ],
)
def test_firmware_that_says_nothing_usable_has_no_id(text: str | None) -> None:
    assert usable_id(text) is None


@given(uuids)
def test_swapping_twice_gives_the_id_back(vm_id: str) -> None:
    assert swapped(swapped(vm_id)) == vm_id


@given(uuids, st.booleans(), st.booleans())
def test_case_and_byte_order_do_not_make_another_vm(vm_id: str, other_order: bool, upper: bool) -> None:
    other = swapped(vm_id) if other_order else vm_id
    assert same_vm(vm_id, f" {other.upper() if upper else other}\n")


@given(st.text(max_size=40))
def test_text_that_is_no_id_is_left_alone_and_nobody(text: str) -> None:
    assert swapped(text) == text or usable_id(text)
    assert not same_vm("", text)
