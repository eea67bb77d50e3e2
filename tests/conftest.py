"""What holds for every test."""

from __future__ import annotations

import gc
import os
import signal
from contextlib import ExitStack
from functools import cache

import pytest
from hypothesis import HealthCheck, settings
from tests.trees import being_built

from limpet.lab import requirements

LONGEST = 900
"""Seconds for a system test: only what hangs takes them. One that comes first may build the root file systems of all."""

MANY = 1000
"""From so many unit tests on, what the system tests need can be made beside them."""

# A busy machine makes an example slow, not wrong. Under CI, which hypothesis knows, the examples are the same every time.
settings.register_profile(
    "limpet",
    settings(),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("limpet")


def pytest_configure() -> None:
    """What tests write can be read by whom it is for, and what they start can be interrupted, whoever started them, and how."""
    os.umask(0o022)
    # A shell lets what it starts in the background ignore some of them, nohup another; all that tests start would do so, too.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests first, whatever the random order: they are quick, and a system test is easier to read after them."""
    items.sort(key=needs_a_lab)
    for item in items:
        if item.get_closest_marker("system") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONGEST))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Beside many unit tests, which are one process, another one builds what comes after them."""
    gc.collect()
    gc.freeze()  # what there is now stays to the end: it need not be looked through again and again
    labs = sum(map(needs_a_lab, session.items))
    if (
        labs
        and len(session.items) - labs > MANY
        and not session.config.option.collectonly
        and not refused(vms=False)
    ):
        until_the_end = ExitStack()
        session.config.add_cleanup(until_the_end.close)
        until_the_end.enter_context(being_built())


def needs_a_lab(item: pytest.Item) -> bool:
    """Whether it needs root and namespaces."""
    return any(item.get_closest_marker(name) for name in ("system", "vm"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What this machine's kernel does not do is not tested on it. A missing package is said by the test that needs it."""
    vms = item.get_closest_marker("vm") is not None
    if needs_a_lab(item) and (lacking := refused(vms=vms)):
        pytest.skip(f"this machine cannot have a lab: {lacking}")


@cache
def refused(*, vms: bool) -> str:
    """What keeps a lab from working that no package brings."""
    lacks = requirements.lacks(vms=vms, appliances=True)
    return "; ".join(str(lack) for lack in lacks if not lack.package)
