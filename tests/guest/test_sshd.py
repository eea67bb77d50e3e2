from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.sshd import SshdFacts, SshdWish, password_login, plan_sshd
from limpet.guest.sshd_config import includes_early, value_of, with_values
from limpet.guest.steps import Remove, Run, Write
from limpet.host.facts.ssh import look_at_sshd
from limpet.host.fake import FakeMachine

WANTED = {"PasswordAuthentication": "no"}
NO_KEYBOARD = {"KbdInteractiveAuthentication": "no", "ChallengeResponseAuthentication": "no"}
SSH = Path("/etc/ssh")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "PasswordAuthentication no\n"),
        ("UsePAM yes", "UsePAM yes\nPasswordAuthentication no\n"),
        (
            "PasswordAuthentication yes\nPasswordAuthentication yes\n",
            "PasswordAuthentication no\nPasswordAuthentication yes\n",
        ),
        ("  passwordauthentication = yes\nX y\n", "PasswordAuthentication no\nX y\n"),
        (
            "Match User a\nPasswordAuthentication no\n",
            "PasswordAuthentication no\nMatch User a\nPasswordAuthentication no\n",
        ),
        (
            "match user a\nX y\nMatch all\nPasswordAuthentication yes\n",
            "match user a\nX y\nMatch all\nPasswordAuthentication no\n",
        ),
        ('PasswordAuthentication "no"\n', 'PasswordAuthentication "no"\n'),
        ("PASSWORDAUTHENTICATION NO\n", "PASSWORDAUTHENTICATION NO\n"),
        ("#PasswordAuthentication yes\n", "#PasswordAuthentication yes\nPasswordAuthentication no\n"),
        ("PasswordAuthentication no # x\n", "PasswordAuthentication no # x\n"),
        (
            "Match User a\nMatch all # x\nPasswordAuthentication yes # y\n",
            "Match User a\nMatch all # x\nPasswordAuthentication no\n",
        ),
        (
            "# a\x0cPasswordAuthentication yes\n",
            "# a\x0cPasswordAuthentication yes\nPasswordAuthentication no\n",
        ),
        (
            "Port 22\nInclude /etc/x\nPasswordAuthentication no\n",
            "Port 22\nPasswordAuthentication no\nInclude /etc/x\nPasswordAuthentication no\n",
        ),
        (
            "Match User a\nInclude /etc/x\n",
            "PasswordAuthentication no\nMatch User a\nInclude /etc/x\n",
        ),
        ("PasswordAuthentication yes\r\nX y\r\n", "PasswordAuthentication no\nX y\r\n"),
    ],
)
def test_the_first_line_outside_match_blocks_is_the_one_that_counts(before: str, after: str) -> None:
    assert with_values(before, WANTED) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "ChallengeResponseAuthentication yes\n",
            "KbdInteractiveAuthentication no\nChallengeResponseAuthentication no\n",
        ),
        (
            "SkeyAuthentication yes\n",
            "KbdInteractiveAuthentication no\nChallengeResponseAuthentication no\nSkeyAuthentication yes\n",
        ),
        (
            "challengeresponseauthentication no\nKbdInteractiveAuthentication yes\n",
            "challengeresponseauthentication no\nKbdInteractiveAuthentication no\n",
        ),
        ("", "KbdInteractiveAuthentication no\nChallengeResponseAuthentication no\n"),
    ],
)
def test_a_keyword_under_an_older_name_does_not_get_its_way(before: str, after: str) -> None:
    assert with_values(before, NO_KEYBOARD) == after
    assert with_values(after, NO_KEYBOARD) == after


lines = st.sampled_from(
    [
        "PasswordAuthentication yes",
        "passwordauthentication=no",
        "ChallengeResponseAuthentication yes",
        "KbdInteractiveAuthentication yes",
        "SkeyAuthentication no",
        "Match User bob",
        "Match all",
        "# x",
        "",
        "UsePAM yes",
        "Include /etc/ssh/more",
        "\tX y",
    ]
)


