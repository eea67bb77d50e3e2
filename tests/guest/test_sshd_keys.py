"""Keys are where sshd looks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from limpet.guest.ssh_keys import KeyWish
from limpet.guest.sshd import SshdFacts
from limpet.guest.sshd_keys import asks_pam, host_key_types, with_keys_for_sshd
from limpet.model.provisioning import PublicKey

SSH = Path("/etc/ssh")
INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf\n"
USUAL = PublicKey(path="/home/ada/.ssh/authorized_keys", value="ssh-ed25519 AAAA ada")
ELSEWHERE = PublicKey(path="/home/ada/keys", value="ssh-ed25519 BBBB ada")


def places(config: str | None, drop_ins: dict[str, str] | None = None, *keys: PublicKey) -> list[str]:
    """Where the keys go, besides the places that the media names; and what is told."""
    wish = KeyWish(user="ada", home_dir=Path("/home"), public_keys=keys or (USUAL, ELSEWHERE), key_pairs=())
    found, told = with_keys_for_sshd(wish, SshdFacts(config=config, drop_ins=drop_ins or {}), SSH)
    assert found.public_keys[: len(wish.public_keys)] == wish.public_keys
    assert not any(task.required for task in told)
    return [key.path for key in found.public_keys[len(wish.public_keys) :]] + [
        str(task.problem) for task in told
    ]


@pytest.mark.parametrize(
    ("said", "place"),
    [
        (".ssh/authorized_keys", None),
        ("%h/.ssh/authorized_keys", None),
        ('"/home/%u/.ssh/authorized_keys"', None),
        (".ssh/keys .ssh/authorized_keys", None),
        ("/etc/ssh/keys/%u %h/.ssh/authorized_keys", None),
        (".ssh/keys", "~/.ssh/keys"),
        ("/etc/ssh/keys/%u .ssh/keys2 .ssh/keys3", "~/.ssh/keys2"),
        ("%h/.%u/keys", "~/.ada/keys"),
        ("/home/%u/keys2", "~/keys2"),
    ],
)
def test_a_key_goes_into_the_first_file_of_the_home_that_sshd_looks_into(
    said: str, place: str | None
) -> None:
    assert places(f"AuthorizedKeysFile {said}\n") == ([] if place is None else [place])


@pytest.mark.parametrize(
    "said", ["/etc/ssh/keys/%u", "none", "/etc/ssh/keys/%U", ".ssh/%%u", "../keys", "/home/%u/../keys"]
)
def test_where_sshd_looks_into_no_file_of_the_home_that_is_told(said: str) -> None:
    (problem,) = places(f"AuthorizedKeysFile {said}\n")
    assert problem == f"sshd looks into {said}, which is not below the user's home"
    assert places(f"AuthorizedKeysFile {said}\n", {}, ELSEWHERE) == []
    assert places(f"AuthorizedKeysFile {said}\nAuthorizedKeysCommand /usr/bin/keys\n") == []
    assert places(f"AuthorizedKeysFile {said}\nAuthorizedKeysCommand none\n") == [problem]


@pytest.mark.parametrize(
    ("config", "drop_ins", "place"),
    [
        (None, {}, None),
        ("UsePAM yes\n", {}, None),
        ("#AuthorizedKeysFile .ssh/keys\n", {}, None),
        ("Match User bob\nAuthorizedKeysFile .ssh/keys\n", {}, None),
        (INCLUDE, {"20-b.conf": "AuthorizedKeysFile .ssh/b\n", "10-a.conf": "authorizedkeysfile=.ssh/a\n"}, "~/.ssh/a"),
        (f"{INCLUDE}AuthorizedKeysFile .ssh/main\n", {"10-a.conf": "AuthorizedKeysFile .ssh/a\n"}, "~/.ssh/a"),
        (f"AuthorizedKeysFile .ssh/main\n{INCLUDE}", {"10-a.conf": "AuthorizedKeysFile .ssh/a\n"}, "~/.ssh/main"),
        (f"{INCLUDE}AuthorizedKeysFile .ssh/main\n", {"10-a": "AuthorizedKeysFile .ssh/a\n"}, "~/.ssh/main"),
    ],
)  # fmt: skip
def test_what_sshd_reads_first_counts(
    config: str | None, drop_ins: dict[str, str], place: str | None
) -> None:
    assert places(config, drop_ins) == ([] if place is None else [place])


@pytest.mark.parametrize(
    "path",
    ["", "~/.ssh/authorized_keys", "$HOME/ada/.ssh/authorized_keys", "$HOME/.ssh", ".ssh/authorized_keys"],
)
def test_every_way_to_name_the_usual_file_means_it(path: str) -> None:
    key = PublicKey(path=path, value="ssh-ed25519 AAAA ada")
    assert places("AuthorizedKeysFile .ssh/keys\n", {}, key) == ["~/.ssh/keys"]


@pytest.mark.parametrize("path", ["/etc/cron.d/x", "/home/ada/.ssh/other", "/home/bob/.ssh/authorized_keys"])
def test_another_place_stays_what_it_is(path: str) -> None:
    key = PublicKey(path=path, value="ssh-ed25519 AAAA ada")
    assert places("AuthorizedKeysFile .ssh/keys\n", {}, key) == []


RSA, ED, DSA = (f"HostKey /etc/ssh/ssh_host_{kind}_key\n" for kind in ("rsa", "ed25519", "dsa"))


@pytest.mark.parametrize(
    ("config", "drop_ins", "types"),
    [
        (None, {}, "ed25519 ecdsa"),
        ("#" + RSA, {}, "ed25519 ecdsa"),
        (RSA, {}, "rsa ed25519 ecdsa"),
        (INCLUDE, {"10-a.conf": RSA}, "rsa ed25519 ecdsa"),
        (INCLUDE, {"10-a": RSA}, "ed25519 ecdsa"),
        (RSA + ED, {}, "ed25519 rsa ecdsa"),
        (RSA.replace("HostKey ", "hostkey\t") + "HostKey /etc/ssh/ssh_host_ecdsa_key\n", {}, "ecdsa rsa ed25519"),
        ('HostKey "/etc/ssh/ssh_host_rsa_key"\n', {}, "rsa ed25519 ecdsa"),
        # Nobody's business but who has made it.
        ("HostKey /etc/ssh/own_key\nHostKey /srv/ssh_host_rsa_key\nHostKey /etc/ssh/ssh_host_x_key\n", {}, "ed25519 ecdsa"),
        # A type of older days, which ssh-keygen may not know.
        (RSA + DSA, {}, "rsa ed25519 ecdsa"),
        (DSA + "HostKey /etc/ssh/own_key\n", {}, "ed25519 ecdsa"),
        (DSA, {}, "dsa ed25519 ecdsa"),
        # What it speaks of.
        ("HostKeyAlgorithms rsa-sha2-512,rsa-sha2-256\n", {}, "rsa ed25519 ecdsa"),
        ("HostKeyAlgorithms ssh-rsa\n", {}, "rsa ed25519 ecdsa"),
        ("HostKeyAlgorithms ecdsa-sha2-nistp384,rsa-sha2-512\n", {}, "ed25519 ecdsa"),
        ("HostKeyAlgorithms -ssh-ed25519\n", {}, "ed25519 ecdsa"),
        ("HostKeyAlgorithms *\n", {}, "ed25519 ecdsa"),
        (RSA + "HostKeyAlgorithms ssh-ed25519\n", {}, "rsa ed25519 ecdsa"),
    ],
)  # fmt: skip
def test_sshd_has_the_host_keys_that_it_is_configured_to_have(
    config: str | None, drop_ins: dict[str, str], types: str
) -> None:
    facts = SshdFacts(config=config, drop_ins=drop_ins)
    assert " ".join(host_key_types(("ed25519", "ecdsa"), facts, SSH)) == types


@pytest.mark.parametrize(
    ("config", "drop_ins", "asks"),
    [
        (None, {}, True),
        ("", {}, False),
        ("UsePAM yes\n", {}, True),
        ("usepam=YES # as always\n", {}, True),
        ("#UsePAM yes\n", {}, False),
        ("UsePAM no\nUsePAM yes\n", {}, False),
        (INCLUDE + "UsePAM yes\n", {"10-x.conf": "UsePAM no\n"}, False),
        (INCLUDE, {"50-redhat.conf": "UsePAM yes\n"}, True),
    ],
)
def test_sshd_asks_pam_only_where_it_is_told_to(
    config: str | None, drop_ins: dict[str, str], asks: bool
) -> None:
    assert asks_pam(SshdFacts(config=config, drop_ins=drop_ins), SSH) is asks
