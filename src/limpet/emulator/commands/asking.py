"""``limpet emulator vms``, ``status`` and ``requests``: what the fabric knows of its VMs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from limpet.emulator.client import EmulatorRefused
from limpet.emulator.commands.arguments import (
    Exit,
    Parsers,
    add_client_options,
    add_command,
    add_vm_option,
    chosen_vm,
    client,
    print_json,
    say,
)
from limpet.emulator.narration import BY_TARGET, outcome
from limpet.emulator.text import plain, print_table, size

if TYPE_CHECKING:
    import argparse

    from limpet.emulator.client import AdminClient

PAGE = 1000
VMS_EXAMPLE = """\
  limpet emulator vms
  limpet emulator vms add vm2 10.0.0.5 --mac 00:0d:3a:00:00:05
  limpet emulator vms remove vm2"""


def add(parsers: Parsers) -> None:
    """Add the commands."""
    vms = add_command(parsers, "vms", "List the VMs, add one, or remove one.", VMS_EXAMPLE, _vms)
    add_client_options(vms)
    vms.add_argument("action", nargs="?", choices=("list", "add", "remove"), default="list")
    vms.add_argument("name", nargs="?", help="the VM that is added or removed")
    vms.add_argument("address", nargs="?", help="the address that its requests come from")
    vms.add_argument(
        "--mac", help="with add: of its primary NIC (default: 00:0d:3a and the address's last bytes)"
    )
    vms.set_defaults(parser=vms)

    status = add_command(
        parsers,
        "status",
        "Show how a VM was provisioned, and the newest status that it reported.",
        "  limpet emulator status --vm vm1",
        _status,
    )
    add_client_options(status)
    add_vm_option(status)

    requests = add_command(
        parsers,
        "requests",
        "Show what a VM asked of the fabric.",
        "  limpet emulator requests --vm vm1 --endpoint goal-state --last 20",
        _requests,
    )
    add_client_options(requests)
    add_vm_option(requests)
    requests.add_argument("--endpoint", metavar="NAME", help="only requests to this endpoint")
    requests.add_argument(
        "--last", type=int, default=50, metavar="N", help="only the newest N; 0: all (default: 50)"
    )
    requests.add_argument(
        "--strangers", action="store_true", help="requests from addresses that are no VM's, instead of a VM's"
    )


def _vms(arguments: argparse.Namespace) -> int:
    parser: argparse.ArgumentParser = arguments.parser
    wanted = {"list": (False, False), "add": (True, True), "remove": (True, False)}[arguments.action]
    if (arguments.name is not None, arguments.address is not None) != wanted:
        parser.error("it is: vms, vms add NAME ADDRESS, or vms remove NAME")
    with client(arguments) as api:
        if arguments.action == "add":
            members = {"name": arguments.name, "address": arguments.address}
            api.describe_vm(members if arguments.mac is None else {**members, "mac": arguments.mac})
        elif arguments.action == "remove":
            api.remove_vm(arguments.name)
        found = api.vms()
    if arguments.json:
        print_json(found)
    else:
        columns = ("VM", "address", "health", "at", "host name", "reports", "incarnation", "etag")
        names = ("hostName", "statusReports", "incarnation", "etag")
        print_table(
            columns,
            (
                [
                    *(vm[name] for name in ("name", "address", "health")),
                    None if vm["healthAt"] is None else _time(vm["healthAt"]),
                    *(vm[name] for name in names),
                ]
                for vm in found
            ),
        )
    return Exit.DONE


def _status(arguments: argparse.Namespace) -> int:
    with client(arguments) as api:
        vm = chosen_vm(api, arguments.vm)
        provisioning = api.provisioning(vm)
        try:
            found = api.status(vm)
        except EmulatorRefused as error:
            # A VM that was only provisioned, by an agent that does nothing more, has something to show.
            if arguments.json or not provisioning["reports"]:
                raise
            print_provisioning(provisioning)
            say(f"no status: {error}")
            return Exit.DONE
    if arguments.json:
        print_json({**found, "provisioning": provisioning})
    else:
        print_provisioning(provisioning)
        print_status(found)
    return Exit.DONE


def print_provisioning(found: dict[str, Any]) -> None:
    """How a VM was provisioned, for people: a line for each report, role property and name."""
    for report in found["reports"]:
        words = f"{report['words']}" + (f": {report['description']}" if report["description"] else "")
        say(
            plain(
                f"provisioning {_time(report['at'])} {words} ({report['form']}, {report['agent'] or 'nobody'})"
            )
        )
    for sent in found["roleProperties"]:
        pairs = ", ".join(f"{name} {value}" for name, value in sent["properties"].items())
        say(plain(f"role property {_time(sent['at'])} {pairs}"))
    if found["hostName"]:
        say(plain(f"host name    {_time(found['hostName']['at'])} {found['hostName']['name']}"))


def print_status(report: dict[str, Any]) -> None:
    """A status report for people."""
    status = report["status"]
    guest, goal_state = status["guest"], status["goalState"]
    say(f"report {report['serial']} at {_time(report['at'])} by {report['channel']}, {report['blobType']}")
    say(
        plain(
            f"agent {guest['agentVersion']} on {guest['computerName']} {status['status']}: {_message(status)}"
        )
    )
    if goal_state:
        answered = (
            f"goal state {goal_state['svdSequenceNumber']} {goal_state['status']} ({goal_state['code']})"
        )
        say(plain(f"{answered}: {_message(goal_state)}"))
    if not status["handlers"]:
        say("no handlers")
        return
    print_table(
        ("handler", "version", "status", "code", "extension", "number", "result", "message"),
        (row for entry in status["handlers"] for row in _handler_rows(entry)),
    )


def _handler_rows(entry: dict[str, Any]) -> list[list[object]]:
    """A handler's row, and one below it for each part that its extension reports."""
    row = [entry["name"], entry["version"], entry["status"], entry["code"]]
    settings = entry["settings"]
    if settings is None:
        return [[*row, None, None, None, _message(entry)]]
    status = settings["status"]
    extension = [settings["extensionName"], settings["sequenceNumber"], status["status"]]
    rows = [[*row, *extension, _message(status) or _message(entry)]]
    for part in status["substatus"]:
        message = f"{part['name'] or 'part'}: {_message(part)}"
        rows.append(["", "", "", part["code"], "", "", part["status"], message])
    return rows