@given(st.lists(lines))
def test_whatever_the_file_says_the_value_is_set_and_setting_it_again_changes_nothing(
    parts: list[str],
) -> None:
    text = "".join(f"{part}\n" for part in parts)
    changed = with_values(text, WANTED)
    assert value_of(changed, "PasswordAuthentication") == "no"
    assert with_values(changed, WANTED) == changed
    assert len(changed.splitlines()) - len(parts) in {0, 1}
    changed = with_values(changed, NO_KEYBOARD)
    assert value_of(changed, "KbdInteractiveAuthentication") == "no"
    assert value_of(changed, "PasswordAuthentication") == "no"
    assert with_values(changed, {**WANTED, **NO_KEYBOARD}) == changed


@pytest.mark.parametrize(
    ("text", "early"),
    [
        ("Include /etc/ssh/sshd_config.d/*.conf\n", True),
        ("Port 22\ninclude  /etc/ssh/sshd_config.d/*.conf /etc/x\nPasswordAuthentication yes\n", True),
        ("include  /etc/x /etc/ssh/sshd_config.d/*.conf\n", False),
        ('Include "/etc/a b" /etc/ssh/sshd_config.d/*.conf\n', False),
        ("Include\t/etc/x\t/etc/ssh/sshd_config.d/*.conf\n", False),
        ("Include /etc/x\nInclude /etc/ssh/sshd_config.d/*.conf\n", False),
        ("PasswordAuthentication yes\nInclude /etc/ssh/sshd_config.d/*.conf\n", False),
        ("Match all\nMatch User x\nInclude /etc/ssh/sshd_config.d/*.conf\n", False),
        ("Include sshd_config.d/*.conf\n", True),
        ('Include "/etc/ssh/sshd_config.d/*"  # all\n', True),
        ("Include sshd_config.d/50-cloud-init.conf\n", False),
        ("#Include /etc/ssh/sshd_config.d/*.conf\n", False),
        ("", False),
    ],
)
def test_drop_ins_are_used_only_where_they_are_read_first(text: str, early: bool) -> None:
    assert includes_early(text, "/etc/ssh/sshd_config.d", WANTED) == early


@pytest.mark.parametrize(
    ("disabled", "has_password", "login"),
    [
        (True, True, False),
        (True, False, False),
        (False, False, True),
        (None, True, True),
        (None, False, None),
    ],
)
def test_passwords_are_taken_as_the_media_say(
    disabled: bool | None, has_password: bool, login: bool | None
) -> None:
    assert password_login(disabled=disabled, has_password=has_password) is login


def test_without_sshd_there_is_nothing_to_configure() -> None:
    wish = SshdWish(folder=SSH, password_login=True, client_alive_interval=180)
    assert plan_sshd(wish, SshdFacts()).steps == ()


def test_a_running_sshd_without_systemd_is_told_by_a_signal() -> None:
    wish = SshdWish(folder=SSH, password_login=False)
    steps = plan_sshd(wish, SshdFacts(config="", pid=77)).steps
    assert Run(("kill", "-HUP", "77")) in steps


def test_a_change_that_was_cut_short_before_sshd_was_told_is_told() -> None:
    wish = SshdWish(folder=SSH, password_login=False)
    done = with_values("", {**WANTED, **NO_KEYBOARD})
    steps = plan_sshd(wish, SshdFacts(config=done, pid=77, trial=True)).steps
    assert [step.describe() for step in steps] == ["run kill -HUP 77", "remove /etc/ssh/.limpet-sshd_config"]


def test_what_sshd_refuses_never_takes_the_place_of_its_configuration() -> None:
    steps = plan_sshd(
        SshdWish(folder=SSH, password_login=False), SshdFacts(config="Bogus x\n", pid=77, unit="ssh")
    ).steps
    tried = next(number for number, step in enumerate(steps) if isinstance(step, Run) and "-t" in step.argv)
    assert all(isinstance(step, Write) and step.path.name == ".limpet-sshd_config" for step in steps[:tried])


INCLUDING = "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n"


