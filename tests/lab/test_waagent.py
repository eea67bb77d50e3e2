from __future__ import annotations

from limpet.lab.waagent import configured


def test_settings_replace_their_lines_and_new_ones_are_added() -> None:
    text = "# Provisioning.Agent=no\nProvisioning.Agent=cloud-init\nLogs.Verbose = n\nOS.SshDir=/etc/ssh\n"
    changed = configured(text, {"Provisioning.Agent": "disabled", "Logs.Verbose": "y", "Extra.Key": "1"})
    assert changed.splitlines() == [
        "# Provisioning.Agent=no",
        "Provisioning.Agent=disabled",
        "Logs.Verbose=y",
        "OS.SshDir=/etc/ssh",
        "Extra.Key=1",
    ]
