"""Which links of Linux are NICs for the network OS."""

from __future__ import annotations

import pytest

from limpet.appliance.inventory import nics_of
from limpet.config.settings import Config
from limpet.guest.namespaces import HOST, Seen, SeenLink

MAC = "00:0d:3a:00:00:04"
GUID = "000d3a00-0004-000d-3a00-0004000d3a00"


@pytest.mark.parametrize(
    ("nic", "function"),
    [
        (SeenLink(name="eth0", mac=MAC, index=5), SeenLink(name="enP1s1", mac=MAC, index=3, vf=True)),
        (
            SeenLink(name="eth0", mac=MAC, index=5, device=GUID),
            SeenLink(name="eth1", mac=MAC, index=3, device="7870:00:00.0"),
        ),
        (SeenLink(name="eth0", mac=MAC, index=5), SeenLink(name="enP1s1", mac=MAC, index=3)),
        (SeenLink(name="eth0", mac=MAC, index=3), SeenLink(name="eth1", mac=MAC, index=5)),
    ],
    ids=["it serves already", "by their buses", "by their names", "by their age"],
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_virtual_function_is_no_nic_of_its_own(nic: SeenLink, function: SeenLink, *, turned: bool) -> None:
    links = (function, nic) if turned else (nic, function)
    [found] = nics_of(Seen(namespaces={HOST: links}), Config(), MAC)
    assert (found.name, found.vf) == (nic.name, function.name)
