"""``limpet emulator publish``: change what a VM shall run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.emulator.client import WaitedInVain
from limpet.emulator.commands.arguments import (
    Exit,
    Parsers,
    add_client_options,
    add_command,
    add_vm_option,
    chosen_vm,
    client,
    json_object,
    print_json,
    say,
)
from limpet.emulator.commands.outcome import Outcome, Wanted, outcome
from limpet.emulator.storage.packages import load_package
from limpet.emulator.text import plain

if TYPE_CHECKING:
    import argparse

    from limpet.emulator.client import AdminClient

EXAMPLE = """\
  limpet emulator publish examples/Limpet.Sample.Hello-1.0.0 --settings '{"greeting": "hello"}' --wait
  limpet emulator publish Limpet.Sample.Hello --protected @secrets.json --channel fast-track
  limpet emulator publish Limpet.Sample.Hello --state uninstall"""


def add(parsers: Parsers) -> None:
    """Add the command."""
    parser = add_command(parsers, "publish", "Publish a goal state for one handler.", EXAMPLE, _publish)
    add_client_options(parser)
    add_vm_option(parser)
    parser.add_argument(
        "handler", metavar="HANDLER", help="its name, or a folder or zip that is hosted first"
    )
    parser.add_argument(
        "--version", help="as 1.0.7 (default: that of the package, or as it is, or the newest hosted)"
    )
    parser.add_argument(
        "--settings",
        type=json_object,
        metavar="JSON|@FILE",
        help="public settings; replace the earlier settings",
    )
    parser.add_argument(
        "--protected", type=json_object, metavar="JSON|@FILE", help="protected settings, in the clear"
    )
    parser.add_argument("--no-settings", action="store_true", help="use the handler without any settings")
    parser.add_argument(
        "--state", choices=("enabled", "disabled", "uninstall"), default="enabled", help="default: enabled"
    )
    parser.add_argument(
        "--channel", choices=("fabric", "fast-track"), default="fabric", help="default: fabric"
    )
    parser.add_argument("--extension", metavar="NAME", help="one extension of a multi-config handler")
    parser.add_argument(
        "--level", type=int, metavar="N", help="dependency level: lower ones are processed first"
    )
    parser.add_argument("--sequence", type=int, metavar="N", help="sequence number (default: the next one)")
    parser.add_argument(
        "--unchecked", action="store_true", help="host the package even if its manifest is broken"
    )
    parser.add_argument("--wait", action="store_true", help="wait until the VM reports success or failure")
    parser.add_argument(
        "--timeout", type=float, default=120.0, metavar="SECONDS", help="for --wait (default: 120)"
    )


def _publish(arguments: argparse.Namespace) -> int:
    with client(arguments) as api:
        vm = chosen_vm(api, arguments.vm)
        name, version = arguments.handler, arguments.version
        if _is_path(name):
            package = load_package(Path(name), version=version, unchecked=arguments.unchecked)
            name, version = package.name, str(package.version)
            api.upload(package)
        reports = api.vm(vm)["statusReports"]
        published = api.publish(
            vm, {"channel": arguments.channel, "changes": [_change(arguments, name, version)]}
        )
        if not arguments.json:
            name_of_it = "incarnation" if arguments.channel == "fabric" else "etag"
            number = f"{name_of_it} {published[name_of_it]}"
            say(f"{vm}: published {name} {arguments.state} by {arguments.channel} ({number})")
        if not arguments.wait:
            if arguments.json:
                print_json(published)
            return Exit.DONE
        found = _awaited(api, vm, _wanted(arguments, name, published), reports, arguments.timeout)
    return _tell(arguments, vm, published, found)


def _tell(arguments: argparse.Namespace, vm: str, published: dict[str, Any], found: Outcome | None) -> int:
    if arguments.json:
        result = None if found is None else {"good": found.good, "message": found.message}
        print_json({**published, "outcome": result})
    elif found is None:
        say(f"{vm}: no outcome within {arguments.timeout:g} s; see: limpet emulator requests --vm {vm}")
    else:
        say(plain(f"{vm}: {found.message}"))
    if found is None:
        return Exit.TIMED_OUT
    return Exit.DONE if found.good else Exit.FAILED


def _is_path(text: str) -> bool:
    return "/" in text or text.endswith(".zip") or Path(text).is_dir()


def _change(arguments: argparse.Namespace, name: str, version: str | None) -> dict[str, Any]:
    given = {
        "handler": name,
        "version": version,
        "state": arguments.state,
        "extension": arguments.extension,
        "public": arguments.settings,
        "protected": arguments.protected,
        "dependencyLevel": arguments.level,
        "sequence": arguments.sequence,
        "noSettings": arguments.no_settings or None,
    }
    return {member: value for member, value in given.items() if value is not None}


def _wanted(arguments: argparse.Namespace, name: str, published: dict[str, Any]) -> Wanted:
    handler = next(each for each in published["handlers"] if each["name"].lower() == name.lower())
    extension = arguments.extension
    numbers = [
        each["sequenceNumber"]
        for each in handler["extensions"]
        if extension is None or each["name"] == extension
    ]
    return Wanted(
        handler=name,
        version=handler["version"],
        state=arguments.state,
        extension=extension,
        sequence=numbers[0] if numbers else None,
        goal_state=published["svdSequenceNumber"],
    )


def _awaited(api: AdminClient, vm: str, wanted: Wanted, reports: int, timeout: float) -> Outcome | None:
    """The outcome in the first report that has one; None after `timeout` seconds."""
    while timeout > 0:
        condition = {"afterStatus": reports, "svdSequenceNumber": wanted.goal_state}
        try:
            held = api.wait(vm, condition, timeout=timeout)
        except WaitedInVain:
            return None
        timeout -= held["seconds"]
        report = api.status(vm)
        reports = report["serial"]
        if (found := outcome(wanted, report["status"])) is not None:
            return found
    return None
