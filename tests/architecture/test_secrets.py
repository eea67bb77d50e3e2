"""Where secrets are revealed: every place is reviewed, and a new one is noticed."""

from __future__ import annotations

from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "limpet"


def revealing() -> dict[str, int]:
    counts = {}
    for path in sorted(SOURCE.rglob("*.py")):
        count = path.read_text(encoding="utf-8").count(".reveal()")
        if count:
            counts[str(path.relative_to(SOURCE))] = count
    return counts


REVIEWED = {
    "agent/plan_sources.py": 1,
    "agent/poll.py": 1,
    "agent/remote_access_settle.py": 1,
    "agent/reporter.py": 2,
    "appliance/networkos/iosxe/config.py": 2,
    "appliance/networkos/iosxe/custom_data.py": 2,
    "appliance/networkos/iosxe/day_zero.py": 3,
    "appliance/networkos/iosxe/scan.py": 1,
    "appliance/networkos/iosxe/secret.py": 1,
    "appliance/requests/desk.py": 1,
    "appliance/networkos/hooks/documents.py": 2,
    "boot/media.py": 1,
    "emulator/certificates/pfx.py": 1,
    "emulator/routes/imds.py": 1,
    "guest/custom_data.py": 4,
    "appliance/guest/jobs.py": 1,  # URLs and arguments of scripts, for a shell's standard input
    "guest/day_zero_request.py": 2,  # password and custom data, for the worker's standard input
    "appliance/networkos/frr/day_zero.py": 1,  # custom data, which is the network OS's configuration
    "guest/passwords.py": 1,
    "guest/translation.py": 1,
    "guest/entropy.py": 1,
    "host/apply.py": 2,
    "host/passwords.py": 2,
    "emulator/routes/storage.py": 2,
    "emulator/routes/wireserver.py": 1,
    "emulator/world/state.py": 1,
    "wire/extensionsconfig.py": 2,
    "wire/handlerfiles.py": 1,
    "wire/ovfenv.py": 2,
    "wire/pluginsettings.py": 1,
    "wire/vmsettings_render.py": 2,
}


def test_secrets_are_revealed_only_where_that_was_reviewed() -> None:
    assert revealing() == REVIEWED
