"""One wish from two sources: what the media leaves out is taken from instance metadata. Source: guest-setup.md §A.2, §J.1."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.guest.steps import Task
from limpet.model.errors import MalformedDocument
from limpet.model.provisioning import OvfEnvironment, PlatformSettings

if TYPE_CHECKING:
    from collections.abc import Collection

    from limpet.model.metadata import ProvisioningMetadata

DOCUMENT = "provisioning sources"


def merged(media: OvfEnvironment | None, metadata: ProvisioningMetadata | None) -> OvfEnvironment:
    """What is asked for. What the media says counts; metadata fills what it leaves out.

    Passwords and custom data come by media alone; without any, metadata's user data stands for custom data. Keys come from
    metadata only when the media has none, neither as keys nor by thumbprint. Raises: MalformedDocument, when neither source
    names the VM.
    """
    if media is None:
        if metadata is None:
            raise MalformedDocument(DOCUMENT, "there is neither media nor instance metadata")
        if not metadata.host_name:
            raise MalformedDocument(
                DOCUMENT, "instance metadata has neither osProfile.computerName nor a name"
            )
        return OvfEnvironment(
            host_name=metadata.host_name,
            user_name=metadata.user_name,
            custom_data=metadata.user_data,
            disable_ssh_password_authentication=metadata.disable_password_authentication,
            public_keys=metadata.public_keys,
            platform=PlatformSettings(provision_guest_agent=True, preprovisioned_vm_type=metadata.pps_type),
        )
    if metadata is None:
        return media
    said = media.disable_ssh_password_authentication
    platform = media.platform
    if not platform.preprovisioned_vm and platform.preprovisioned_vm_type is None:
        platform = replace(platform, preprovisioned_vm_type=metadata.pps_type)
    return replace(
        media,
        platform=platform,
        user_name=media.user_name or metadata.user_name,
        disable_ssh_password_authentication=metadata.disable_password_authentication
        if said is None
        else said,
        public_keys=media.public_keys or metadata.public_keys,
        custom_data=media.custom_data or metadata.user_data,
    )


def plan_login(wish: OvfEnvironment) -> tuple[Task, ...]:
    """Say so when nobody could log in by what metadata alone gives: a VM of which its owner expects a password it cannot have."""
    if wish.user_name is None or wish.public_keys or wish.user_password is not None:
        return ()
    problem = "instance metadata has no SSH key for it, and a password comes by media alone"
    advice = "Redeploy the VM, or give it an SSH key."
    return (Task(name="login", purpose="let the VM's user log in", problem=problem, advice=advice),)


def doubts(
    media: OvfEnvironment | None, metadata: ProvisioningMetadata | None, macs: Collection[str] = ()
) -> tuple[str, ...]:
    """What does not fit together, for people. macs: of this machine's synthetic NICs, 12 lower-case hex digits."""
    found = []
    if metadata is None:
        return ()
    if metadata.has_custom_data and (media is None or media.custom_data is None):
        found.append(
            "failure to read customData while hasCustomData=true: the media that has it was not found"
        )
    unknown = sorted(set(macs) - set(metadata.macs)) if metadata.macs else []
    if unknown:
        found.append(f"instance metadata does not know the NIC {', '.join(unknown)}")
    return tuple(found)
