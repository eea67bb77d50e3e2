"""A running emulator, and its commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.emulator.processes import Process, emulator

from limpet import cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with emulator(tmp_path_factory.mktemp("emulator")) as found:
        yield found


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Process]:
    with emulator(tmp_path, "--vm", "vm1=127.0.0.1") as found:
        yield found


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs one command: exit code, output, complaints."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = cli.main(["emulator", *arguments])
        except SystemExit as ended:  # argparse's way
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