def changes(config: str, drop_ins: dict[str, str], *, password_login: bool | None = False) -> list[str]:
    """What is written where, the first line of the settings only; and what is removed."""
    facts = SshdFacts(config=config, drop_ins=drop_ins)
    steps = plan_sshd(SshdWish(folder=SSH, password_login=password_login), facts).steps
    found = []
    for step in steps:
        if isinstance(step, Write):
            assert isinstance(step.content, bytes)
            lines = [line for line in step.content.decode().splitlines() if not line.startswith("#")]
            found.append(f"{step.path.relative_to(SSH)}: {lines[0]}")
        elif isinstance(step, Remove):
            found.append(f"{step.path.relative_to(SSH)} goes")
    return found


NO = "PasswordAuthentication no"


@pytest.mark.parametrize(
    ("config", "drop_ins", "wanted"),
    [
        (INCLUDING, {"60-x.conf": "PasswordAuthentication yes\n"}, [f"sshd_config.d/50-limpet.conf: {NO}"]),
        (
            INCLUDING.replace("/etc/ssh/", ""),
            {"50-cloud-init.conf": "PasswordAuthentication yes\n"},
            [f"sshd_config.d/00-limpet.conf: {NO}"],
        ),
        (INCLUDING, {"00-a.conf": "PasswordAuthentication yes\n"}, [f"sshd_config: {NO}"]),
        (
            "PasswordAuthentication yes\n" + INCLUDING,
            {"20-x.conf": "KbdInteractiveAuthentication yes\n"},
            [f"sshd_config: {NO}"],
        ),
        # The keyboard's way under its older names.
        (
            INCLUDING,
            {"10-x.conf": "ChallengeResponseAuthentication yes\n"},
            [f"sshd_config.d/00-limpet.conf: {NO}"],
        ),
        (INCLUDING, {"10-x.conf": "SkeyAuthentication yes\n"}, [f"sshd_config.d/00-limpet.conf: {NO}"]),
        (
            INCLUDING,
            {"10-x.conf": "challengeresponseauthentication no\n"},
            [f"sshd_config.d/50-limpet.conf: {NO}"],
        ),
        # What a file includes may say anything.
        (
            INCLUDING,
            {"40-x.conf": "Include /etc/crypto-policies/x\n"},
            [f"sshd_config.d/00-limpet.conf: {NO}"],
        ),
        (INCLUDING, {"00-a.conf": "Include /etc/x\n"}, [f"sshd_config: {NO}"]),
        (INCLUDING, {"60-x.conf": "Include /etc/x\n"}, [f"sshd_config.d/50-limpet.conf: {NO}"]),
        ("Include /etc/x\n" + INCLUDING, {}, [f"sshd_config: {NO}"]),
        (INCLUDING.replace("Include ", "Include /etc/x "), {}, [f"sshd_config: {NO}"]),
        # Every file is included, whatever it is called.
        (
            INCLUDING.replace("*.conf", "*"),
            {"10-x": "PasswordAuthentication yes\n"},
            [f"sshd_config.d/00-limpet.conf: {NO}"],
        ),
    ],
)
def test_no_included_file_says_otherwise_before_what_the_media_says(
    config: str, drop_ins: dict[str, str], wanted: list[str]
) -> None:
    assert changes(config, drop_ins) == wanted
    facts = SshdFacts(config=config, drop_ins=drop_ins)
    for step in plan_sshd(SshdWish(folder=SSH, password_login=False), facts).steps:
        if isinstance(step, Write) and step.path.name == "sshd_config":
            assert isinstance(step.content, bytes)
            before, _, _ = step.content.decode().partition("Include")
            assert value_of(before, "PasswordAuthentication") == "no"
            assert value_of(before, "KbdInteractiveAuthentication") == "no"


def test_what_was_written_for_another_vm_does_not_count_for_this_one() -> None:
    old = {"00-limpet.conf": "PasswordAuthentication yes\n"}
    assert changes(INCLUDING, old) == [
        f"sshd_config.d/50-limpet.conf: {NO}",
        "sshd_config.d/00-limpet.conf goes",
    ]
    assert changes(INCLUDING, old, password_login=None) == ["sshd_config.d/00-limpet.conf goes"]
    told = plan_sshd(
        SshdWish(folder=SSH, password_login=None), SshdFacts(config=INCLUDING, drop_ins=old, pid=7)
    )
    assert [step.describe() for step in told.steps][-1] == "run kill -HUP 7"


