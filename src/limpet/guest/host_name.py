"""The host name: in the files, in the kernel, and in the DHCP clients' configuration. Source: guest-setup.md §A.6.

The platform's DNS learns it from a DHCP request, which is the network duty's; systemd-networkd and NetworkManager send the
kernel's name by themselves, dhclient sends what its configuration says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.names import host_name_problem, kernel_name
from limpet.guest.steps import MakeFolder, NameHost, Task, Write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.guest.steps import Step

HOST_NAME = "host-name"
HOST_NAME_RECORD = "host-name-record"
FILE = Path("/etc/hostname")
HOSTS = Path("/etc/hosts")
DHCLIENT = tuple(
    Path(path) for path in ("/etc/dhcp/dhclient.conf", "/etc/dhcp3/dhclient.conf", "/etc/dhclient.conf")
)
LARGEST = 256 * 1024
"""Bytes of each file that are read."""

_OWN_ADDRESS = "127.0.1.1"
_SENDS_ITSELF = re.compile(r"^\s*send\s+host-name\b.*(?:<hostname>|gethostname\(\))", re.MULTILINE)
_SENDS = re.compile(r"\s*send\s+host-name\b")
_ADVICE = "Ask for a name of letters, digits and '-'."


@dataclass(frozen=True, kw_only=True, slots=True)
class HostNameFacts:
    """file and hosts: the texts of /etc/hostname and /etc/hosts, None where there is none. kernel: the kernel's name.

    dhclient: its configuration files that are there. published: the agent's record, None without one.
    """

    kernel: str
    file: str | None = None
    hosts: str | None = None
    dhclient: Mapping[Path, str] = field(default_factory=dict)
    published: str | None = None


def plan_host_name(name: str, facts: HostNameFacts) -> Task:
    """Give the machine its name. The file that says the old one is the last, for what has to go is known by it."""
    problem = host_name_problem(name)
    if problem is not None:
        shown = ascii(name[:64])
        return Task(name=HOST_NAME, purpose=f"name the host {shown}", problem=problem, advice=_ADVICE)
    short = kernel_name(name)
    steps: list[Step] = []
    if facts.hosts is not None:
        hosts = _hosts(facts.hosts, name, {facts.kernel, (facts.file or "").strip()})
        if hosts != facts.hosts:
            steps.append(Write(HOSTS, _bytes(hosts)))
    for path, text in facts.dhclient.items():
        changed = _dhclient(text, short)
        if changed != text:
            steps.append(Write(path, _bytes(changed)))
    if facts.kernel != short:
        steps.append(NameHost(short))
    if (facts.file or "").strip() != short:
        steps.append(Write(FILE, f"{short}\n".encode()))
    return Task(name=HOST_NAME, purpose=f"name the host {name}", steps=tuple(steps))


def plan_host_name_record(
    name: str, facts: HostNameFacts, library: Path, *, after: tuple[str, ...]
) -> tuple[Task, ...]:
    """Note the name that was published, for whoever watches it. after: the duties that set and publish it."""
    if host_name_problem(name) is not None:
        return ()
    short = kernel_name(name)
    steps: tuple[Step, ...] = ()
    if facts.published != short:
        steps = (MakeFolder(library, mode=0o700), Write(library / "published_hostname", short.encode()))
    purpose = "note the published host name"
    return (Task(name=HOST_NAME_RECORD, purpose=purpose, after=after, steps=steps, required=False),)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _hosts(text: str, name: str, old: set[str]) -> str:
    """The lines of the machine's own address with the new name first, without the old ones; other names on it stay.

    An image that has no such line resolves its name in another way, and gets none.
    """
    gone = old | {each.partition(".")[0] for each in old}
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        words = line.partition("#")[0].split()
        if words[:1] != [_OWN_ADDRESS] or name in words:
            continue
        short = name.partition(".")[0]
        names = dict.fromkeys(
            [name, short, *(word for word in words[1:] if word.partition(".")[0] not in gone)]
        )
        lines[number] = f"{_OWN_ADDRESS} {' '.join(names)}\n"
    return "".join(lines)


def _dhclient(text: str, name: str) -> str:
    if _SENDS_ITSELF.search(text):
        return text
    wanted = f'send host-name "{name}";\n'
    lines = text.splitlines(keepends=True)
    kept = [line for line in lines if not _SENDS.match(line)]
    if [line for line in lines if _SENDS.match(line)] == [wanted]:
        return text
    if kept and not kept[-1].endswith("\n"):
        kept[-1] += "\n"
    return "".join(kept) + wanted
