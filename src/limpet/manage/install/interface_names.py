"""The files that keep the names of NICs stable and leave virtual functions to the kernel, as data: docs/decisions/0022-interface-names.md.

Source: guest-setup.md §B.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NETWORK_FOLDER = "etc/systemd/network"
_PROPERTY = "LIMPET_VIRTUAL_FUNCTION"

_RULES = f"""\
# @MARK@. Virtual functions: the accelerated half of a synthetic NIC, which has the same hardware address.
# The kernel joins the two; whoever configures this one too takes the address from the other. Network managers are told so.
ACTION=="remove", GOTO="limpet_network_end"
SUBSYSTEM!="net", GOTO="limpet_network_end"
ATTR{{type}}!="1", GOTO="limpet_network_end"

# What the hypervisor passes through comes below its PCI bridge; the driver tells an accelerated half from a device of its own.
DRIVERS=="hv_pci", ENV{{.LIMPET_PASSED}}="1"
ENV{{.LIMPET_PASSED}}!="1", GOTO="limpet_network_end"
DRIVERS=="mlx4_core|mlx5_core|mana", ENV{{{_PROPERTY}}}="1", ENV{{NM_UNMANAGED}}="1", ENV{{ID_NET_MANAGED_BY}}="unmanaged"

LABEL="limpet_network_end"
"""

# A systemd that does not know Property= passes it over, and goes by the driver alone.
_MATCH = f"""\
[Match]
Driver=mlx4* mlx5* mana
Property={_PROPERTY}=1
"""

_VIRTUAL_LINK = f"""\
# @MARK@. Virtual functions are named by their slot, whatever is said of their hardware address elsewhere:
# a name meant for the synthetic NIC of that address must not go to its other half.
{_MATCH}
[Link]
NamePolicy=keep slot path
AlternativeNamesPolicy=slot path
"""

_VIRTUAL_NETWORK = f"""\
# @MARK@. Virtual functions belong to the kernel, which joins each with its synthetic NIC.
{_MATCH}
[Link]
Unmanaged=yes
"""

_SYNTHETIC_LINK = """\
# @MARK@. Synthetic NICs: ethN in the order in which the host offers them, also on another host with other hardware addresses.
# Besides, each has enx and its hardware address as a second name, for who must not confuse two NICs. What is said of a NIC in
# a file that sorts before this one counts instead.
[Match]
Driver=hv_netvsc

[Link]
NamePolicy=keep
AlternativeNamesPolicy=mac
"""

_FILES: Mapping[str, str] = {
    "etc/udev/rules.d/65-limpet-virtual-function.rules": _RULES,
    f"{NETWORK_FOLDER}/01-limpet-virtual-function.link": _VIRTUAL_LINK,
    f"{NETWORK_FOLDER}/01-limpet-virtual-function.network": _VIRTUAL_NETWORK,
    f"{NETWORK_FOLDER}/80-limpet-synthetic.link": _SYNTHETIC_LINK,
}


def files(mark: str) -> Mapping[str, str]:
    """By path below the root. mark: what the first line of a file of ours says."""
    return {path: text.replace("@MARK@", mark) for path, text in _FILES.items()}