def test_a_configuration_with_a_comment_of_another_encoding_is_changed_all_the_same() -> None:
    files = FakeMachine().files
    files.make_folder(SSH)
    files.replace(SSH / "sshd_config", b"# gr\xfc\xdfe\nPasswordAuthentication yes\n")
    steps = plan_sshd(SshdWish(folder=SSH, password_login=False), look_at_sshd(files, SSH)).steps
    assert [step.content for step in steps if isinstance(step, Write)] == [
        b"# gr\xfc\xdfe\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nChallengeResponseAuthentication no\n"
    ]


def test_a_file_of_any_name_is_looked_at_where_all_are_included() -> None:
    files = FakeMachine().files
    files.make_folder(SSH / "sshd_config.d")
    files.replace(SSH / "sshd_config", INCLUDING.replace("*.conf", "*").encode())
    files.replace(SSH / "sshd_config.d/10-x", b"PasswordAuthentication yes\n")
    files.replace(SSH / "sshd_config.d/.hidden", b"PasswordAuthentication yes\n")  # no pattern finds it
    facts = look_at_sshd(files, SSH)
    assert list(facts.drop_ins) == ["10-x"]
    (_, written) = plan_sshd(SshdWish(folder=SSH, password_login=False), facts).steps
    assert isinstance(written, Write)
    assert written.path == SSH / "sshd_config.d/00-limpet.conf"


def test_a_configuration_that_is_a_link_is_changed_where_it_leads() -> None:
    files = FakeMachine().files
    files.make_folder(SSH)
    files.make_folder(Path("/config/ssh"))
    files.replace(Path("/config/ssh/sshd_config"), b"PasswordAuthentication yes\n", mode=0o600)
    files.link(SSH / "sshd_config", Path("/config/ssh/sshd_config"))
    (step,) = plan_sshd(SshdWish(folder=SSH, password_login=False), look_at_sshd(files, SSH)).steps
    assert isinstance(step, Write)
    assert (step.path, step.mode) == (Path("/config/ssh/sshd_config"), 0o600)


@pytest.mark.parametrize("link", [None, "/usr/etc/ssh/sshd_config", "../../usr/etc/ssh/sshd_config"])
@pytest.mark.parametrize(
    ("config", "changed"),
    [(INCLUDING, "sshd_config.d/50-limpet.conf"), ("UsePAM yes\n", "sshd_config")],
)
def test_a_vendors_configuration_is_never_changed_but_stood_for(
    link: str | None, config: str, changed: str
) -> None:
    files = FakeMachine().files
    files.make_folder(SSH)
    files.make_folder(Path("/usr/etc/ssh"))
    files.replace(Path("/usr/etc/ssh/sshd_config"), config.encode())
    if link is not None:
        files.link(SSH / "sshd_config", Path(link))
    steps = plan_sshd(SshdWish(folder=SSH, password_login=False), look_at_sshd(files, SSH)).steps
    (written,) = (step for step in steps if isinstance(step, Write))
    assert written.path == SSH / changed
    assert isinstance(written.content, bytes)
    assert b"PasswordAuthentication no" in written.content
    assert (config.encode() in written.content) == (changed == "sshd_config")


def test_a_configuration_that_cannot_be_read_is_told_and_does_not_count_against_the_vm() -> None:
    files = FakeMachine().files
    files.make_folder(SSH / "sshd_config")
    task = plan_sshd(SshdWish(folder=SSH, password_login=False), look_at_sshd(files, SSH))
    assert task.problem is not None
    assert "is a folder" in task.problem
    assert not task.required
    files.remove(SSH / "sshd_config")
    files.link(SSH / "sshd_config", SSH / "sshd_config")
    assert plan_sshd(SshdWish(folder=SSH, password_login=False), look_at_sshd(files, SSH)).problem is not None
