"""The program part of /usr/sbin/waagent: takes waagent's words and runs limpet's verbs. Source: guest-setup.md §H.1.

Its text is installed together with names.py, and stands alone: nothing of limpet can be imported from here.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys

LIMPET = "@LIMPET@"
VERSION = "@VERSION@"

USAGE = """\
usage: waagent [-verbose] [-force] [-configuration-path:FILE] COMMAND
commands: -help, -version, -daemon, -start, -run-exthandlers, -provision, -register-service, -install, -uninstall,
          -deprovision, -deprovision+user, -show-configuration, -collect-logs [-full], -setup-firewall=ADDRESS, -serialconsole
This is limpet: see `limpet help`.
"""
_COMMANDS = (
    "deprovision+user", "deprovision", "daemon", "start", "run-exthandlers", "register-service", "show-configuration",
    "collect-logs", "setup-firewall=", "version", "help", "usage", "?", "provision",
)  # fmt: skip
"""Matched from the start: what follows does not count. The longer of two comes first."""
_WHOLE = ("setup", "install", "uninstall", "serialconsole")
"""Words of older agents, which must stand alone."""
_OPTIONS = ("force", "verbose", "full", "debug")
_VERBS = {
    "run-exthandlers": ("agent",),
    "register-service": ("install",),
    "setup": ("install",),
    "install": ("install",),
    "uninstall": ("uninstall",),
    "provision": ("boot",),
    "deprovision": ("deprovision",),
    "deprovision+user": ("deprovision", "--user"),
    "show-configuration": ("config", "show", "--waagent"),
    "collect-logs": ("collect-logs",),
    "setup-firewall=": ("firewall", "apply"),
    "serialconsole": ("serial-console",),
}
_WITHOUT_SETTINGS = {"install", "uninstall", "serial-console"}


class WrongUsage(Exception):
    """A word that is none of waagent's. exit_code: what the program ends with."""

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def understood(arguments: list[str]) -> tuple[str, str, set[str], list[str]]:
    """The last command, its value, the options, and limpet's settings. Raises: WrongUsage."""
    command, value, options, settings = "help", "", set(), []
    for argument in arguments:
        word = argument.lstrip("-/")
        path = re.match(r"(?:configuration-path:|conf=)([\w/.-]*)", word)
        found = next((each for each in _COMMANDS if word.startswith(each)), word if word in _WHOLE else None)
        option = next((each for each in _OPTIONS if word.startswith(each)), None)
        if not argument:
            continue
        if path is not None:
            if not os.path.isfile(path[1]):
                raise WrongUsage(f"{path[1]}: there is no such configuration", 1)
            settings += ["--set", f"agent.waagent_conf={os.path.abspath(path[1])}"]
        elif found is not None:
            command, value = found, word[len(found) :]
        elif option is not None:
            options.add(option)
        else:
            raise WrongUsage(f"{argument}: not understood")
    if "verbose" in options:
        settings += ["--set", "log.verbose=true"]
    return command, value, options, settings


def command_line(command: str, value: str, options: set[str], settings: list[str]) -> list[str]:
    """Limpet's words for one of waagent's commands."""
    words = list(_VERBS[command])
    if command == "setup-firewall=":
        words += ["--endpoint", value]
    if "force" in options and command.startswith("deprovision"):
        words.append("--force")
    if "full" in options and command == "collect-logs":
        words.append("--full")
    return words if words[0] in _WITHOUT_SETTINGS else words + settings


def version() -> str:
    """Three lines, which handlers parse."""
    release = released()
    distribution = f"{release.get('ID', 'linux')} {release.get('VERSION_ID', '')}".strip()
    return (
        f"WALinuxAgent-{VERSION} running on {distribution}\n"
        f"Python: {platform.python_version()}\n"
        f"Goal state agent: {VERSION}\n"
    )


def main(arguments: list[str]) -> int:
    """Do what the words say; gives the exit code, or becomes limpet."""
    try:
        command, value, options, settings = understood(arguments)
    except WrongUsage as error:
        sys.stderr.write(f"waagent: {error}\n{USAGE}")
        return error.exit_code
    if command in {"help", "usage", "?"}:
        sys.stdout.write(USAGE)
        return 0
    if command == "version":
        sys.stdout.write(version())
        return 0
    try:
        if command == "start":
            again = [sys.executable, os.path.abspath(__file__), "-daemon", *arguments_of(settings)]
            nothing = subprocess.DEVNULL
            subprocess.Popen(again, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
            return 0
        if command == "daemon":
            # Provisioning does nothing where it was done; the agent serves the VM even when it failed.
            subprocess.call([LIMPET, "boot", *settings])
            os.execv(LIMPET, [LIMPET, "agent", *settings])
        os.execv(LIMPET, [LIMPET, *command_line(command, value, options, settings)])
    except OSError as error:
        sys.stderr.write(f"waagent: cannot run {LIMPET}: {error.strerror}\n")
    return 1


def arguments_of(settings: list[str]) -> list[str]:
    """Waagent's own words for the settings that it was given."""
    pairs = [setting.partition("=") for setting in settings if setting != "--set"]
    return [
        f"-configuration-path:{value}" if name == "agent.waagent_conf" else "-verbose"
        for name, _, value in pairs
    ]


def released() -> dict[str, str]:
    """What distribution this is."""
    found = {}
    try:
        with open("/etc/os-release", encoding="utf-8", errors="replace") as file:
            lines = file.read(64 * 1024).splitlines()
    except OSError:
        return {}
    for line in lines:
        name, equals, value = line.partition("=")
        if equals:
            found[name.strip()] = value.strip().strip("\"'")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
