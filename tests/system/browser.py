"""Debian's Chromium without a window, for tests that look at the dashboard; its processes end with the test."""

from __future__ import annotations

import os
import shutil
import signal
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from limpet.lab.clock import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

PROGRAM = "chromium"
PATIENCE = 180_000
"""Milliseconds for it to start."""
MARK = "LIMPET_BROWSER"
"""In the environment of the browser's processes: by it they are found again."""
ARGUMENTS = (
    "--no-sandbox",  # tests run as root, which the sandbox refuses; nothing but our own page is opened
    "--disable-gpu",
    "--disable-dev-shm-usage",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser until the end. Fails where there is none, or where it leaves a process behind."""
    program = shutil.which(PROGRAM)
    if program is None:
        pytest.fail(
            "there is no chromium, which the dashboard is looked at with: apt-get install chromium",
            pytrace=False,
        )
    token = uuid.uuid4().hex
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=list(ARGUMENTS), env={**os.environ, MARK: token}, timeout=PATIENCE
        )
        try:
            yield browser
        finally:
            with suppress(Exception):
                browser.close()
    try:
        wait_for(lambda: not _ours(token), "the end of the browser's processes", timeout=60)
    finally:
        for pid in _ours(token):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _ours(token: str) -> list[int]:
    wanted = f"{MARK}={token}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found
