"""Just-in-time users from the fabric's list to accounts of the machine, and back to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.scenario.jit import LATER, PASSWORD, PlainCrypt, hands, scene

from limpet.agent.remote_access_settle import NOTE, settle
from limpet.agent.remote_access_worker import wanted
from limpet.host.fake import PowerCut
from limpet.host.fake_commands import Said
from limpet.model.remoteaccess import RemoteAccess, RemoteUser
from limpet.model.secret import Secret

END_OF_2029 = 1893456000.0
SEEN = 60.0
"""A new incarnation that the host plugin does not announce is seen within this time."""


def test_a_listed_user_gets_an_account_that_expires_a_password_and_sudo_with_it() -> None:
    played = scene()
    played.list("jit")
    played.live(SEEN)
    user = played.users()["jit"]
    assert user.comment == "JIT_Account"
    hashed, expires = played.shadow("jit")
    assert PlainCrypt().verifies(Secret(PASSWORD), hashed)
    assert expires == 21916  # 2030-01-02: a day after the access ends
    assert "jit ALL=(ALL) ALL\n" in played.rules()
    assert "NOPASSWD" not in played.rules()
    assert [entry["made"] for entry in played.play.log.of("remote_access.settled")] == ["jit"]


def test_a_user_is_there_within_seconds_although_an_extension_hangs() -> None:
    played = scene()
    played.play.host()
    played.list("jit")
    played.play.agent.poller.poll()
    for _ in range(20):
        played.machine.clock.sleep(min(played.play.agent.chores.do(), 1.0))
    assert "jit" in played.users()


def test_the_password_is_nowhere_but_hashed_on_the_input_of_chpasswd() -> None:
    played = scene()
    played.list("jit")
    played.live(SEEN)
    calls = played.machine.commands.ran
    assert any(call.argv == ("chpasswd", "-e") for call in calls)
    for call in calls:
        assert PASSWORD not in " ".join(call.argv)
        assert PASSWORD.encode() not in call.stdin
        assert "$6$" not in " ".join(call.argv)
    assert PASSWORD not in played.play.log.text
    assert "$6$" not in played.play.log.text
    for path, node in played.machine.files.nodes.items():
        assert PASSWORD.encode() not in (node.content or b""), path
    for order in played.machine.workers.started:
        assert PASSWORD.encode() not in order.given
        assert PASSWORD not in " ".join(order.arguments)


def test_access_that_ends_without_a_new_goal_state_ends_here_too() -> None:
    played = scene()
    played.list("jit")
    played.live(SEEN)
    played.machine.clock.step(END_OF_2029 - played.machine.clock.now() - 20)
    played.live(10)
    assert "jit" in played.users()
    played.live(20)
    assert "jit" not in played.users()
    assert "jit" not in played.rules()
    assert played.machine.files.info(Path("/home/jit")) is None


def test_whoever_is_no_longer_listed_goes_and_the_others_stay() -> None:
    played = scene()
    played.list("one", "two")
    played.live(SEEN)
    before = played.shadow("two")
    played.list("two", password="another one")
    played.live(SEEN)
    assert set(played.users()) == {"root", "daemon", "alice", "two"}
    assert played.shadow("two") == before
    assert "one" not in played.rules()


def test_a_goal_state_without_a_list_removes_every_account_of_ours_and_only_those() -> None:
    played = scene()
    played.list("jit")
    played.live(SEEN)
    played.unlist()
    played.live(SEEN)
    assert set(played.users()) == {"root", "daemon", "alice"}


def test_a_home_that_cannot_go_with_its_account_is_told_with_what_is_to_be_done_and_not_tried_again() -> None:
    played = scene()
    played.list("jit")
    played.live(SEEN)
    played.machine.files.broken[Path("/home/jit")] = "cannot remove /home/jit: Device or resource busy"
    played.unlist()
    played.live(SEEN)
    assert "jit" not in played.users()
    log = played.play.log
    assert [entry.get("removed") for entry in log.of("remote_access.settled")][-1] == "jit"
    (told,) = log.of("remote_access.user_failed")
    assert told["user"] == "jit"
    assert told["problem"].startswith("its account is gone, but not all that it has left: ")
    assert "/home/jit: Device or resource busy" in told["problem"]
    assert "remove it by hand" in told["problem"]
    workers = played.workers
    played.live(300)
    assert played.workers == workers


def test_an_account_that_cannot_go_is_not_told_to_be_gone_and_is_tried_again() -> None:
    played = scene()
    played.list("jit")
    played.live(SEEN)
    real = played.machine.commands.programs["userdel"]
    played.machine.commands.programs["userdel"] = lambda _files, _call: Said(exit_code=1, stderr="locked")
    played.unlist()
    played.live(SEEN)
    log = played.play.log
    assert "jit" in played.users()
    assert not [entry for entry in log.of("remote_access.settled") if "removed" in entry]
    assert "locked" in log.of("remote_access.user_failed")[0]["problem"]
    played.machine.commands.programs["userdel"] = real
    played.live(90)
    assert "jit" not in played.users()
    assert log.of("remote_access.settled")[-1]["removed"] == "jit"


def test_a_longer_access_moves_the_accounts_expiry() -> None:
    played = scene()
    played.list("jit")
    played.live(SEEN)
    hashed, _ = played.shadow("jit")
    played.list("jit", expires=LATER)
    played.live(SEEN)
    assert played.shadow("jit") == (hashed, 21917)


@pytest.mark.parametrize("name", ["alice", "root", "daemon"])
def test_an_account_of_somebody_else_is_never_touched(name: str) -> None:
    played = scene()
    before = played.shadow(name)
    played.list(name)
    played.live(SEEN)
    played.unlist()
    played.live(SEEN)
    assert played.shadow(name) == before
    assert name not in played.rules()
    assert len(played.play.log.of("remote_access.user_failed")) == 1


@pytest.mark.parametrize("name", ["-rf", "a:b", "../x", "x\ny", "", "Defaults", "0", "a" * 300])
def test_a_name_that_is_none_is_told_and_nothing_is_run_for_it(name: str) -> None:
    played = scene()
    played.list(name, "good")
    played.live(SEEN)
    assert set(played.users()) == {"root", "daemon", "alice", "good"}
    assert not [call for call in played.machine.commands.ran if name and name in call.argv]
    assert len(played.play.log.of("remote_access.user_failed")) == 1


@pytest.mark.parametrize(
    "expires", ["", "2030-01-01", "Tue, 31 Feb 2030 00:00:00 GMT", "Tue, 01 Jan 2030 00:00:00 CET"]
)
def test_a_user_whose_date_cannot_be_read_gets_no_account_but_keeps_one(expires: str) -> None:
    played = scene()
    played.list("old")
    played.live(SEEN)
    played.list("old", "new", expires=expires)
    played.live(SEEN)
    assert set(played.users()) == {"root", "daemon", "alice", "old"}


def test_one_whose_access_has_ended_already_gets_nothing() -> None:
    played = scene()
    played.list("late", expires="Wed, 01 Jan 2020 00:00:00 GMT")
    played.live(SEEN)
    assert "late" not in played.users()


def test_a_password_for_another_certificate_makes_no_account_and_is_tried_again() -> None:
    played = scene()
    played.play.core.sealer.recipient = "somebody else"
    played.list("jit")
    played.live(SEEN)
    assert "jit" not in played.users()
    assert "cannot be opened" in str(played.play.log.of("remote_access.user_failed"))
    workers = played.workers
    played.live(180)
    assert workers < played.workers <= workers + 4
    assert len(played.play.log.of("remote_access.user_failed")) == 1


def test_when_the_password_cannot_be_set_the_account_is_removed_again() -> None:
    played = scene()
    real = played.machine.commands.programs["chpasswd"]
    played.machine.commands.programs["chpasswd"] = lambda _files, _call: Said(
        exit_code=1, stderr="PAM said no"
    )
    played.list("jit")
    played.live(SEEN)
    assert "jit" not in played.users()
    assert "jit" not in played.rules()
    assert "PAM said no" in str(played.play.log.of("remote_access.user_failed"))
    played.machine.commands.programs["chpasswd"] = real
    played.live(90)
    assert "jit" in played.users()


def test_a_fabric_that_cannot_give_the_list_is_asked_again_and_nobody_loses_an_account() -> None:
    played = scene()
    played.list("jit")
    played.live(SEEN)
    played.play.core.fail("remote-access", status=503)
    played.list("jit", "more")
    played.live(SEEN)
    assert "jit" in played.users()
    played.play.core.heal()
    played.live(90)
    assert "more" in played.users()


def test_a_list_that_is_no_document_changes_nothing() -> None:
    played = scene()
    played.list("jit")
    played.live(SEEN)
    played.play.core.alter("remote-access", b"<RemoteAccess><Users>")
    played.list("jit", "more")
    played.live(SEEN)
    assert set(played.users()) == {"root", "daemon", "alice", "jit"}


def test_at_rest_no_worker_is_started() -> None:
    played = scene()
    played.list("jit")
    played.live(SEEN)
    workers = played.workers
    played.live(3600)
    assert (workers, played.workers) == (1, 1)


def test_without_a_list_and_without_accounts_of_ours_no_worker_is_started_at_all() -> None:
    played = scene()
    played.machine.files.replace(Path("/etc/passwd"), b"root:x:0:0:root:/root:/bin/bash\n")
    played.play.publish()
    played.live(60)
    assert played.workers == 0


@pytest.mark.parametrize("config", [{"jit_users": False}, {"stage": "guest-shell"}])
def test_where_it_is_not_wanted_nothing_is_asked_or_done(config: dict[str, object]) -> None:
    played = scene(**config)
    played.list("jit")
    played.live(60)
    assert "jit" not in played.users()
    assert played.play.core.count("remote-access") == 0


def test_a_power_cut_at_any_moment_is_made_good_by_the_next_run() -> None:
    whole = scene()
    access = RemoteAccess(incarnation=None, version=None, users=(_sealed(whole),))
    whole.machine.battery.spent = 0
    settle(access, hands(whole.machine))
    cuts = whole.machine.battery.spent
    assert cuts > 5
    wished = (whole.users(), whole.shadow("jit"), whole.rules())
    for cut in range(cuts):
        played = scene()
        played.machine.battery.left = cut
        with pytest.raises(PowerCut):
            settle(
                RemoteAccess(incarnation=None, version=None, users=(_sealed(played),)), hands(played.machine)
            )
        played.machine.battery.left = None
        settle(RemoteAccess(incarnation=None, version=None, users=(_sealed(played),)), hands(played.machine))
        assert (played.users(), played.shadow("jit"), played.rules()) == wished, cut
        assert played.machine.files.info(NOTE) is None
        settle(wanted(b""), hands(played.machine))
        assert set(played.users()) == {"root", "daemon", "alice"}


def _sealed(played: object) -> RemoteUser:
    import json  # noqa: PLC0415

    machine = played.machine  # type: ignore[attr-defined] # a scene
    certificate = machine.vault.transport_certificate()
    sealed = json.dumps({"recipient": certificate, "plain": PASSWORD.encode("utf-16-le").hex()}).encode()
    return RemoteUser(name="jit", encrypted_password=sealed, expiration="Tue, 01 Jan 2030 00:00:00 GMT")
