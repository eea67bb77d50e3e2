"""Extensions that the network OS does in place of a handler."""

from __future__ import annotations

import pytest
from tests.scenario.appliance import Appliance, appliance
from tests.scenario.handlers import enable, uninstall

from limpet.guest.fabric_lease import Holder
from limpet.model.errors import HostError

ACCESS = "Microsoft.OSTCExtensions.VMAccessForLinux"
OTHER = "Contoso.Other"
PUBLIC = {"username": "alice", "expiration": "2030-01-01"}


class Router:
    """A network OS that answers one thing to every line. asked: the lines."""

    def __init__(self, exit_code: int | None = 0, said: str = "user alice added\n") -> None:
        self.answer = exit_code, said
        self.asked: list[str] = []

    def __call__(self, line: str) -> tuple[int | None, str]:
        self.asked.append(line)
        return self.answer


def bridged(router: Router | None, **settings: tuple[str, ...]) -> Appliance:
    made = appliance()
    made.config.update({"bridged_extensions": ("*VMAccess*",), **settings})
    made.ask = router
    made.give(Holder.GUEST_SHELL)
    made.play.host(ACCESS)
    made.play.host(OTHER)
    return made


def test_the_network_os_does_it_and_its_answer_is_the_extensions_status() -> None:
    router = Router()
    made = bridged(router)
    made.play.publish(enable(ACCESS, PUBLIC, dependency_level=1), enable(OTHER, dependency_level=2))
    made.guest.turn()
    assert router.asked == [
        f'extension enable {ACCESS} 1.0.0 0 {{"username":"alice","expiration":"2030-01-01"}}'
    ]
    assert (made.play.entry(ACCESS).status, made.play.state(ACCESS)) == ("Ready", "success")
    assert made.play.message(ACCESS) == "Done by the network OS: user alice added"
    assert made.play.state(OTHER) == "success"
    assert [run.handler for run in made.play.runs] == [f"{OTHER}-1.0.0"] * 2


def test_it_is_done_once_for_one_decision_and_again_for_the_next() -> None:
    router = Router()
    made = bridged(router)
    made.play.publish(enable(ACCESS, PUBLIC))
    for _ in range(10):
        made.guest.turn()
    assert len(router.asked) == 1
    made.play.publish(enable(ACCESS, {"username": "bob"}))
    for _ in range(10):
        made.guest.turn()
    assert len(router.asked) == 2
    assert made.play.state(ACCESS) == "success"


@pytest.mark.parametrize(
    ("router", "text"),
    [
        (Router(3, "no such user"), "ended with 3: no such user"),
        (Router(None, "this line is not among those that are allowed here"), "did not do it: this line"),
        (Router(1, "\x1b[2J"), "ended with 1: [2J"),
        (None, "there is none to ask here"),
    ],
)
def test_what_is_not_done_is_an_error_at_once_and_for_its_dependents(
    router: Router | None, text: str
) -> None:
    made = bridged(router)
    made.play.publish(enable(ACCESS, PUBLIC, dependency_level=1), enable(OTHER, dependency_level=2))
    made.guest.turn()
    assert text in made.play.message(ACCESS)
    assert (made.play.entry(ACCESS).status, made.play.state(ACCESS)) == ("NotReady", "error")
    assert made.play.message(OTHER).startswith("Skipped because")


def test_a_socket_that_does_not_answer_is_an_error() -> None:
    def broken(line: str) -> tuple[int | None, str]:
        raise HostError("no answer came within 300 s")

    made = bridged(Router())
    made.ask = broken
    made.give(Holder.GUEST_SHELL)
    made.play.publish(enable(ACCESS, PUBLIC))
    made.guest.turn()
    assert "could not be handed to the network OS" in made.play.message(ACCESS)


def test_settings_that_make_too_long_a_line_are_refused_and_protected_ones_never_go() -> None:
    router = Router()
    made = bridged(router)
    made.play.publish(enable(ACCESS, {"username": "x" * 2000}))
    made.guest.turn()
    assert "more than 1000" in made.play.message(ACCESS)
    made.play.publish(enable(ACCESS, {"username": "a\nb"}, protected="TUlJ"))
    made.guest.turn()
    [line] = router.asked
    assert line.isprintable()
    assert "TUlJ" not in line


def test_what_is_refused_too_is_not_bridged_and_what_is_bridged_can_be_taken_away() -> None:
    router = Router()
    made = bridged(router, refused_extensions=("*VMAccess*",))
    made.play.publish(enable(ACCESS))
    made.guest.turn()
    assert router.asked == []
    made = bridged(router)
    made.play.publish(enable(ACCESS))
    made.guest.turn()
    made.play.publish(uninstall(ACCESS))
    for _ in range(5):
        made.guest.turn()
    assert made.play.entries(ACCESS) == []
    assert len(router.asked) == 1
