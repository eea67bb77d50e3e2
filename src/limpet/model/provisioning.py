"""What the provisioning media asks for: host name, user, password, keys, custom data."""

from dataclasses import dataclass

from limpet.model.ids import Thumbprint
from limpet.model.secret import Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicKey:
    """A key for logging in, by value or by the thumbprint of a certificate.

    path may hold the literal ``$HOME``; it is empty where the media has none, which means the user's own
    ``.ssh/authorized_keys``.
    """

    path: str
    fingerprint: Thumbprint | None = None
    value: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyPair:
    """A private key, from the certificates, to put at `path`."""

    path: str
    fingerprint: Thumbprint


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformSettings:
    """What the platform says of agents on this VM. Source: guest-setup.md §A.1."""

    provision_guest_agent: bool | None = None
    preprovisioned_vm: bool = False
    preprovisioned_vm_type: str | None = None
    provision_guest_proxy_agent: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class OvfEnvironment:
    """ovf-env.xml.

    user_name and the password are None when absent; custom_data is the raw element text (base64, unchecked).
    disable_ssh_password_authentication is None when the media does not say. Source: guest-setup.md §A.1.
    """

    host_name: str
    user_name: str | None = None
    user_password: Secret[str] | None = None
    custom_data: Secret[str] | None = None
    disable_ssh_password_authentication: bool | None = None
    public_keys: tuple[PublicKey, ...] = ()
    key_pairs: tuple[KeyPair, ...] = ()
    platform: PlatformSettings = PlatformSettings()
    version: str = "1.0"
