"""sshd: its host keys, its configuration, and whether it runs."""

from __future__ import annotations

from os.path import normpath
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.host_keys import LARGEST as LARGEST_KEY
from limpet.guest.host_keys import NOTE, HostKeyFacts
from limpet.guest.sshd import LARGEST, TRIAL, SshdFacts
from limpet.host.facts.reading import is_there, names_in, text_of, whole_text_of
from limpet.host.facts.ssh_keys import labels
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.host.ports import Commands, Files

PID_FILE = Path("/run/sshd.pid")
_VENDORS_OWN = Path("/usr/etc/ssh/sshd_config")
"""Where it is on systems whose /etc is empty at first."""
_NOT_OURS = frozenset({"/usr", "/nix"})
"""What is below is the image's and may be read-only."""
_SYSTEMD = Path("/run/systemd/system")
_UNITS = tuple(
    (unit, Path(folder, f"{unit}.service"))
    for unit in ("ssh", "sshd")
    for folder in ("/usr/lib/systemd/system", "/lib/systemd/system", "/etc/systemd/system")
)
_MOST_DROP_INS, _MOST_LINKS = 200, 8


def look_at_host_keys(files: Files, commands: Commands, folder: Path) -> HostKeyFacts:
    """Read them. folder: ssh.dir."""
    names = names_in(files, folder)
    keys = [name for name in names if name.startswith("ssh_host_")]
    texts = {
        name: text_of(files, folder / name, at_most=LARGEST_KEY) for name in keys if name.endswith(".pub")
    }
    return HostKeyFacts(
        names=tuple(names),
        public={name: text for name, text in texts.items() if text is not None},
        whole=frozenset(name for name in keys if name.endswith("_key") and _is_whole(files, folder / name)),
        made_for=text_of(files, NOTE),
        ssh_exists=is_there(files, folder),
        restorecon=labels(files, commands),
    )


def look_at_sshd(files: Files, folder: Path) -> SshdFacts:
    """Read it. folder: ssh.dir."""
    path = place = folder / "sshd_config"
    config = problem = None
    try:
        path = place = _led(files, path)
        if not is_there(files, place):
            place = _VENDORS_OWN
        config = files.read(place, at_most=LARGEST).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        pass
    except HostError as error:
        problem = str(error)
    if _NOT_OURS & {str(parent) for parent in Path(normpath(place)).parents}:
        path = folder / "sshd_config"  # sshd takes it before the vendor's
    info = None if config is None else files.info(place)
    drop_ins = folder / "sshd_config.d"
    names = [name for name in names_in(files, drop_ins) if not name.startswith(".")][:_MOST_DROP_INS]
    texts = {name: whole_text_of(files, drop_ins / name, at_most=LARGEST) for name in names}
    return SshdFacts(
        config=config,
        config_path=path,
        problem=problem,
        config_mode=0o644 if info is None else info.mode,
        drop_ins={name: text for name, text in texts.items() if text is not None},
        trial=is_there(files, folder / TRIAL),
        pid=_pid(files),
        unit=_unit(files),
    )


def _led(files: Files, path: Path) -> Path:
    """Where a file is that may be a link. Raises: HostError."""
    for _ in range(_MOST_LINKS):
        target = files.target(path)
        if target is None:
            break
        path = path.parent / target
    return path


def _is_whole(files: Files, path: Path) -> bool:
    """Whether a private key is there to its end: a cut of power may leave an empty or a short file."""
    try:
        lines = files.read(path, at_most=LARGEST_KEY).strip().splitlines()
    except (FileNotFoundError, HostError):
        return False
    return len(lines) > 2 and lines[0].startswith(b"-----BEGIN ") and lines[-1].startswith(b"-----END ")


def _pid(files: Files) -> int | None:
    text = text_of(files, PID_FILE) or ""
    return int(text) if text.isdecimal() and is_there(files, Path("/proc", text)) else None


def _unit(files: Files) -> str | None:
    if not is_there(files, _SYSTEMD):
        return None
    return next((unit for unit, path in _UNITS if is_there(files, path)), None)
