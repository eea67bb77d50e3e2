"""``limpet emulator serve``: a fabric on this machine."""

from __future__ import annotations

import argparse
import asyncio
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.emulator.client import DEFAULT_ADMIN
from limpet.emulator.commands.arguments import Exit, Parsers, add_command
from limpet.emulator.exchange import Service
from limpet.emulator.listening import HostPort
from limpet.emulator.toml_lines import Lines
from limpet.emulator.world.state import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.emulator.run import Options
    from limpet.emulator.scenario import Scenario

EXAMPLE = """\
  limpet emulator serve --vm vm1=127.0.0.1 --handler examples/Limpet.Sample.Hello-1.0.0
  limpet emulator publish Limpet.Sample.Hello --settings '{"greeting": "hello"}'
at the addresses that agents know, as root, with them on an interface:
  limpet emulator serve --wire 168.63.129.16:80 --host-plugin 168.63.129.16:32526 --imds 169.254.169.254:80
and with DHCP on a bridge, in a network namespace of its own:
  ip netns exec fabric limpet emulator serve --dhcp br0 --wire 168.63.129.16:80 --vm vm1=10.0.0.4,00:0d:3a:00:00:10"""

_SERVICES = (
    ("wire", Service.WIRE_SERVER, "127.0.0.1:10080", "the wire server"),
    ("host-plugin", Service.HOST_PLUGIN, "127.0.0.1:32526", "the host plugin, or none"),
    ("imds", Service.IMDS, "127.0.0.1:10081", "the instance metadata service, or none"),
    ("storage", Service.STORAGE, "none", "the blob store; none: below /storage of the wire server"),
)


def add(parsers: Parsers) -> None:
    """Add the command."""
    parser = add_command(parsers, "serve", "Serve a fabric until told to stop.", EXAMPLE, _run)
    _add_addresses(parser)
    parser.add_argument(
        "--vm",
        action="append",
        default=[],
        type=vm_address,
        metavar="NAME=ADDRESS[,MAC]",
        help="a VM, told apart by the address its requests come from, and in DHCP by its MAC; may be repeated",
    )
    parser.add_argument(
        "--auto",
        action=argparse.BooleanOptionalAction,
        help="whether an unknown address becomes a VM (default: only when no VM is named)",
    )
    parser.add_argument("--scenario", type=Path, metavar="FILE", help="a world to begin with, in TOML")
    parser.add_argument(
        "--handler",
        action="append",
        default=[],
        type=Path,
        metavar="PATH",
        help="host a handler's folder or zip; may be repeated",
    )
    parser.add_argument(
        "--dhcp",
        metavar="INTERFACE",
        help="serve DHCP on this interface, port 67, as root: VMs are found by their MACs (default: no DHCP)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse what the real fabric refuses, instead of only remarking on it",
    )
    parser.add_argument("--no-fast-track", action="store_true", help="the host plugin has no vmSettings")
    parser.add_argument("--seed", help="derive the names of VMs from this text")
    parser.add_argument("--json", action="store_true", help="tell what happens as JSON lines, for programs")


def _add_addresses(parser: argparse.ArgumentParser) -> None:
    for name, service, default, about in _SERVICES:
        read = address if service is Service.WIRE_SERVER else address_or_none
        parser.add_argument(
            f"--{name}",
            type=read,
            default=read(default),
            metavar="ADDRESS:PORT",
            help=f"{about} (default: {default})",
        )
    parser.add_argument(
        "--admin",
        type=admin_address,
        default=admin_address(DEFAULT_ADMIN),
        metavar="ADDRESS",
        help=f"the admin API and its dashboard page: a loopback ADDRESS:PORT or unix:PATH (default: {DEFAULT_ADMIN})",
    )
    parser.add_argument(
        "--dashboard",
        type=page_address,
        metavar="ADDRESS",
        help="another place for the page that --admin has at its root: a loopback ADDRESS:PORT, or fd:NUMBER of a socket "
        "that listens already (default: only --admin's)",
    )


