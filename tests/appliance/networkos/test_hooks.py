"""The driver ``hooks``: what a vendor's programs are told, when, and what becomes of what they say."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.appliance.networkos.vendor import FOLDER, LEASE, PRIMARY, SECOND, SITE, Vendor, links, seen

from limpet.appliance.networkos import rules
from limpet.appliance.networkos.contract import Health, Pulse
from limpet.appliance.networkos.hooks import driver as hooks
from limpet.appliance.networkos.hooks.verbs import REQUIRED, TABLE, Verb
from limpet.guest.namespaces import HOST, Seen
from limpet.guest.steps import Run
from limpet.guest.translation import NOTE, DayZero
from limpet.host.fake_commands import Said
from limpet.model.errors import HostError
from limpet.model.provisioning import OvfEnvironment
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.guest.steps import Outcome, Step, Task


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


def do(vendor: Vendor, tasks: tuple[Task, ...]) -> list[Outcome]:
    return vendor.machine.interpreter.apply(tasks)


def do_steps(vendor: Vendor, steps: tuple[Step, ...]) -> None:
    for step in steps:
        vendor.machine.interpreter.do(step)


def health(vendor: Vendor, *, deep: bool = False) -> Pulse:
    return vendor.driver.health(SITE, vendor.machine.files, vendor.machine.commands, deep=deep)


def started(vendor: Vendor, answer: bytes = b"") -> None:
    vendor.answers["start"] = Said(answer)
    assert not any(outcome.failed for outcome in do(vendor, vendor.driver.start(SITE, seen(SECOND, PRIMARY))))


def test_a_nic_is_claimed_by_its_mac_with_its_lease_and_its_virtual_function(vendor: Vendor) -> None:
    do_steps(vendor, vendor.driver.claim(PRIMARY, SITE, seen(SECOND, PRIMARY)).forward)
    (document,) = vendor.heard
    assert document["version"] == 1
    assert document["verb"] == "claim"
    assert document["nic"] == {
        "name": "eth0",
        "mac": PRIMARY.mac,
        "primary": True,
        "device": "0000-vmbus",
        "vf": "enP1s1",
    }
    assert document["lease"]["address"] == "10.0.4.5/24"
    assert document["namespaces"] == {"networkOs": "limpet-nos", "guest": "limpet-guest"}


def test_a_nic_that_left_linux_is_not_claimed_again(vendor: Vendor) -> None:
    assert vendor.driver.claim(PRIMARY, SITE, seen(SECOND)).forward == ()


def test_a_virtual_function_left_behind_is_claimed_again(vendor: Vendor) -> None:
    left = Seen(namespaces={HOST: links(PRIMARY, name="enP1s1", vf=True)})
    assert vendor.driver.claim(PRIMARY, SITE, left).forward


def test_every_claim_says_how_it_is_taken_back(vendor: Vendor) -> None:
    move = vendor.driver.claim(SECOND, SITE, seen(SECOND, PRIMARY))
    do_steps(vendor, move.back)
    assert [document["verb"] for document in vendor.heard] == ["release"]
    assert "eth1" in move.describe()


def test_a_nic_that_linux_has_is_not_released(vendor: Vendor) -> None:
    assert vendor.driver.release(PRIMARY, SITE, seen(SECOND, PRIMARY)) == ()


def test_a_nic_that_came_back_by_itself_only_gets_its_name_again(vendor: Vendor) -> None:
    back = Seen(namespaces={HOST: links(PRIMARY, name="dev7", up=False)})
    (step,) = vendor.driver.release(PRIMARY, SITE, back)
    assert isinstance(step, Run)
    assert step.argv == ("ip", "-batch", "-")
    assert step.stdin == b"link set dev dev7 name eth0\nlink set dev eth0 up\n"


def test_a_claim_that_is_not_confirmed_has_failed_and_says_program_and_member(vendor: Vendor) -> None:
    vendor.answers["claim"] = Said(b'{"version": 1}')
    with pytest.raises(HostError, match=r"/opt/acme/hooks/claim: member owner is missing"):
        do_steps(vendor, vendor.driver.claim(SECOND, SITE, seen(SECOND, PRIMARY)).forward)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (b"", "printed nothing"),
        (b"done\n", "not JSON"),
        (b"[]", "an array instead of an object"),
        (b'{"owner": "network OS"}', "member version is missing"),
        (b'{"version": 2, "owner": "network OS"}', "member version is not 1"),
        (b'{"version": true, "owner": "network OS"}', "member version is true or false"),
        (b'{"version": 1, "owner": "me"}', "member owner is not 'network OS'"),
        (b'{"version": 1, "x": "' + b"x" * 70_000 + b'"}', "more than the 65536"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_what_is_no_answer_fails_the_step_and_says_why(vendor: Vendor, said: bytes, problem: str) -> None:
    vendor.answers["claim"] = Said(said)
    with pytest.raises(HostError, match=problem) as caught:
        do_steps(vendor, vendor.driver.claim(SECOND, SITE, seen(SECOND, PRIMARY)).forward)
    assert str(FOLDER / "claim") in str(caught.value)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (Said(exit_code=1, stderr="first\nno such NIC\n"), "^no such NIC$"),
        (Said(exit_code=2), "^it does not understand what it is told$"),
        (Said(exit_code=75, stderr="reloading"), "^it cannot do this now: reloading$"),
        (Said(exit_code=9), "^it ended with 9$"),
        (Said(exit_code=None), "^it did not end in 10 s$"),
    ],
)
def test_exit_codes_have_meanings(vendor: Vendor, said: Said, problem: str) -> None:
    vendor.answers["claim"] = said
    with pytest.raises(HostError, match=problem):
        do_steps(vendor, vendor.driver.claim(SECOND, SITE, seen(SECOND, PRIMARY)).forward)


def test_a_reason_has_nothing_that_a_terminal_obeys(vendor: Vendor) -> None:
    vendor.answers["dress"] = Said(exit_code=1, stderr="\x1b[2Jno \u202eport\x07\n")
    with pytest.raises(HostError, match=r"^\?\[2Jno \?port\?$"):
        do_steps(vendor, vendor.driver.dress(PRIMARY, LEASE, SITE, seen()))


def test_complaints_go_to_a_log_without_secrets_and_without_what_a_terminal_obeys(vendor: Vendor) -> None:
    vendor.answers["dress"] = Said(stderr="password=hunter2 \x1b[2J\n" + "x" * 100_000)
    do_steps(vendor, vendor.driver.dress(PRIMARY, LEASE, SITE, seen()))
    log = vendor.machine.files.read(hooks.LOG, at_most=1 << 20)
    assert log.startswith(b"/opt/acme/hooks/dress: password=<redacted>")
    assert b"\x1b" not in log
    info = vendor.machine.files.info(hooks.LOG)
    assert info is not None
    assert info.mode & 0o777 == 0o600
    assert len(log) < 20_000


def test_start_is_told_the_guest_port_whose_inner_end_is_addressed_here(vendor: Vendor) -> None:
    outcomes = do(vendor, vendor.driver.start(SITE, seen(SECOND, PRIMARY)))
    assert [outcome.state for outcome in outcomes] == ["unchanged", "done", "done"]
    assert vendor.heard[0]["guestPort"]["innerAddress"] == "192.168.35.2/24"
    addressed = vendor.machine.commands.ran[-1]
    assert addressed.argv == ("ip", "-netns", "limpet-guest", "-batch", "-")
    assert b"route replace default via 192.168.35.1 dev gs0" in addressed.stdin


def test_an_os_whose_guest_port_has_its_address_was_started(vendor: Vendor) -> None:
    port = links(SECOND, name="gs0", addresses=(SITE.port.inner_address,), labels=("gs0:hooks",))
    there = Seen(namespaces={HOST: (), SITE.guest: port})
    assert vendor.driver.start(SITE, there) == ()
    assert vendor.driver.start(SITE, there.in_doubt())


@pytest.mark.parametrize("verb", REQUIRED)
def test_nothing_is_tried_without_a_program_that_is_required(vendor: Vendor, verb: Verb) -> None:
    vendor.lacks(verb.value)
    _, first, second = do(vendor, vendor.driver.start(SITE, seen(SECOND, PRIMARY)))
    assert first.problem == f"/opt/acme/hooks has no program {verb.value}"
    assert second.state == "skipped"
    assert vendor.heard == []


def test_programs_that_are_not_required_have_defaults(vendor: Vendor) -> None:
    vendor.lacks(*[verb.value for verb, row in TABLE.items() if row.absent is not None])
    driver = vendor.driver
    assert driver.problem is None
    assert driver.dress(PRIMARY, LEASE, SITE, seen()) == ()
    assert driver.protect(SITE) == rules.guest_steps(SITE)
    pulse = Pulse(health=Health.WOUNDED, problem="x")
    assert driver.revive(SITE, seen(), pulse) == driver.start(SITE, seen())
    with pytest.raises(HostError, match="takes no commands"):
        driver.command("show version")


def test_an_os_that_was_not_started_is_gone(vendor: Vendor) -> None:
    assert health(vendor).health is Health.GONE
    started(vendor)
    assert health(vendor).health is Health.HEALTHY
    do(vendor, vendor.driver.stop(SITE, seen()))
    assert health(vendor).health is Health.GONE


def test_the_look_at_signs_of_life_starts_no_program(vendor: Vendor) -> None:
    files = vendor.machine.files
    sign = '{"path": "/run/acme.pid", "process": true, "lost": "wounded", "cause": "acmed"}'
    started(vendor, f'{{"version": 1, "pulse": [{sign}, {{"path": "/run/acme.sock"}}]}}'.encode())
    files.make_folder(files_path("/proc/77"))
    files.replace(files_path("/run/acme.pid"), b"77\n")
    files.replace(files_path("/run/acme.sock"), b"")
    ran = len(vendor.machine.commands.ran)
    assert health(vendor) == Pulse(health=Health.HEALTHY)
    files.remove(files_path("/proc/77"))
    assert health(vendor) == Pulse(
        health=Health.WOUNDED, problem="the process of /run/acme.pid has ended", cause="acmed"
    )
    files.make_folder(files_path("/proc/77"))
    files.replace(files_path("/proc/77/stat"), b"77 (acme) d) S 1 77 77 0 -1\n")
    assert health(vendor) == Pulse(health=Health.HEALTHY)
    files.replace(files_path("/proc/77/stat"), b"77 (acme) d) Z 1 77 77 0 -1\n")
    assert health(vendor).problem == "the process of /run/acme.pid has ended"
    files.remove(files_path("/proc/77/stat"))
    files.remove(files_path("/run/acme.sock"))
    assert health(vendor) == Pulse(health=Health.GONE, problem="/run/acme.sock is gone")
    assert len(vendor.machine.commands.ran) == ran


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Said(b'{"version": 1, "health": "healthy"}'), Pulse(health=Health.HEALTHY)),
        (
            Said(b'{"version": 1, "health": "gone", "problem": "no\\u001b data plane", "cause": "vpp"}'),
            Pulse(health=Health.GONE, problem="no  data plane", cause="vpp"),
        ),
    ],
)
def test_a_deep_look_asks_the_program(vendor: Vendor, said: Said, expected: Pulse) -> None:
    started(vendor)
    vendor.answers["health"] = said
    assert health(vendor, deep=True) == expected


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (Said(b"ok"), "not JSON"),
        (Said(b'{"version": 1, "health": "fine"}'), "none of healthy, wounded, gone"),
        (Said(b'{"version": 1, "health": "gone"}'), "member problem is missing"),
        (Said(b"", exit_code=3, stderr="sig=secret is wrong"), "sig=<redacted> is wrong"),
        (Said(b"", exit_code=1, stderr="no \x1b[31mplane\n"), "no  [31mplane"),
        (Said(b"", exit_code=None), "did not end in 5 s"),
    ],
)
def test_a_program_that_cannot_say_how_it_is_makes_it_wounded(
    vendor: Vendor, said: Said, problem: str
) -> None:
    started(vendor)
    vendor.answers["health"] = said
    found = health(vendor, deep=True)
    assert (found.health, found.cause) == (Health.WOUNDED, "health")
    assert problem in (found.problem or "")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b'{"version": 1, "pulse": {}}', "member pulse is an object"),
        (b'{"version": 1, "pulse": [{}]}', "path is missing"),
        (b'{"version": 1, "pulse": [{"path": "run"}]}', "no absolute path"),
        (b'{"version": 1, "pulse": [{"path": "/run/../etc"}]}', "no absolute path"),
        (b'{"version": 1, "pulse": [{"path": "/run/x", "lost": "healthy"}]}', "no need to look"),
        (b'{"version": 1, "pulse": [{"path": "/run/x", "process": 1}]}', "member process is a number"),
    ],
)
def test_signs_of_life_that_cannot_be_looked_at_fail_the_start(
    vendor: Vendor, answer: bytes, problem: str
) -> None:
    vendor.answers["start"] = Said(answer)
    outcome = do(vendor, vendor.driver.start(SITE, seen()))[1]
    assert outcome.failed
    assert problem in (outcome.problem or "")
    assert vendor.machine.files.info(hooks.STARTED) is None


DAY_ZERO = DayZero(
    vm_id="11111111-2222-3333-4444-555555555555",
    environment=OvfEnvironment(
        host_name="edge",
        user_name="alice",
        user_password=Secret("hunter2"),
        disable_ssh_password_authentication=False,
        public_keys=(),
        custom_data=Secret("aG9zdG5hbWUgZWRnZQ=="),
    ),
)


def test_custom_data_reaches_the_vendor_once_as_a_secret(vendor: Vendor) -> None:
    (task,) = vendor.driver.day_zero(DAY_ZERO)
    assert "hunter2" not in repr(task)
    assert any("with a secret" in step.describe() for step in task.steps)
    assert not do(vendor, (task,))[0].failed
    (document,) = vendor.heard
    assert (document["userPassword"], document["customData"]) == ("hunter2", "aG9zdG5hbWUgZWRnZQ==")
    note = vendor.machine.files.read(NOTE, at_most=100).decode().strip()
    assert vendor.driver.day_zero(replace(DAY_ZERO, made_for=note)) == ()


def test_a_vendor_that_repeats_what_it_was_told_is_not_quoted_with_secrets(vendor: Vendor) -> None:
    custom_data = base64.b64encode(b"hostname edge\n  key chain 7 swordfish\nexit\n").decode("ascii")
    environment = replace(DAY_ZERO.environment, custom_data=Secret(custom_data))
    repeated = f"+ userPassword=hunter2 {custom_data}\n% cannot exit: hunter2 in 'key chain 7 swordfish'\n"
    vendor.answers["day-zero"] = Said(exit_code=1, stderr=repeated)
    (outcome,) = do(vendor, vendor.driver.day_zero(replace(DAY_ZERO, environment=environment)))
    assert "% cannot exit: <redacted> in '<redacted>'" in outcome.describe()
    log = vendor.machine.files.read(hooks.LOG, at_most=1 << 20).decode()
    assert not [word for word in ("hunter2", "swordfish", custom_data) if word in log]


def test_without_a_program_for_it_custom_data_lies_ready(vendor: Vendor) -> None:
    vendor.lacks("day-zero")
    do(vendor, vendor.driver.day_zero(DAY_ZERO))
    place = hooks.DAY_ZERO / hooks.CUSTOM_DATA
    assert vendor.machine.files.read(place, at_most=100) == b"hostname edge"
    info = vendor.machine.files.info(place)
    assert info is not None
    assert info.mode & 0o777 == 0o600


def test_a_command_is_told_as_a_document_and_its_words_are_no_arguments(vendor: Vendor) -> None:
    run = vendor.driver.command("show ip route; reload")
    assert run.argv == (str(FOLDER / "command"), "command")
    vendor.machine.interpreter.do(run)
    assert vendor.heard == [{"version": 1, "verb": "command", "line": "show ip route; reload"}]


def files_path(path: str) -> Path:
    return Path(path)