def _message(of: dict[str, Any]) -> str:
    message = of.get("message")
    return message["message"] if isinstance(message, dict) else message or ""


def _requests(arguments: argparse.Namespace) -> int:
    with client(arguments) as api:
        vm = None if arguments.strangers else chosen_vm(api, arguments.vm)
        found = _entries(api, vm, arguments.endpoint)
    found = found[-arguments.last :] if arguments.last > 0 else found
    if arguments.json:
        print_json(found)
        return Exit.DONE
    print_table(
        ("time", "id", "method", "endpoint", "status", "ms", "size", "remarks"),
        (
            (
                _time(entry["at"]),
                entry["id"],
                entry["method"],
                entry["endpoint"],
                outcome(entry),
                f"{entry['seconds'] * 1000:.1f}",
                size(entry["replySize"]),
                _remarks(entry),
            )
            for entry in found
        ),
    )
    return Exit.DONE


def _remarks(entry: dict[str, Any]) -> str:
    target = [entry["target"].split("?")[0]] if entry["endpoint"] in BY_TARGET else []
    fault = [f"fault: {entry['fault']}"] if entry["fault"] else []
    return "; ".join([*target, *fault, *entry["remarks"]])


def _entries(api: AdminClient, vm: str | None, endpoint: str | None) -> list[dict[str, Any]]:
    """Every request that is still known."""
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["id"] if found else 0
        page = api.requests(vm, endpoint=endpoint, after=after, limit=PAGE)["requests"]
        found += page
        if len(page) < PAGE:
            return found


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]
