"""What is asked of this machine's kernel directly: the Kernel port."""

from __future__ import annotations

import fcntl
import os
import struct

from limpet.model.errors import HostError

_RNDADDENTROPY = 0x40085203
_DEVICE = "/dev/random"


class RealKernel:
    """This machine's kernel."""

    def credit_entropy(self, content: bytes) -> None:
        """Mix bytes into the pool and credit them (ioctl RNDADDENTROPY). Raises: HostError."""
        try:
            descriptor = os.open(_DEVICE, os.O_WRONLY | os.O_CLOEXEC)
            try:
                fcntl.ioctl(
                    descriptor, _RNDADDENTROPY, struct.pack("ii", len(content) * 8, len(content)) + content
                )
            finally:
                os.close(descriptor)
        except OSError as error:
            raise HostError(f"cannot credit entropy to {_DEVICE}: {error.strerror}") from error

    def release(self) -> str:
        """The kernel's release, such as ``6.1.0-28-cloud-amd64``."""
        return os.uname().release

    def host_name(self) -> str:
        """The host name it has now."""
        return os.uname().nodename

    def set_host_name(self, name: str) -> None:
        """Give it another one, at most 64 bytes. Raises: HostError."""
        import socket  # noqa: PLC0415 - only for this, and not cheap

        try:
            socket.sethostname(name)
        except OSError as error:
            raise HostError(f"cannot name the host {name}: {error.strerror}") from error

    def sync(self) -> None:
        """Put everything that was written onto the disks, by whichever program."""
        os.sync()

    def uptime(self) -> float:
        """Seconds since it started. Raises: HostError."""
        try:
            descriptor = os.open("/proc/uptime", os.O_RDONLY | os.O_CLOEXEC)
            try:
                return float(os.read(descriptor, 64).split()[0])
            finally:
                os.close(descriptor)
        except (OSError, ValueError, IndexError) as error:
            raise HostError(f"cannot read /proc/uptime: {error}") from error

    def page_size(self) -> int:
        """Bytes of a page of memory."""
        return os.sysconf("SC_PAGE_SIZE")

    def architecture(self) -> str:
        """The processor's, such as ``x86_64`` or ``aarch64``."""
        return os.uname().machine
