"""Files that have to be written again as they were."""

from __future__ import annotations

from pathlib import Path

from limpet.guest.host_name import plan_host_name
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
