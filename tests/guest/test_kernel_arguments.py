"""Words of kernel command lines, in the texts of boot loaders."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.boot_loaders import needs_numa_off
from limpet.guest.kernel_arguments import (
    ENTRY,
    ENVIRONMENT,
    LINE,
    MENU,
    NUMA_OFF,
    Arguments,
    changed,
    edited,
    grub_lines,
    serial_console,
    taken_back,
)

if TYPE_CHECKING:
    from pathlib import Path

PC, ARM = serial_console("x86_64"), serial_console("aarch64")
WORDS = st.lists(
    st.sampled_from(
        ["quiet", "rhgb", "root=/dev/sda1", "ro", "console=ttyS0", "console=tty1", "quietly=1", "rootdelay=5"]
    ),
    max_size=6,
)
FORMS = {
    MENU: "default=0\ntitle x\n\tkernel /vmlinuz {}\n\tinitrd /i\n",
    ENTRY: "title x\nlinux /vmlinuz\noptions {}\ninitrd /i\n",
    LINE: "{}\n",
    ENVIRONMENT: "# GRUB Environment Block\nsaved_entry=0\nkernelopts={}\n",
}


def text(kind: str, words: list[str], blank: str = " ") -> str:
    made = FORMS[kind].format(blank.join(words))
    return made.ljust(1024, "#") if kind == ENVIRONMENT else made


def words_of(content: str) -> set[str]:
    return set(content.rstrip("#").replace("kernelopts=", "").split())


@given(
    kind=st.sampled_from(sorted(FORMS)),
    words=WORDS,
    wish=st.sampled_from([PC, ARM, NUMA_OFF]),
    blank=st.sampled_from([" ", "  ", "\t"]),
)
def test_what_was_done_is_taken_back_to_the_letter_and_done_once(
    kind: str, words: list[str], wish: Arguments, blank: str
) -> None:
    before = text(kind, words, blank)
    after = edited(kind, before, wish.add, wish.drop)
    assert edited(kind, after, wish.add, wish.drop) == after
    assert taken_back(kind, after, before, wish) == before
    assert kind != ENVIRONMENT or len(after) == 1024


@given(kind=st.sampled_from(sorted(FORMS)), words=WORDS)
def test_all_words_that_are_wanted_are_there_and_none_that_are_not(kind: str, words: list[str]) -> None:
    after = words_of(edited(kind, text(kind, words), PC.add, PC.drop))
    for start in ("console=tty1", "console=ttyS0", "earlyprintk=", "rootdelay="):
        assert [word for word in after if word.startswith(start)]
    assert not after & {"quiet", "rhgb"}


@given(kind=st.sampled_from(sorted(FORMS)), words=WORDS)
def test_what_somebody_added_since_stays_when_it_is_taken_back(kind: str, words: list[str]) -> None:
    before = text(kind, words)
    after = edited(kind, edited(kind, before, PC.add, PC.drop), ("theirs=1",), ())
    back = taken_back(kind, after, before, PC)
    assert words_of(back) == words_of(before) | {"theirs=1"}


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("ro quiet", "ro console=ttyS0,115200n8"),
        ("quiet ro", "ro console=ttyS0,115200n8"),
        ("ro  noquiet quiet=1", "ro  noquiet quiet=1 console=ttyS0,115200n8"),
        ("console=ttyS0 ro", "console=ttyS0 ro"),
        ("console=ttyS0,9600 ro", "console=ttyS0,9600 ro"),
        ("console=ttyS1 ro", "console=ttyS1 ro console=ttyS0,115200n8"),
    ],
)
def test_a_line_keeps_what_it_says_already(line: str, after: str) -> None:
    assert changed(line, ("console=ttyS0,115200n8",), ("quiet",)) == after


DEFAULTS = [
    (
        'GRUB_CMDLINE_LINUX_DEFAULT="quiet splash x=1"\n',
        "console=tty1 console=ttyS0,115200n8 earlyprintk=ttyS0 rootdelay=300|x=1",
    ),
    (
        'GRUB_CMDLINE_LINUX="console=ttyS0 rootdelay=9 rhgb"\nGRUB_CMDLINE_LINUX_DEFAULT=""\n',
        "console=ttyS0 rootdelay=9 console=tty1 earlyprintk=ttyS0|",
    ),
    (
        'GRUB_CMDLINE_LINUX="a=* console=ttyS0,9600"\n',
        "a=* console=ttyS0,9600 console=tty1 earlyprintk=ttyS0 rootdelay=300|",
    ),
    ("", "console=tty1 console=ttyS0,115200n8 earlyprintk=ttyS0 rootdelay=300|"),
]


@pytest.mark.parametrize(("defaults", "said"), DEFAULTS)
@pytest.mark.parametrize("times", [1, 2])
def test_a_shell_reads_grubs_defaults_as_meant(tmp_path: Path, defaults: str, said: str, times: int) -> None:
    (tmp_path / "grub").write_text("set -e\n" + defaults + grub_lines(PC) * times, encoding="utf-8")
    script = f'. {tmp_path}/grub; echo "$GRUB_CMDLINE_LINUX|$GRUB_CMDLINE_LINUX_DEFAULT|$GRUB_TERMINAL"'
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, timeout=120, check=True, cwd="/"
    )
    assert [" ".join(part.split()) for part in done.stdout.strip().split("|")] == [
        *said.split("|"),
        "console serial",
    ]


@pytest.mark.parametrize(
    ("release", "needs"),
    [
        ("2.6.36", True),
        ("2.6.36.4", True),
        ("2.6.37", False),
        ("2.6.37-rc8", False),
        ("2.6.32-431.el6.x86_64", True),
        ("2.6.32-503.99.el6", True),
        ("2.6.32-504.el6.x86_64", False),
        ("2.6.32-754.35.1.el6", False),
        ("2.6.18-398.el5", True),
        ("2.6.32-504-server", True),
        ("2.4.37", True),
        ("3.0.0", False),
        ("3.10.0-1160.el7", False),
        ("6.1.0-28-cloud-amd64", False),
        ("10.0.0", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_only_kernels_before_the_repair_need_numa_off(release: str, needs: bool) -> None:
    assert needs_numa_off(release) is needs
