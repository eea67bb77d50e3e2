"""The terms of a handover: settings by which NICs are given to a network OS, and by which alone they can be taken back.

When they were changed while it had the NICs, what was handed over by the old ones is taken back by the old ones, and then handed
over anew. Any other setting counts from the supervisor's start on, or with the guest shell's next one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.states import State
from limpet.guest.namespaces import HOST
from limpet.model.errors import ConfigurationError, HostError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.appliance.appliance import Appliance
    from limpet.appliance.guest.contract import Runtime
    from limpet.appliance.networkos.contract import NetworkOs
    from limpet.config.settings import Config
    from limpet.host.ports import Files

SETTINGS = {
    "network_os": "appliance.network_os",
    "programs": "appliance.programs",
    "left_nics": "appliance.left_nics",
    "runtime": "guest_shell.runtime",
    "guest_gateway": "guest_shell.gateway",
    "guest_address": "guest_shell.address",
}
"""Members of Config, by the settings that they are of."""
_VENDORS = frozenset({"hooks", "iosxe"})
"""Network operating systems that the setting appliance.programs is for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Led:
    """What leads an appliance by some settings."""

    config: Config
    network_os: NetworkOs
    runtime: Runtime


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """old: what the network OS was started by. new: what counts once it has given the NICs back."""

    old: Led
    new: Led


def led(config: Config, files: Files) -> Led:
    """By these settings. Raises: ConfigurationError, also for what the driver lacks; HostError."""
    from limpet.appliance.guest.runtimes import runtime  # noqa: PLC0415 - only where they are needed
    from limpet.appliance.networkos.drivers import network_os  # noqa: PLC0415

    return Led(config=config, network_os=network_os(config, files), runtime=runtime(config.runtime, files))


def terms_of(config: Config) -> dict[str, str]:
    """As the journal has them."""
    programs = config.programs if config.network_os in _VENDORS else None
    return {
        "network_os": config.network_os,
        "programs": "" if programs is None else str(programs),
        "left_nics": ",".join(sorted(config.left_nics)),
        "runtime": config.runtime,
        "guest_gateway": config.guest_gateway,
        "guest_address": config.guest_address,
    }


def config_by(terms: Mapping[str, str], config: Config) -> Config:
    """The settings with those terms in them."""
    known = {**terms_of(config), **terms}
    return replace(
        config,
        network_os=known["network_os"],
        programs=Path(known["programs"]) if known["programs"] else config.programs,
        left_nics=tuple(each for each in known["left_nics"].split(",") if each),
        runtime=known["runtime"],
        guest_gateway=known["guest_gateway"],
        guest_address=known["guest_address"],
    )


def note_terms(appliance: Appliance) -> None:
    """To be called before anything is done by them."""
    terms = terms_of(appliance.config)
    if terms != appliance.chronicle.terms:
        appliance.note("terms", **terms)


def go_by_the_old(appliance: Appliance) -> str | None:
    """Where a network OS may have been started by other settings: go by those. Gives what was changed, for people."""
    chronicle = appliance.chronicle
    if chronicle.state in {None, State.BOOTING}:
        return None
    now = terms_of(appliance.config)
    changed = [name for name in now if chronicle.terms.get(name, now[name]) != now[name]]
    if not changed:
        return None
    said = ", ".join(f"{SETTINGS[name]} (it was {chronicle.terms[name] or 'unset'})" for name in changed)
    try:
        old = appliance.led(config_by(chronicle.terms, appliance.config), appliance.machine.files)
    except (ConfigurationError, HostError) as error:
        appliance.machine.log.warning("terms.not_known_any_more", problem=error)
    else:
        new = Led(config=appliance.config, network_os=appliance.network_os, runtime=appliance.runtime)
        appliance.change = Change(old=old, new=new)
        appliance.go_by(old)
    return f"settings were changed, by which the NICs were handed over: {said}"


def go_by_the_new(appliance: Appliance) -> None:
    """After NICs were taken back. While the primary one is still away, the next try is made by the others of the two."""
    change = appliance.change
    if change is None:
        return
    if not _is_home(appliance):
        by_the_new = appliance.network_os is change.new.network_os
        appliance.go_by(change.old if by_the_new else change.new)
        return
    try:
        appliance.apply(change.old.runtime.stop(appliance.shell(), appliance.guest()))
    except HostError as error:
        appliance.machine.log.warning("guest.not_stopped", problem=error)
    appliance.change = None
    appliance.go_by(change.new)
    appliance.wishes.add("retry")  # nothing has failed: there is nothing to wait for


def _is_home(appliance: Appliance) -> bool:
    try:
        mac = appliance.site().primary.mac
        return any(place == HOST and not link.vf for place, link in appliance.look().of_mac(mac))
    except HostError:
        return False
