"""What sshd accepts: passwords or not, and how long a silent client is kept. Source: guest-setup.md §A.5.2.

The settings go into a drop-in file where sshd_config includes such files before anything else and none of them says
otherwise, else into sshd_config, before all that it includes. What was written for another VM goes.
A running sshd is first asked whether it would take them; one that has not started yet reads them when it does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.guest.sshd_config import includes, includes_early, value_of, with_values
from limpet.guest.steps import MakeFolder, Remove, Run, Task, Write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from limpet.guest.steps import Step

SSHD = "sshd"
LARGEST = 256 * 1024
"""Bytes of one configuration file that are read."""

TRIAL = ".limpet-sshd_config"
"""In sshd's folder: what is tried by sshd -t; there while a change is under way."""

_MAIN, _FOLDER = "sshd_config", "sshd_config.d"
_PROGRAM = "/usr/sbin/sshd"  # it insists on an absolute path
_DROP_INS = ("50-limpet.conf", "00-limpet.conf")
_HEAD = "# Written by limpet when this VM was provisioned.\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class SshdWish:
    """folder: ssh.dir. password_login: yes, no, or None to leave it. client_alive_interval: seconds, 0 to leave it."""

    folder: Path
    password_login: bool | None
    client_alive_interval: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class SshdFacts:
    """config: sshd_config's text, None where there is none. config_path: where it is, None where its name says.

    problem: why it cannot be read although it is there. drop_ins: texts in sshd_config.d by name, also of those that are
    no *.conf: some configurations include them all. trial: whether the file of a change under way is there. pid: of the
    sshd that runs, None when none does. unit: its unit where systemd runs.
    """

    config: str | None = None
    config_path: Path | None = None
    problem: str | None = None
    config_mode: int = 0o644
    drop_ins: Mapping[str, str] = field(default_factory=dict)
    trial: bool = False
    pid: int | None = None
    unit: str | None = None


def password_login(*, disabled: bool | None, has_password: bool) -> bool | None:
    """Whether sshd is to take passwords. disabled: what the media says, None when it says nothing.

    Silent media: yes when they bring a password, for it is there to log in with; else sshd stays as the image has it.
    (WALinuxAgent takes silence for "not disabled" and opens every image; cloud-init leaves it.) Source: §A.1.
    """
    if disabled is not None:
        return not disabled
    return True if has_password else None


def plan_sshd(wish: SshdWish, facts: SshdFacts, *, host_keys_change: bool = False) -> Task:
    """Set what is not set, have a running sshd try it first, and tell it.

    host_keys_change: whether the host keys are made anew in this plan, which a running sshd must be told too.
    """
    purpose = "configure sshd"
    if facts.config is None:
        advice = f"Look at {wish.folder / _MAIN}: what sshd accepts stays as the image has it."
        return Task(name=SSHD, purpose=purpose, problem=facts.problem, advice=advice, required=False)
    values = _values(wish)
    path, content = _target(wish.folder, facts, values)
    drop_ins = wish.folder / _FOLDER
    old = [
        Remove(drop_ins / name) for name in _DROP_INS if name in facts.drop_ins and drop_ins / name != path
    ]
    trial = wish.folder / TRIAL
    steps: list[Step] = []
    running = facts.pid is not None
    if path is not None and content is not None:
        is_main = path.parent != drop_ins
        if running:
            whole = content if is_main else content + facts.config
            steps.append(Write(trial, _bytes(whole), mode=0o600))
            steps.append(Run((_PROGRAM, "-t", "-f", str(trial))))
        if not is_main:
            steps.append(MakeFolder(path.parent))
        steps.append(Write(path, _bytes(content), mode=facts.config_mode if is_main else 0o644))
    steps += old
    if running and (content is not None or old or facts.trial or host_keys_change):
        steps.append(_reload(facts))
    if (running and content is not None) or facts.trial:
        steps.append(Remove(trial))
    advice = f"Look at {wish.folder / _MAIN}; the file that sshd did not take is {trial}."
    return Task(name=SSHD, purpose=purpose, steps=tuple(steps), advice=advice)


def _values(wish: SshdWish) -> dict[str, str]:
    values = {}
    if wish.password_login is not None:
        values["PasswordAuthentication"] = "yes" if wish.password_login else "no"
    if wish.password_login is False:  # else PAM would ask for the password by this way
        values["KbdInteractiveAuthentication"] = "no"
        values["ChallengeResponseAuthentication"] = (
            "no"  # what counts before OpenSSH 8.7, where it is yes by itself
        )
    if wish.client_alive_interval:
        values["ClientAliveInterval"] = str(wish.client_alive_interval)
    return values


def _target(folder: Path, facts: SshdFacts, values: Mapping[str, str]) -> tuple[Path | None, str | None]:
    """The file to change, None where nothing is to be said; and its new text, None when all is set."""
    if not values:
        return None, None
    config = facts.config or ""
    if includes_early(config, str(folder / _FOLDER), values):
        for name in _DROP_INS:
            if not _is_contradicted(name, facts, values):
                text = _HEAD + "".join(f"{keyword} {value}\n" for keyword, value in values.items())
                return folder / _FOLDER / name, None if facts.drop_ins.get(name) == text else text
    text = with_values(config, values)
    return facts.config_path or folder / _MAIN, None if text == config else text


def _is_contradicted(name: str, facts: SshdFacts, values: Mapping[str, str]) -> bool:
    """Whether a file that sshd reads before `name` says otherwise, or may by a file that it includes."""
    for other, text in facts.drop_ins.items():
        if other < name and other not in _DROP_INS:
            if includes(text):
                return True
            for keyword, value in values.items():
                found = value_of(text, keyword)
                if found is not None and found.lower() != value.lower():
                    return True
    return False


def _bytes(text: str) -> bytes:
    """What is not UTF-8 in it, such as a comment of older days, stays as it is."""
    return text.encode("utf-8", "surrogateescape")


def _reload(facts: SshdFacts) -> Run:
    if facts.unit is not None:
        return Run(("systemctl", "try-reload-or-restart", facts.unit))
    return Run(("kill", "-HUP", str(facts.pid)))
