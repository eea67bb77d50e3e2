"""What the supervisor is told, and how often."""

from __future__ import annotations

from pathlib import Path

from tests.agent.parts import machine_goal_state

from limpet.agent.news import EVERY, News
from limpet.guest.agent_news import LARGEST, NEWS, AgentNews, parse_news
from limpet.host.fake import START, FakeMachine

EXCHANGE = Path("/run/limpet/appliance")


def telling() -> tuple[FakeMachine, News]:
    machine = FakeMachine()
    return machine, News(EXCHANGE, 7, machine.files, machine.clock, machine.log)


def told(machine: FakeMachine) -> AgentNews:
    return parse_news(machine.files.read(EXCHANGE / NEWS, at_most=LARGEST))


def test_the_first_accepted_report_is_told_at_once_with_all_that_is_known() -> None:
    machine, news = telling()
    news.accepted(201, machine_goal_state("3"))
    assert told(machine) == AgentNews(
        epoch=7,
        goal_state="incarnation 3",
        goal_state_at=START,
        container_id="c",
        first=START,
        last=START,
        code=201,
        first_up=machine.clock.monotonic(),
        last_up=machine.clock.monotonic(),
    )


def test_the_first_one_is_told_for_ever() -> None:
    machine, news = telling()
    news.accepted(200, machine_goal_state())
    machine.clock.sleep(60)
    news.accepted(200, machine_goal_state())
    assert (told(machine).first, told(machine).last) == (START, START + 60)
    assert told(machine).last_up == (told(machine).first_up or 0.0) + 60


def test_what_only_repeats_itself_is_not_written_again_at_once() -> None:
    machine, news = telling()
    news.goal_state(machine_goal_state())
    spent = machine.battery.spent
    for _ in range(20):
        machine.clock.sleep(EVERY / 100)
        news.goal_state(machine_goal_state())
    assert machine.battery.spent == spent
    machine.clock.sleep(EVERY)
    news.goal_state(machine_goal_state())
    assert told(machine).goal_state_at == machine.clock.now()
    news.flush()


def test_a_change_is_told_at_once() -> None:
    machine, news = telling()
    news.accepted(200, machine_goal_state())
    news.trouble("the wire server is silent")
    assert told(machine).problem == "the wire server is silent"
    news.trouble(None)
    assert told(machine).problem is None
    news.refused(503, "the host plugin is busy")
    assert (told(machine).code, told(machine).problem) == (503, "the host plugin is busy")
    news.trouble("so is the wire server")
    assert told(machine).problem == "so is the wire server; the host plugin is busy"
    news.accepted(200, machine_goal_state())
    assert told(machine).problem == "so is the wire server"
    news.is_ready()
    assert told(machine).ready


def test_secrets_in_a_problem_are_taken_out() -> None:
    machine, news = telling()
    news.trouble("GET http://storage.example/status?sv=1&sig=abcdef%3D: refused")
    assert "abcdef" not in str(told(machine).problem)


def test_a_folder_that_cannot_be_written_to_stops_nobody() -> None:
    machine, news = telling()
    machine.files.make_folder(EXCHANGE)
    machine.files.replace(EXCHANGE / "out", b"")  # no folder
    news.accepted(200, machine_goal_state())
    assert machine.log.of("news.unwritable")