def options(arguments: argparse.Namespace) -> Options:
    """What the arguments ask for. Raises: ConfigurationError."""
    from limpet.emulator.run import Options  # noqa: PLC0415 - the other commands start without the server
    from limpet.emulator.scenario import load_scenario  # noqa: PLC0415 - the same

    listens = {
        service: where
        for name, service, *_ in _SERVICES
        if (where := getattr(arguments, name.replace("-", "_"))) is not None
    }
    scenarios = () if arguments.scenario is None else (load_scenario(arguments.scenario),)
    given = scenarios[0].fabric if scenarios else {}
    named_vms = bool(arguments.vm) or any(step.path == "/v1/vms" for each in scenarios for step in each.steps)
    return Options(
        listens=listens,
        admin=arguments.admin,
        dashboard=arguments.dashboard,
        settings=_settings(arguments, given, auto=not named_vms),
        scenarios=(*scenarios, _from_command_line(arguments)),
        dhcp=arguments.dhcp,
        as_json=arguments.json,
    )


def address(text: str) -> HostPort:
    """An address that documents can name. Raises: ArgumentTypeError."""
    try:
        found = HostPort.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if ":" in found.host:
        raise argparse.ArgumentTypeError(f"{found}: the fabric speaks IPv4 only")
    if ip_address(found.host).is_unspecified:
        raise argparse.ArgumentTypeError(
            f"{found}: documents name this address to VMs, so it must be one that they can reach"
        )
    return found


def address_or_none(text: str) -> HostPort | None:
    """An address, or None for ``none``. Raises: ArgumentTypeError."""
    return None if text == "none" else address(text)


def admin_address(text: str) -> HostPort | Path:
    """Where the admin API listens. Raises: ArgumentTypeError."""
    if text.startswith("unix:") and text != "unix:":
        return Path(text.removeprefix("unix:"))
    try:
        return HostPort.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}, or unix:PATH") from error


def page_address(text: str) -> HostPort | int:
    """Where the page is as well. Raises: ArgumentTypeError."""
    number = text.removeprefix("fd:")
    if number != text and number.isdecimal() and len(number) < 7:
        return int(number)
    try:
        return HostPort.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}, or fd:NUMBER") from error


def vm_address(text: str) -> dict[str, str]:
    """A VM's name, address and perhaps MAC. Raises: ArgumentTypeError."""
    name, equals, rest = text.partition("=")
    where, comma, mac = rest.partition(",")
    if not equals or not name or not where or (comma and not mac):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=ADDRESS[,MAC], such as vm1=10.0.0.4")
    return {"name": name, "address": where, **({"mac": mac} if mac else {})}


def _settings(arguments: argparse.Namespace, given: Mapping[str, Any], *, auto: bool) -> Settings:
    """The scenario's settings, and before them the command line's."""
    known = Settings()
    auto = given.get("auto", auto)
    return Settings(
        auto=auto if arguments.auto is None else arguments.auto,
        strict=arguments.strict or given.get("strict", known.strict),
        fast_track=given.get("fastTrack", known.fast_track) and not arguments.no_fast_track,
        host_plugin_version=given.get("hostPluginVersion", known.host_plugin_version),
        location=given.get("location", known.location),
        seed=arguments.seed or given.get("seed", known.seed),
    )


def _from_command_line(arguments: argparse.Namespace) -> Scenario:
    from limpet.emulator.scenario import Scenario, Step  # noqa: PLC0415 - as above

    return Scenario(
        origin="the command line",
        lines=Lines(numbers={}),
        fabric={},
        packages=tuple((path, "--handler") for path in arguments.handler),
        steps=tuple(
            Step(
                method="POST",
                path="/v1/vms",
                body=members,
                place=f"--vm {members['name']}={members['address']}",
            )
            for members in arguments.vm
        ),
    )


def _run(arguments: argparse.Namespace) -> int:
    from limpet.emulator.run import serve  # noqa: PLC0415 - as above

    asyncio.run(serve(options(arguments)))
    return Exit.DONE
