"""The provisioning disc that the fabric would give a VM: its account as ovf-env.xml asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.provisioning import OvfEnvironment, PlatformSettings, PublicKey

if TYPE_CHECKING:
    from limpet.emulator.world.vm import VirtualMachine


def environment_of(vm: VirtualMachine) -> OvfEnvironment:
    """What the VM is to become: somebody's, or one of a pool."""
    account = vm.account
    path = f"/home/{account.user_name}/.ssh/authorized_keys"
    return OvfEnvironment(
        host_name=account.computer_name or vm.name,
        user_name=account.user_name,
        user_password=account.password,
        custom_data=account.custom_data,
        disable_ssh_password_authentication=account.disable_password,
        public_keys=tuple(PublicKey(path=path, value=key) for key in account.public_keys),
        platform=PlatformSettings(
            provision_guest_agent=account.provision_guest_agent,
            preprovisioned_vm=vm.pps_type != "None",
            preprovisioned_vm_type=None if vm.pps_type == "None" else vm.pps_type,
        ),
    )
