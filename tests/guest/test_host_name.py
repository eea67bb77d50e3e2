"""Files that have to be written again as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from limpet.guest.host_name import HostNameFacts, plan_host_name
from limpet.guest.steps import Write
from limpet.host.facts import host_name
from limpet.host.fake import FakeMachine

DHCLIENT = Path("/etc/dhcp/dhclient.conf")


def test_files_with_a_comment_of_another_encoding_are_changed_and_keep_it() -> None:
    machine = FakeMachine()
    for path, content in {
        Path("/etc/hosts"): b"127.0.1.1 old # gr\xfc\xdfe\n10.0.0.1 f\xfcr # x\n",
        Path("/etc/hostname"): b"old\n",
        DHCLIENT: b'# f\xfcr\nsend host-name "old";\n',
    }.items():
        machine.files.make_folder(path.parent)
        machine.files.replace(path, content)
    task = plan_host_name("vm1", host_name.look(machine.files, machine.kernel, Path("/var/lib/waagent")))
    written = {step.path: step.content for step in task.steps if isinstance(step, Write)}
    assert written == {
        Path("/etc/hosts"): b"127.0.1.1 vm1\n10.0.0.1 f\xfcr # x\n",
        Path("/etc/hostname"): b"vm1\n",
        DHCLIENT: b'# f\xfcr\nsend host-name "vm1";\n',
    }


def test_only_a_name_that_is_refused_comes_with_advice_about_names() -> None:
    machine = FakeMachine()
    facts = host_name.look(machine.files, machine.kernel, Path("/var/lib/waagent"))
    assert plan_host_name("vm1", facts).advice == ""
    assert "letters" in plan_host_name("vm 1", facts).advice


def written(path: Path, facts: HostNameFacts, name: str = "vm1") -> str | None:
    """What is written to a file; None where it stays as it is."""
    for step in plan_host_name(name, facts).steps:
        if isinstance(step, Write) and step.path == path:
            assert isinstance(step.content, bytes)
            return step.content.decode()
    return None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'send host-name "vm1";\n'),
        ("timeout 60;", 'timeout 60;\nsend host-name "vm1";\n'),
        ('send host-name "old";\n', 'send host-name "vm1";\n'),
        ('send host-name "a";\nsend host-name "b";\n', 'send host-name "vm1";\n'),
        ('send host-name "vm1";\n', None),
        ("#send host-name = gethostname();\n", '#send host-name = gethostname();\nsend host-name "vm1";\n'),
        ("x; # send host-name = gethostname();\n", 'x; # send host-name = gethostname();\nsend host-name "vm1";\n'),
        ("send host-name = gethostname();\n", None),
        ('send host-name "<hostname>";\n', None),
        ('supersede host-name "x";\n', 'supersede host-name "x";\nsend host-name "vm1";\n'),
        ("send fqdn.fqdn = gethostname();\n", 'send fqdn.fqdn = gethostname();\nsend host-name "vm1";\n'),
        (
            'interface "eth0" {\n  send host-name "c";\n  timeout 9;\n}\n',
            'interface "eth0" {\n  timeout 9;\n}\nsend host-name "vm1";\n',
        ),
    ],
)  # fmt: skip
def test_the_dhcp_client_sends_the_new_name_unless_it_asks_for_it_itself(
    before: str, after: str | None
) -> None:
    assert written(DHCLIENT, HostNameFacts(kernel="old", dhclient={DHCLIENT: before})) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("127.0.0.1 localhost\n127.0.1.1\told\told.local\n", "127.0.0.1 localhost\n127.0.1.1 vm1\n"),
        ("127.0.1.1 a\n127.0.1.1 b\n", "127.0.1.1 vm1 a\n127.0.1.1 vm1 b\n"),
        ("127.0.0.1 localhost old\n10.1.1.1 old other\n", None),
        ("127.0.0.1 localhost\r\n127.0.1.1 old\r\n", "127.0.0.1 localhost\r\n127.0.1.1 vm1\n"),
        ("127.0.1.1 old", "127.0.1.1 vm1\n"),
        ("127.0.1.1 old vm1\n", None),
        ("#127.0.1.1 old\n", None),
        ("127.0.1.10 old\n", None),
        ("", None),
    ],
)
def test_only_the_machines_own_line_of_hosts_gets_the_new_name(before: str, after: str | None) -> None:
    assert written(Path("/etc/hosts"), HostNameFacts(kernel="old", hosts=before)) == after
