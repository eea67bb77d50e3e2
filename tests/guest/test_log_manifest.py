"""What a bundle of logs holds, in which order, and how much of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.log_manifest import Bounds, Candidate, Copy, Places, choose, forbidden, manifest, must_have

PLACES = Places(
    library=Path("/var/lib/waagent"), logs=Path("/var/log/azure"), agent_log=Path("/var/log/waagent.log")
)
SMALL = Bounds(file=100, total=250, files=4)


def of(*files: tuple[str, int]) -> list[Candidate]:
    return [Candidate(path=Path(path), size=size) for path, size in files]


def test_of_a_file_that_is_too_large_the_end_is_taken_under_another_name() -> None:
    (choice,) = choose(of(("/var/log/syslog", 130)), SMALL)
    assert (choice.start, choice.size) == (30, 100)
    assert choice.name == "truncated/truncated_var_log_syslog"


def test_what_is_compressed_and_too_large_is_left_out() -> None:
    (choice,) = choose(of(("/var/log/syslog.2.gz", 130)), SMALL)
    assert choice.problem == "it has 130 bytes and is compressed"


def test_what_does_not_fit_any_more_is_left_out_and_smaller_ones_still_go_in() -> None:
    choices = choose(of(("/a", 100), ("/b", 100), ("/c", 80), ("/d", 50)), SMALL)
    assert [choice.name for choice in choices if choice.problem is None] == ["a", "b", "d"]


@given(
    st.lists(st.tuples(st.sampled_from(["/x/a.log", "/x/b.gz", "/y/c"]), st.integers(0, 400)), max_size=20)
)
def test_no_bundle_goes_beyond_its_bounds(files: list[tuple[str, int]]) -> None:
    taken = [choice for choice in choose(of(*files), SMALL) if choice.problem is None]
    assert sum(choice.size for choice in taken) <= SMALL.total
    assert len(taken) <= SMALL.files
    assert all(choice.size <= SMALL.file for choice in taken)


@pytest.mark.parametrize(
    "name",
    ["A.prv", "TransportPrivate.pem", "x.key", "ssh_host_rsa_key", "id_ed25519", "CustomData", "custom-data.bin",
     "shadow", "shadow-", "gshadow", "user-data.txt", "x.pfx", "x.tar.xz"],
)  # fmt: skip
def test_what_may_hold_a_key_or_a_password_is_never_taken(name: str) -> None:
    assert forbidden(Path("/var/lib/waagent") / name) is not None


@pytest.mark.parametrize(
    "name", ["syslog", "auth.log.1", "0.settings", "HandlerState", "keys.log", "monkey.log", "a.gz"]
)
def test_logs_are_taken(name: str) -> None:
    assert forbidden(Path("/var/log") / name) is None


@pytest.mark.parametrize("full", [False, True])
def test_the_documented_manifest_is_there_and_nothing_that_holds_secrets_by_design(full: bool) -> None:
    patterns = {item.pattern for item in manifest(PLACES, full=full) if isinstance(item, Copy)}
    library = "/var/lib/waagent"
    assert {
        "/etc/*-release", "/etc/hostname", "/etc/waagent.conf", "/var/log/waagent.log*", "/var/log/syslog*", "/var/log/auth*",
        "/var/log/azure/*/*", f"{library}/ovf-env.xml", f"{library}/waagent_status.json", f"{library}/*/status/*.status",
        f"{library}/*/config/*.settings", f"{library}/*/config/HandlerState", f"{library}/history/*.zip", "/etc/limpet.toml",
        "/var/lib/limpet/*.json",
    } <= patterns  # fmt: skip
    assert ("/etc/fstab" in patterns) is full
    assert (f"{library}/SharedConfig.xml" in patterns) is full
    assert not {f"{library}/*", "/etc/*", "/etc/ssh/*", "/var/lib/cloud/instance/*"} & patterns


def test_the_agents_own_log_comes_first() -> None:
    assert must_have(PLACES)[0] == "/var/log/waagent.log"
