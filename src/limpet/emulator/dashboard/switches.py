"""Faults as switches: a table of things that go wrong in the field, each one rule or a closed port. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limpet.emulator.dhcp.lies import LIES
from limpet.emulator.exchange import Service
from limpet.emulator.routes.table import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from limpet.emulator.faults import Rule


@dataclass(frozen=True, kw_only=True, slots=True)
class Switch:
    """One fault that is switched on by adding `rule`, and off by removing every rule like it.

    id: in the page. group: the service that it is about, in words. words: its label. about: what an agent will see.
    """

    id: str
    group: str
    words: str
    about: str
    rule: Mapping[str, Any] = field(hash=False)


def _switch(group: str, words: str, about: str, **rule: Any) -> Switch:
    return Switch(id=words.lower().replace(" ", "-"), group=group, words=words, about=about, rule=rule)


SWITCHES: tuple[Switch, ...] = (
    _switch("Wire server", "Goal state fails", "503 to every goal state", endpoint="goal-state", status=503),
    _switch("Wire server", "Goal state is garbage", "bytes that are not HTTP", endpoint="goal-state", garbage=True),
    _switch("Wire server", "Goal state never ends", "a body that drips and drips", endpoint="goal-state", endless=True),
    _switch("Wire server", "Settings are cut", "ExtensionsConfig ends after 400 bytes", endpoint="extensions-config", cut=400),
    _switch("Wire server", "Certificates fail", "500 to certificates", endpoint="certificates", status=500),
    _switch("Wire server", "Wire server is slow", "2 s before every answer", endpoint="*", service="wire-server", delay=2),
    _switch("Wire server", "Wire server hangs up", "connections are reset", endpoint="*", service="wire-server", refused=True),
    _switch("Wire server", "Health is refused", "503 to health reports", endpoint="health*", status=503),
    _switch("Wire server", "Telemetry is throttled", "429 to telemetry", endpoint="telemetry", status=429),
    _switch("Host plugin", "Status is refused", "503 to status by the host plugin", endpoint="status", status=503),
    _switch("Host plugin", "Host plugin is gone", "410: the VM moved", endpoint="*", service="host-plugin", status=410),
    _switch("Host plugin", "Host plugin hangs up", "connections are reset", endpoint="*", service="host-plugin", refused=True),
    _switch("Downloads", "Packages are cut", "downloads end after 2,000 bytes", endpoint="blob-download", cut=2000),
    _switch("Downloads", "Storage is down", "503 to every blob", endpoint="blob-*", status=503),
    _switch("Metadata and DHCP", "Metadata fails", "500 to instance metadata", endpoint="*", service="imds", status=500),
    _switch("Metadata and DHCP", "DHCP is silent", "no answer at all", endpoint="dhcp-*", refused=True),
    _switch("Metadata and DHCP", "DHCP says no", "every request is refused", endpoint="dhcp-*", lie="nak"),
)  # fmt: skip


KINDS: tuple[dict[str, Any], ...] = (
    {"kind": "status", "words": "answer a status", "value": "status code", "default": 503},
    {"kind": "delay", "words": "wait before answering", "value": "seconds", "default": 2},
    {"kind": "cut", "words": "cut the answer", "value": "after bytes", "default": 100},
    {"kind": "garbage", "words": "answer garbage", "value": None, "default": True},
    {"kind": "refused", "words": "reset the connection", "value": None, "default": True},
    {"kind": "endless", "words": "never end the answer", "value": None, "default": True},
    {"kind": "lie", "words": "lie, of DHCP", "value": "which", "default": "nak", "choices": sorted(LIES)},
)
"""Every kind of fault, for a rule of one's own: its words, what its value is, and a value to begin with."""

ENDPOINTS: tuple[str, ...] = ("*", *sorted(NAMES))


def switched(rules: Iterable[Rule], vm: str | None) -> list[dict[str, Any]]:
    """Every switch, with the ids of the rules that it stands for; vm: rules for other VMs are not its."""
    ours = [rule for rule in rules if rule.vm in {None, vm}]
    return [
        {
            "id": switch.id,
            "group": switch.group,
            "words": switch.words,
            "about": switch.about,
            "rule": dict(switch.rule),
            "on": [rule.id for rule in ours if not rule.spent and _is(rule, switch)],
            "applied": sum(rule.applied for rule in ours if _is(rule, switch)),
        }
        for switch in SWITCHES
    ]


def own_rules(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """The rules that no switch stands for."""
    return [
        {**rule.as_json(), "words": rule.fault.describe()}
        for rule in rules
        if rule.spent or not any(_is(rule, switch) for switch in SWITCHES)
    ]


def ports(services: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A switch for each service that has a port of its own: on, while it is closed."""
    words = {
        Service.WIRE_SERVER.value: "Wire server's port closed",
        Service.HOST_PLUGIN.value: "Host plugin's port closed",
        Service.IMDS.value: "Metadata's port closed",
        Service.STORAGE.value: "Storage's port closed",
        Service.DHCP.value: "DHCP closed",
    }
    return [
        {"service": name, "words": words[name], "closed": not found["open"], "addresses": found["addresses"]}
        for name, found in services.items()
        if found["addresses"]
    ]


def _is(rule: Rule, switch: Switch) -> bool:
    """Whether the rule is what the switch adds, be it for one VM or for all."""
    said = {name: value for name, value in rule.as_json().items() if name in _SAYING}
    return said == dict(switch.rule) and rule.skip == 0 and rule.count is None


_SAYING = frozenset(
    {"endpoint", "service", "method", "path", "delay", "status", "body", "cut", "lie", "times", "garbage", "refused", "endless"}
)  # fmt: skip
