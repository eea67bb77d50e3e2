"""A page that looks at an emulator, and what can be done to both; fixtures for the dashboard's browser tests."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from playwright.sync_api import expect
from tests.emulator import scenes
from tests.emulator.processes import HELLO, Process, emulator
from tests.emulator.small_agent import SmallAgent
from tests.system.browser import chromium

from limpet.emulator.client import AdminAddress, AdminClient
from limpet.model.status import ExtensionState, Message, Substatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

VM = "vm1"
LOOPBACK = ("--vm", f"{VM}=127.0.0.1", "--vm", "other=10.0.0.5", "--handler", HELLO)
PATIENCE = 60_000
"""Milliseconds."""
expect.set_options(timeout=PATIENCE)
HOSTILE = "<script>window.hacked=1</script><img src=x onerror='window.hacked=2'>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@dataclass
class Sight:
    """An emulator and a page that looks at it. troubles: what the browser complained of."""

    process: Process
    url: str
    page: Page
    api: AdminClient
    troubles: list[str]

    @property
    def agent(self) -> SmallAgent:
        return SmallAgent(self.process.wire)

    def tell(self, stage: str, **members: Any) -> None:
        scenes.tell(self.url, VM, scenes.document(stage, **members)).raise_for_status()

    def report(self, *handlers: Any, **members: Any) -> None:
        scenes.report(self.process.wire, *handlers, **members)


@contextmanager
def looking(browser: Browser, process: Process, **context: Any) -> Iterator[Sight]:
    context = {"viewport": {"width": 1280, "height": 900}, **context}
    url = process.ready["dashboard"]
    with browser.new_context(**context) as made, AdminClient(AdminAddress.read(url)) as api:
        page = made.new_page()
        page.set_default_timeout(PATIENCE)
        troubles: list[str] = []
        page.on(
            "console", lambda said: troubles.append(said.text) if said.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(f"dialog {dialog.message}"))
        page.goto(f"{url}#vm={VM}")
        expect(page.locator("#link-words")).to_have_text("live")
        expect(page.locator("#whole")).to_be_visible()
        yield Sight(process, url, page, api, troubles)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    with emulator(tmp_path, *LOOPBACK, "--admin", "127.0.0.1:0") as found:
        yield found


@pytest.fixture
def sight(browser: Browser, process: Process) -> Iterator[Sight]:
    with looking(browser, process) as found:
        yield found


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def hostile(sight: Sight) -> None:
    """Everything that a VM can say, as bad as it can be."""
    name = "Evil." + "X" * 10_000
    sight.api.publish(VM, {"changes": [scenes.change(name, 2**31 - 1), scenes.change(f"A.{HOSTILE}", 0)]})
    part = Substatus(
        status=ExtensionState.ERROR, name=HOSTILE, message=Message(message="\u202egnp.exe" + "W" * 5000)
    )
    sight.report(
        scenes.entry(
            name, ExtensionState.ERROR, HOSTILE + "y" * 10_000, parts=(part,) * 50, version="9" * 3000
        ),
        scenes.entry(f"A.{HOSTILE}", ExtensionState.SUCCESS, "\u202e\u2066 backwards \x00\x1b[31m"),
        message=HOSTILE * 50,
        computer="Z" * 9000,
        aggregate=HOSTILE,
    )
    nic = {"name": HOSTILE + "n" * 600, "mac": "m" * 600, "owner": "x" * 600, "address": "\u202e" * 60}
    sight.tell(
        "rescue",
        words=HOSTILE + "w" * 5000,
        nics=[nic] * 20,
        fabricLease={"holder": "h" * 3000, "epoch": 2**53},
        networkOs={"driver": "d" * 3000, "health": HOSTILE, "problem": HOSTILE},
        guestShell={"runtime": "r" * 900, "state": "s" * 900, "instance": "i" * 900, "problem": HOSTILE},
        handover={"attempts": 2**53, "gap": 1e15, "problem": HOSTILE},
    )
    httpx.get(f"http://{sight.process.wire}/{'q' * 3000}%3Cscript%3E", trust_env=False, timeout=120)
