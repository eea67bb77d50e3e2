"""What belongs in an appliance's support bundle beside the logs of a plain VM: supervisor, network OS, guest shell (R17).

Source: network-appliance.md §1.3 and §8.2.
"""

from __future__ import annotations

from pathlib import Path

from limpet.guest.log_manifest import Copy, Item, Listing, Places, Printed, manifest, must_have

JOURNAL = "/var/lib/limpet/journal"
_STATE = "/var/lib/limpet/guest/state"
_ENTER = ("nsenter", "--net=/run/netns/limpet-nos", "--")
_GUEST = ("nsenter", "--net=/run/netns/limpet-guest", "--")
_JOURNALCTL = ("journalctl", "-q", "--no-pager", "-o", "short-iso-precise", "-n", "10000")


def first_of(places: Places) -> tuple[str, ...]:
    """The patterns whose files come first: without them nobody can tell what happened."""
    return (
        JOURNAL,
        f"{JOURNAL}.damaged",
        "/run/limpet/show.json",
        "/run/limpet/appliance/*.json",
        "/run/limpet/appliance/out/agent.json",
        *must_have(places),
        *must_have(_guest(places)),
    )


def appliance_manifest(places: Places) -> tuple[Item, ...]:
    """Everything that is looked for."""
    items: list[Item] = [
        Printed("supervisor/show.json", ("limpet", "show", "--json")),
        Printed("supervisor/history.txt", ("limpet", "appliance", "history")),
        Printed("supervisor/log.txt", (*_JOURNALCTL, "-u", "limpet-appliance")),
        Printed("supervisor/links.txt", ("ip", "-details", "address")),
        Printed("supervisor/namespaces.txt", ("ip", "netns", "list-id")),
        Printed("supervisor/processes.txt", ("ps", "-eo", "pid,ppid,rss,etime,stat,comm", "--forest")),
        Printed("network-os/links.txt", (*_ENTER, "ip", "-details", "address")),
        Printed("network-os/routes.txt", (*_ENTER, "ip", "route", "show", "table", "all")),
        Printed("network-os/policy.txt", (*_ENTER, "ip", "rule")),
        Printed("network-os/rules.txt", (*_ENTER, "nft", "list", "ruleset")),
        Printed("network-os/frr.txt", ("vtysh", "-N", "limpet-nos", "-c", "show running-config")),
        Printed("guest-shell/links.txt", (*_GUEST, "ip", "-details", "address")),
        Printed("guest-shell/routes.txt", (*_GUEST, "ip", "route")),
        Printed("guest-shell/rules.txt", (*_GUEST, "nft", "list", "ruleset")),
        Printed("guest-shell/status.json", ("limpet", "guestshell", "status", "--json")),
        Printed("guest-shell/processes.txt", ("limpet", "guestshell", "run", "ps", "-eo", "pid,ppid,rss,etime,stat,comm")),
        Printed("guest-shell/units.txt", ("limpet", "guestshell", "run", "systemctl", "--no-pager", "list-units")),
        Listing("/var/lib/limpet"),
        Listing("/var/lib/limpet/guest"),
        Listing(f"{_STATE}/waagent"),
        Listing("/run/limpet/appliance"),
        *map(Copy, first_of(places)),
        Copy("/var/log/limpet*.log"),
        Copy("/var/log/frr/*.log"),
        Copy("/var/lib/limpet/guest/*.log"),
        Copy("/bootflash/cvac.log"),
    ]  # fmt: skip
    items += manifest(places, full=True)
    items += manifest(_guest(places), full=False)
    return tuple(dict.fromkeys(items))


def _guest(places: Places) -> Places:
    """The guest's own places, as the host has them."""
    return Places(
        library=Path(_STATE, "waagent"),
        logs=Path(_STATE, "log", places.logs.name),
        agent_log=Path(_STATE, "log", places.agent_log.name),
    )
