"""What day 0 asks of the guest shell: Python packages and scripts of the custom data, once for each VM (network-appliance.md §1.4).

A worker that the supervisor starts when the guest shell reaches the fabric: ``main(arguments)``. Each job runs inside; what it says
goes to a log for root alone. URLs and arguments may have tokens in them: they go in by standard input, never on a command line.
"""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.guest.steps import Run
from limpet.host.worker import interpreter_command
from limpet.model.errors import MalformedDocument
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

JOBS = Path("/var/lib/limpet/iosxe/guest.json")
DONE = Path("/var/lib/limpet/guest-jobs")
"""The VM id for which all jobs were done."""
LOG = Path("/var/log/limpet-guest-jobs.log")
DOCUMENT = "guest.json"
LARGEST = 1024 * 1024
LARGEST_LOG = 1024 * 1024
LONGEST = 1800.0
_MOST = 256

_FETCH = """\
set -e
read -r url
read -r arguments || true
file=$(mktemp)
trap 'rm -f "$file"' EXIT
printf 'url = "%s"\\n' "$url" | curl --config - --fail --silent --show-error --location --max-time 300 --output "$file"
chmod 700 "$file"
eval "set -- $arguments"
case $(head -c 2 "$file" | tr -d '\\0'),${url%%[?#]*} in
    '#!'*) ;;
    *.py) python3 "$file" "$@" </dev/null; exit ;;
esac
"$file" "$@" </dev/null
"""
_INSTALL = """\
set -e
python3 -m pip --version >/dev/null 2>&1 || {
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends python3-pip
} >/dev/null
PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore exec python3 -m pip install --quiet "$@"
"""
"""The guest shell's root file system is the customer's: Debian's protection of its own Python against pip is not for that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One command of the guest. shown: what it is, for people and logs, without what may be secret."""

    shown: str
    argv: tuple[str, ...]
    given: Secret[bytes] = field(default_factory=lambda: Secret(b""))


def parse_jobs(content: bytes) -> tuple[Job, ...]:
    """The jobs in their order: packages, then scripts. Raises: MalformedDocument."""
    try:
        found = json.loads(content)
        packages, scripts = found["packages"], found["scripts"]
        jobs = [_package(each) for each in packages[:_MOST]]
        return (*jobs, *(_script(number, each) for number, each in enumerate(scripts[:_MOST], 1)))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MalformedDocument(DOCUMENT, f"it cannot be read: {type(error).__name__}") from None


def _package(found: dict[str, Any]) -> Job:
    wanted = str(found["name"]) + (f"=={found['version']}" if found.get("version") else "")
    user = ("--user",) if found.get("user") else ()
    return Job(
        shown=f"install the Python package {wanted}",
        argv=("sh", "-c", _INSTALL, "sh", *user, "--", wanted),
    )


def _script(number: int, found: dict[str, Any]) -> Job:
    url, arguments = str(found["url"]), found["arguments"]
    if any(each in url for each in '"\\\n\r') or not isinstance(arguments, list):
        raise ValueError(url)
    # What the customer wrote is words for the script, not a program for the shell.
    words = shlex.join(map(str, arguments))
    if "\n" in words:
        raise ValueError(url)
    return Job(
        shown=f"run script {number} of the custom data",
        argv=("sh", "-c", _FETCH),
        given=Secret(f"{url}\n{words}\n".encode()),
    )


def step_of(job: Job, options: Sequence[str]) -> Run:
    """The job as a step on the host: inside the guest shell, by our own verb. options: ``--config``, ``--set``."""
    command = interpreter_command("limpet.cli", "guestshell", "run", *options, "--", *job.argv)
    return Run(tuple(command), stdin=job.given, timeout=LONGEST)


def main(arguments: Sequence[str]) -> int:
    """Do what is still to be done. arguments: the VM's id, then options. Gives the exit code: 1 when a job failed."""
    from limpet.host.clock import RealClock  # noqa: PLC0415 - the supervisor reads the names above
    from limpet.host.commands import RealCommands  # noqa: PLC0415
    from limpet.host.files import RealFiles  # noqa: PLC0415

    files, commands, clock = RealFiles(), RealCommands(), RealClock()
    vm_id, *options = arguments
    failed = False
    for job in parse_jobs(files.read(JOBS, at_most=LARGEST)):
        step = step_of(job, options)
        given = step.stdin.reveal() if isinstance(step.stdin, Secret) else step.stdin
        done = commands.run(step.argv, stdin=given, timeout=step.timeout)
        said = (done.stdout + done.stderr).decode("utf-8", "replace")[-4000:]
        line = f"{clock.now():.0f} {job.shown}: ended with {done.exit_code}\n{said}\n"
        files.append(LOG, line.encode(), at_most=LARGEST_LOG)
        if done.exit_code != 0:
            sys.stderr.write(f"day 0 cannot {job.shown}: it ended with {done.exit_code}; see {LOG}\n")
            failed = True
            break  # a later job may need an earlier one
    if not failed:
        files.replace(DONE, f"{vm_id}\n".encode(), mode=0o600)
    return int(failed)
