"""The settings of provisioning: what the boot stage does to a new VM. Source of the keys: guest-setup.md §G.2."""

# ruff: noqa: RUF009 - the defaults are values that cannot change, paths too

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from limpet.config.agent_settings import AgentSettings
from limpet.config.kinds import NAMES, PATH, SWITCH, TEXT, choice, seconds, whole, words
from limpet.config.setting import setting

_AUTO = "ed25519,ecdsa,rsa"


@dataclass(frozen=True, kw_only=True, slots=True)
class BootSettings(AgentSettings):
    """What `limpet boot` goes by. Defaults are those of the templates that images ship, not the peer's built-in ones."""

    # fmt: off
    provisioning_agent: str = setting(
        "provisioning.agent",
        choice("auto", "limpet", "cloud-init", "disabled", aliases={"waagent": "limpet"}, otherwise="disabled"), "auto",
        "Who provisions the VM. auto: cloud-init where it is enabled, else the boot stage.",
        "Provisioning.Agent")
    delete_root_password: bool = setting(
        "provisioning.delete_root_password", SWITCH, True,
        "Lock root's password.",
        "Provisioning.DeleteRootPassword")
    regenerate_host_keys: bool = setting(
        "ssh.regenerate_host_keys", SWITCH, True,
        "Make new SSH host keys for every new VM.",
        "Provisioning.RegenerateSshHostKeyPair")
    host_key_types: tuple[str, ...] = setting(
        "ssh.host_key_types", words("ed25519", "ecdsa", "rsa", "dsa", aliases={"auto": _AUTO}), ("ed25519", "ecdsa"),
        "Which SSH host keys are made.",
        "Provisioning.SshHostKeyPairType")
    ssh_dir: Path = setting(
        "ssh.dir", PATH, Path("/etc/ssh"),
        "Where sshd_config and the host keys are.",
        "OS.SshDir")
    client_alive_interval: int = setting(
        "ssh.client_alive_interval", whole(0, 86400, "seconds"), 180,
        "sshd's ClientAliveInterval; 0 leaves it alone.",
        "OS.SshClientAliveInterval")
    decode_custom_data: bool = setting(
        "custom_data.decode", SWITCH, False,
        "Keep custom data decoded instead of in base64.",
        "Provisioning.DecodeCustomData")
    execute_custom_data: bool = setting(
        "custom_data.execute", SWITCH, False,
        "Decode custom data and run it once the VM is provisioned.",
        "Provisioning.ExecuteCustomData")
    custom_data_timeout: float = setting(
        "custom_data.timeout", seconds(1, 86400), 1800.0,
        "How long executed custom data may run.")
    translator: Path | None = setting(
        "custom_data.translator", PATH, None,
        "A program that makes a network OS's configuration of the custom data: it gets the data on its input.")
    translator_timeout: float = setting(
        "custom_data.translator_timeout", seconds(1, 86400), 300.0,
        "How long that program may run.")
    to_network_os: str | None = setting(
        "custom_data.network_os", TEXT, None,
        "Options for the driver that gives custom data, user and keys to an appliance's network OS; the supervisor sets it.")
    allow_reset_sys_user: bool = setting(
        "accounts.allow_reset_sys_user", SWITCH, False,
        "Let provisioning set the password of a system account.",
        "Provisioning.AllowResetSysUser")
    password_crypt_id: str = setting(
        "accounts.password_crypt_id", choice("1", "2a", "2b", "5", "6", "y"), "6",
        "The method of crypt(3) for passwords: 6 is SHA-512.",
        "Provisioning.PasswordCryptId")
    password_salt_length: int = setting(
        "accounts.password_salt_length", whole(2, 16, "characters"), 16,
        "Length of a password's salt.",
        "Provisioning.PasswordCryptSaltLength")
    groups: tuple[str, ...] = setting(
        "accounts.groups", NAMES, (),
        "Groups that the user becomes a member of, as far as the machine has them.")
    home_dir: Path = setting(
        "accounts.home_dir", PATH, Path("/home"),
        "Parent of home folders; stands for $HOME in the paths of keys.",
        "OS.HomeDir")
    shadow_file: Path = setting(
        "accounts.shadow_file", PATH, Path("/etc/shadow"),
        "Where root's password is locked.",
        "OS.PasswordPath")
    sudoers_dir: Path = setting(
        "accounts.sudoers_dir", PATH, Path("/etc/sudoers.d"),
        "Where the rule for the provisioned user goes.",
        "OS.SudoersDir")
    format_resource_disk: bool = setting(
        "resource_disk.format", SWITCH, True,
        "Make and mount a file system on the temporary disk, where that destroys nothing.",
        "ResourceDisk.Format")
    resource_disk_filesystem: str = setting(
        "resource_disk.filesystem", choice("ext4", "ext3", "xfs", "btrfs"), "ext4",
        "The temporary disk's file system.",
        "ResourceDisk.Filesystem")
    resource_disk_mount_point: Path = setting(
        "resource_disk.mount_point", PATH, Path("/mnt/resource"),
        "Where the temporary disk is mounted.",
        "ResourceDisk.MountPoint")
    resource_disk_mount_options: str | None = setting(
        "resource_disk.mount_options", TEXT, None,
        "Options for mounting it.",
        "ResourceDisk.MountOptions")
    enable_swap: bool = setting(
        "resource_disk.swap", SWITCH, False,
        "Keep a swap file on the temporary disk.",
        "ResourceDisk.EnableSwap")
    swap_size: int = setting(
        "resource_disk.swap_size", whole(0, 16 * 1024 * 1024, "MiB"), 0,
        "Size of the swap file; 0 is none.",
        "ResourceDisk.SwapSizeMB")
    media_mount_point: Path = setting(
        "media.mount_point", PATH, Path("/mnt/cdrom/secure"),
        "Where the provisioning media is mounted while it is read.",
        "DVD.MountPoint")
    media_patience: float = setting(
        "media.patience", seconds(0, 3600), 25.0,
        "How long to wait for provisioning media, when the machine has a drive that it may still arrive in.")
    dhcp_patience: float = setting(
        "network.dhcp_patience", seconds(1, 3600), 300.0,
        "How long the boot stage of a new VM goes on asking for a lease; the rest of the start waits for it.")
    remove_persistent_rules: bool = setting(
        "network.remove_persistent_rules", SWITCH, True,
        "Move udev's persistent names of NICs out of the way: a VM that moves has new hardware addresses.")
    credit_entropy: bool = setting(
        "kernel.entropy", SWITCH, True,
        "Give the kernel the platform's entropy (the ACPI table OEM0).")
    numa_off: bool = setting(
        "kernel.numa_off", SWITCH, True,
        "Boot kernels before 2.6.37 with numa=off; no other kernel is touched.")
    serial_console: bool = setting(
        "diagnostics.serial_console", SWITCH, False,
        "Give the kernel the serial console's arguments at the next boot (`limpet serial-console` does it at once).")
    kvp: bool = setting(
        "diagnostics.kvp", SWITCH, True,
        "Tell the hypervisor how provisioning went, by key-value pairs, where it listens.")
    log_console: bool = setting(
        "log.console", SWITCH, True,
        "Repeat the log on the console until the VM is ready.",
        "Logs.Console")
    log_verbose: bool = setting(
        "log.verbose", SWITCH, False,
        "Log every exchange with the fabric, for investigations.",
        "Logs.Verbose")
    detect_scvmm: bool = setting(
        "scvmm.detect", SWITCH, False,
        "Look for SCVMM's media first, and leave the machine to its agent when it is there.",
        "DetectScvmmEnv")
    # fmt: on
