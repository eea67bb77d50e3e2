"""By which texts this machine boots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.boot_loaders import DEFAULTS, DROP_INS, PENDING, BootLoaderFacts, BootText, GrubDefaults
from limpet.guest.kernel_arguments import ENTRY, ENVIRONMENT, LINE, MENU
from limpet.host.facts.reading import bytes_of, is_there, names_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.guest.kernel_arguments import Arguments
    from limpet.host.ports import Commands, Files

ENTRIES = (Path("/boot/loader/entries"), Path("/efi/loader/entries"), Path("/boot/efi/loader/entries"))
LINES = (Path("/etc/kernel/cmdline"),)
MENUS = (Path("/boot/grub/menu.lst"), Path("/boot/grub/grub.conf"))
ENVIRONMENTS = (Path("/boot/grub2/grubenv"),)
_CONFIGURATIONS = (Path("/boot/grub2/grub.cfg"), Path("/boot/grub/grub.cfg"))
_EFI = Path("/boot/efi/EFI")
_MAKERS = ("grub2-mkconfig", "grub-mkconfig")
_PLACES = (Path("/usr/sbin"), Path("/usr/bin"), Path("/sbin"))
_TEXT_LIMIT, _CONFIGURATION_LIMIT = 256 * 1024, 4 * 1024 * 1024
_MOST_ENTRIES = 64


def look(files: Files, commands: Commands, wish: Arguments) -> BootLoaderFacts:
    """All that may need a change for a wish, with the copies from before."""
    return BootLoaderFacts(grub=_grub(files, commands, wish), texts=tuple(_texts(files, wish)))


def _grub(files: Files, commands: Commands, wish: Arguments) -> GrubDefaults | None:
    text, info = bytes_of(files, DEFAULTS, at_most=_TEXT_LIMIT), files.info(DEFAULTS)
    if text is None or info is None:
        return None
    drop_in = bytes_of(files, DROP_INS / f"90-limpet-{wish.name}.cfg", at_most=_TEXT_LIMIT)
    return GrubDefaults(
        text=_decoded(text),
        mode=info.mode,
        drop_ins=is_there(files, DROP_INS) and _reads_drop_ins(files),
        drop_in=None if drop_in is None else _decoded(drop_in),
        make=_maker(files, commands),
        pending=is_there(files, PENDING),
    )


def _reads_drop_ins(files: Files) -> bool:
    """Whether this grub-mkconfig, a shell script, reads grub.d: Debian's does."""
    scripts = (bytes_of(files, place / name, at_most=_TEXT_LIMIT) for place in _PLACES for name in _MAKERS)
    return any(b"default/grub.d" in script for script in scripts if script is not None)


def _maker(files: Files, commands: Commands) -> tuple[str, ...] | None:
    if commands.exists("update-grub"):
        return ("update-grub",)
    maker = next((name for name in _MAKERS if commands.exists(name)), None)
    efi = [_EFI / name / "grub.cfg" for name in names_in(files, _EFI)]
    for path in (*_CONFIGURATIONS, *efi):
        text = bytes_of(files, path, at_most=_CONFIGURATION_LIMIT) or b""
        # A small one of the EFI partition may only lead to the other.
        if b"menuentry" in text or b"blscfg" in text:
            return None if maker is None else (maker, "-o", str(path))
    return None


def _texts(files: Files, wish: Arguments) -> Iterator[BootText]:
    entries = [
        (ENTRY, folder / name)
        for folder in ENTRIES
        for name in names_in(files, folder)
        if name.endswith(".conf")
    ]
    others = [(LINE, path) for path in LINES] + [(MENU, path) for path in MENUS]
    found = [each for each in (*entries[:_MOST_ENTRIES], *others) if _is_plain(files, each[1])]
    texts = [(kind, path, bytes_of(files, path, at_most=_TEXT_LIMIT)) for kind, path in found]
    if any(b"$kernelopts" in (text or b"") for _, _, text in texts):
        texts += [
            (ENVIRONMENT, path, bytes_of(files, path)) for path in ENVIRONMENTS if _is_plain(files, path)
        ]
    for kind, path, text in texts:
        if text is not None:
            yield _with_copy(files, wish, kind, path, text)


def _with_copy(files: Files, wish: Arguments, kind: str, path: Path, text: bytes) -> BootText:
    info = files.info(path)
    each = BootText(path=path, kind=kind, text=_decoded(text), mode=0o644 if info is None else info.mode)
    before = bytes_of(files, each.copy(wish), at_most=_TEXT_LIMIT)
    if before is None:
        return each
    return BootText(path=path, kind=kind, text=each.text, mode=each.mode, before=_decoded(before))


def _is_plain(files: Files, path: Path) -> bool:
    """Regular, and no link to another of them, which would be edited twice."""
    if not is_there(files, path):
        return False
    info = files.info(path)
    return info is not None and info.is_file


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")
