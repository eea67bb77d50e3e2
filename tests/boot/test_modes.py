"""Who may read what the boot stage writes: all of it, by name."""

from __future__ import annotations

from pathlib import Path

from tests.boot.whole import PASSWORD, Vm, hash_of

OPEN = """
0644 /etc/group
0644 /etc/hostname
0644 /etc/hosts
0644 /etc/passwd
0644 /etc/resolv.conf
0644 /etc/ssh/ssh_host_ecdsa_key.pub
0644 /etc/ssh/ssh_host_ed25519_key.pub
0755 /etc/ssh/sshd_config.d
0644 /etc/ssh/sshd_config.d/50-limpet.conf
0755 /home/alice
0644 /home/alice/.profile
0755 /mnt
0755 /mnt/resource
0644 /mnt/resource/DATALOSS_WARNING_README.txt
0644 /ran
0755 /run/limpet
0644 /run/limpet/reported.json
0644 /var/lib/waagent/provisioned
0644 /var/lib/waagent/published_hostname
"""
"""Made by boot and readable by others: none has a secret. What is in /var/lib/waagent is behind its folder, too."""

SHUT = """
0640 /etc/shadow
0600 /etc/ssh/ssh_host_ecdsa_key
0600 /etc/ssh/ssh_host_ed25519_key
0440 /etc/sudoers.d/waagent
0700 /home/alice/.ssh
0600 /home/alice/.ssh/authorized_keys
0600 /mnt/resource/swapfile
0700 /var/lib/limpet
0600 /var/lib/limpet/custom-data
0600 /var/lib/limpet/host-keys
0600 /var/lib/limpet/lease.json
0600 /var/lib/limpet/provisioned.json
0700 /var/lib/waagent/CustomData
0600 /var/lib/waagent/ovf-env.xml
0600 /var/log/limpet-custom-data.log
"""


def table(text: str) -> dict[str, str]:
    return {path: mode for mode, path in map(str.split, text.split("\n")[1:-1])}


def test_everything_that_boot_writes_has_its_mode() -> None:
    vm = Vm.new()
    before = dict(vm.machine.files.nodes)
    vm.boot()
    made = {
        str(path): f"{node.mode:04o}"
        for path, node in vm.machine.files.nodes.items()
        if before.get(path) != node and not str(path).startswith(("/sys", "/proc"))
    }
    assert made == table(OPEN) | table(SHUT)


def test_no_secret_is_in_what_others_may_read() -> None:
    vm = Vm.new()
    vm.boot()
    secrets = [PASSWORD.encode(), hash_of(vm).encode(), b"IyEvYmluL3NoCg==", b"#!/bin/sh\n", b"PRIVATE KEY"]
    spilt = [
        (path, secret)
        for path in table(OPEN)
        for secret in secrets
        if secret in (vm.machine.files.nodes[Path(path)].content or b"")
    ]
    assert spilt == []


def test_nothing_that_a_secret_is_in_is_open_for_a_moment() -> None:
    """Cut at every change: what is there then is never more open than at the end."""
    vm = Vm.new()
    moments: list[list[str]] = []

    def look() -> None:
        files = vm.machine.files
        moments.append(
            [
                str(path)
                for path, node in files.nodes.items()
                if node.mode & 0o044
                and str(path) in table(SHUT)
                and str(path) not in {"/etc/shadow", "/etc/sudoers.d/waagent"}
                and node.content is not None
            ]
        )
        charge()

    charge, vm.machine.files.before = vm.machine.files.before, look
    vm.boot()
    assert len(moments) > 40
    assert [paths for paths in moments if paths] == []
