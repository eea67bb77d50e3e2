"""What has become of the custom data so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.custom_data import LARGEST, NOTE, CustomDataFacts, decoded, interpreter_of
from limpet.guest.translation import NOTE as TRANSLATION_NOTE
from limpet.host.facts.reading import bytes_of, text_of
from limpet.model.errors import HostError
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.guest.custom_data import CustomDataWish
    from limpet.host.ports import Commands, Files


def look(files: Files, commands: Commands, wish: CustomDataWish) -> CustomDataFacts:
    """Read it."""
    kept = bytes_of(files, wish.path, at_most=LARGEST)
    try:
        info = files.info(wish.path)
    except HostError:
        info = None
    return CustomDataFacts(
        kept=None if kept is None else Secret(kept),
        kept_mode=0 if info is None else info.mode,
        ran_for=text_of(files, NOTE),
        programs=_programs(commands, wish),
    )


def translated_for(files: Files) -> str | None:
    """The VM id for which the network OS was configured; None for none."""
    return text_of(files, TRANSLATION_NOTE)


def _programs(commands: Commands, wish: CustomDataWish) -> frozenset[str]:
    content = None if wish.text is None or not wish.execute else decoded(wish.text)
    program = None if content is None else interpreter_of(content)
    if program is None or not program.startswith("/") or "\0" in program or not commands.exists(program):
        return frozenset()
    return frozenset({program})
