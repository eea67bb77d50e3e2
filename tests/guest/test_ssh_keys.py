from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.host_keys import fingerprint_property, preferred_key
from limpet.guest.openssh import parse_key
from limpet.guest.ssh_keys import KeyFacts, KeyWish, Place, places_of, plan_ssh_keys, target_of
from limpet.guest.steps import MakeFolder, Run, Write
from limpet.model.errors import MalformedDocument
from limpet.model.ids import Thumbprint
from limpet.model.provisioning import KeyPair, PublicKey
from limpet.model.secret import Secret

HOME_DIR = Path("/home")
HOME = Path("/home/alice")
ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEOJUzanqDTpUHeT0/8oWSAJdzX2DxGeUbJl4Sp2hmbf"


def wish(*paths: str) -> KeyWish:
    keys = tuple(PublicKey(path=path, value=ED) for path in paths)
    return KeyWish(user="alice", home_dir=HOME_DIR, public_keys=keys)


@pytest.mark.parametrize(
    ("path", "home", "target"),
    [
        ("", "/home/alice", "/home/alice/.ssh/authorized_keys"),
        ("$HOME/alice/.ssh/authorized_keys", "/home/alice", "/home/alice/.ssh/authorized_keys"),
        ("/home/alice//.ssh/./keys", "/home/alice", "/home/alice/.ssh/keys"),
        (".ssh/keys", "/home/alice", "/home/alice/.ssh/keys"),
        ("/home/alice/.ssh/keys", "/srv/alice", "/srv/alice/.ssh/keys"),
        ("/srv/alice/.ssh/keys", "/srv/alice", "/srv/alice/.ssh/keys"),
        ("~/.ssh/keys", "/home/alice", "/home/alice/.ssh/keys"),
        (" ~alice//.ssh/keys", "/srv/alice", "/srv/alice/.ssh/keys"),
        ("$HOME/.ssh/keys", "/srv/alice", "/srv/alice/.ssh/keys"),
        ("/home/alice/.ssh/", "/home/alice", "/home/alice/.ssh/authorized_keys"),
    ],
)
def test_a_path_of_the_media_means_a_file_in_the_users_own_home(path: str, home: str, target: str) -> None:
    assert target_of(path, wish(), Path(home)) == Path(target)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "$HOME",
        "$HOME/alice",
        "$HOME/bob/x",
        "../bob",
        "$HOME/alice/../../etc/x",
        "$HOME/.ssh/../bob/x",
        "~/../bob/x",
        "~",
        "/home/alicea/x",
        "/",
        ".",
        "/home/alice/a\nb",
        "/home/alice/\x00",
        "x" * 2000,
    ],
)
def test_a_path_outside_the_home_is_refused(path: str) -> None:
    with pytest.raises(MalformedDocument):
        target_of(path, wish(), HOME)


@pytest.mark.parametrize("path", ["$HOME/alice/.ssh", "~/.ssh/authorized_keys", ".ssh/authorized_keys2"])
def test_a_private_key_never_takes_the_place_of_the_public_ones(path: str) -> None:
    pair = KeyPair(path=path, fingerprint=Thumbprint("A" * 40))
    asked = KeyWish(user="alice", home_dir=HOME_DIR, key_pairs=(pair,))
    (_, task) = plan_ssh_keys(asked, KeyFacts(home=HOME, private_keys={pair.fingerprint: Secret(b"private")}))
    assert task.problem is not None
    assert "is for public keys" in task.problem
    assert task.steps == ()


parts = st.sampled_from(["/", ".", "..", "a", "$HOME", "home", "alice", "\n", " ", "~", ".ssh"])


@given(st.lists(parts, max_size=14).map("".join))
def test_whatever_a_path_says_it_never_leads_out_of_the_home(path: str) -> None:
    try:
        target = target_of(path, wish(), HOME)
    except MalformedDocument:
        return
    assert HOME in target.parents
    assert ".." not in target.parts


def test_a_key_that_is_there_with_another_comment_is_not_added_again_but_one_with_options_is() -> None:
    def planned(content: str) -> bytes | None:
        place = Place(mode=0o600, uid=1000, content=content.encode())
        facts = KeyFacts(
            home=HOME,
            uid=1000,
            places={
                HOME: Place(mode=0o755, uid=1000),
                HOME / ".ssh": Place(mode=0o700, uid=1000),
                HOME / ".ssh/authorized_keys": place,
            },
        )
        steps = plan_ssh_keys(wish("", ""), facts)[0].steps
        contents = [step.content for step in steps if isinstance(step, Write)]
        assert all(isinstance(each, bytes) for each in contents)
        return contents[0] if contents and isinstance(contents[0], bytes) else None

    assert planned(f"# mine\n{ED} other\n") is None
    assert planned(f"restrict {ED}") == f"restrict {ED}\n{ED}\n".encode()
    assert planned("garbage \xff\n") == "garbage \xff\n".encode() + f"{ED}\n".encode()


def test_everything_is_written_beneath_the_home_and_labelled_where_selinux_is() -> None:
    steps = plan_ssh_keys(wish("$HOME/alice/a/b/keys"), KeyFacts(home=HOME, restorecon=True))[0].steps
    assert [step.path for step in steps if isinstance(step, MakeFolder)] == [HOME / "a", HOME / "a/b"]
    assert all(step.beneath == HOME for step in steps if isinstance(step, MakeFolder | Write))
    assert steps[-1] == Run(("restorecon", "-R", str(HOME)), timeout=300.0)


def test_a_file_that_cannot_be_read_is_not_written_over() -> None:
    facts = KeyFacts(
        home=HOME, places={HOME / ".ssh/authorized_keys": Place(mode=0, uid=0, problem="Input/output error")}
    )
    usable, refused = plan_ssh_keys(wish(""), facts)
    assert usable.steps == ()
    assert refused.problem is not None
    assert "Input/output error" in refused.problem


def test_a_private_key_goes_to_its_user_alone_and_is_not_shown() -> None:
    pair = KeyPair(path="$HOME/alice/.ssh/id", fingerprint=Thumbprint("A" * 40))
    asked = KeyWish(user="alice", home_dir=HOME_DIR, key_pairs=(pair,))
    facts = KeyFacts(home=HOME, private_keys={pair.fingerprint: Secret(b"KEY")})
    task = plan_ssh_keys(asked, facts)[-1]
    assert task.steps[-1] == Write(HOME / ".ssh/id", Secret(b"KEY"), mode=0o600, owner="alice", beneath=HOME)
    assert "KEY" not in "".join(step.describe() for step in task.steps)
    assert places_of(asked, HOME) == (HOME, HOME / ".ssh", HOME / ".ssh/id", HOME / ".ssh/id.pub")


def test_the_fabric_is_told_of_the_preferred_host_key_by_its_md5() -> None:
    public = {"ssh_host_rsa_key.pub": "broken", "ssh_host_ed25519_key.pub": f"{ED} root@x\n"}
    key = preferred_key(public, ("rsa", "ed25519"))
    assert key is not None
    assert key == parse_key(f"{ED} root@x")
    assert len(fingerprint_property(key)) == 32
    assert preferred_key({}, ("rsa",)) is None
