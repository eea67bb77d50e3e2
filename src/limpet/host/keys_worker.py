"""The process that handles private keys, for one task: it drives the openssl program, keeps files, and ends.

    keys_worker transport LIBRARY OPENSSL            prints the transport certificate, base64 DER
    keys_worker unpack LIBRARY OPENSSL < bundle      prints "THUMBPRINT key" or "THUMBPRINT -" for each certificate

What went wrong is one line on standard error, with exit code 1. Keys pass through memory files of this process and of
openssl; none is on a command line or in a file that others can read. It imports next to nothing: starting takes longer
than its own work.
"""

# ruff: noqa: PTH104, PTH120
# Why: pathlib takes as long to import as all of this to run.

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_CERTIFICATE = "TransportCert.pem"
_KEY = "TransportPrivate.pem"
_DAYS = 730
_MOST_BLOCKS = 64
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_REQUEST = b"""\
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = LinuxTransport
[extensions]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
basicConstraints = critical, CA:TRUE
"""
"""Our own, so that the system's openssl.cnf has no say. Source: wire-protocol.md §3.1."""


class Failed(Exception):
    """What went wrong, for people."""


class Openssl:
    """The openssl program. `start` several, then `finish` each: they run side by side."""

    def __init__(self, program: str) -> None:
        self._program = program

    def run(self, *arguments: str, given: bytes = b"") -> bytes:
        """Run one command and give what it printed. Raises: Failed, with openssl's reason."""
        return self.finish(self.start(*arguments, given=given))

    def start(self, *arguments: str, given: bytes = b"") -> tuple[int, int, int]:
        """Start one command. Raises: Failed."""
        source, output, problem = (os.memfd_create(name) for name in ("in", "out", "problem"))
        write(source, given)
        os.lseek(source, 0, os.SEEK_SET)
        streams = [(os.POSIX_SPAWN_DUP2, end, place) for place, end in enumerate((source, output, problem))]
        try:
            command = [self._program, *arguments]
            process = os.posix_spawnp(self._program, command, os.environ, file_actions=streams)
        except OSError as error:
            raise Failed(
                f"cannot run {self._program}: {error.strerror}. Certificates need the openssl program."
            ) from error
        os.close(source)
        return process, output, problem

    def finish(self, started: tuple[int, int, int]) -> bytes:
        """Wait for one command. Raises: Failed."""
        process, output, problem = started
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        printed, complaint = read_back(output), read_back(problem)
        if status != 0:
            raise Failed(_reason(complaint.decode("utf-8", "replace")) or f"it ended with {status}")
        return printed


def main(arguments: Sequence[str]) -> int:
    """Do one task. Gives the exit code."""
    task, library, program = arguments
    os.umask(0o077)
    openssl = Openssl(program)
    try:
        if task == "transport":
            answer = transport_certificate(openssl, library)
        else:
            answer = unpack(openssl, library, sys.stdin.buffer.read())
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"cannot keep certificates in {library}: {error.strerror}\n")
        return 1
    sys.stdout.write(answer)
    return 0


def transport_certificate(openssl: Openssl, library: str) -> str:
    """The transport certificate's base64, made anew when it cannot be used. Raises: Failed, OSError."""
    certificate = read_file(f"{library}/{_CERTIFICATE}")
    key = read_file(f"{library}/{_KEY}")
    if not (certificate and key and _usable(openssl, certificate, key)):
        try:
            made = openssl.run(
                "req", "-x509", "-newkey", "rsa:2048", "-sha256", "-nodes", "-days", str(_DAYS),
                "-config", "/dev/fd/0", given=_REQUEST,
            )  # fmt: skip
        except Failed as error:
            raise Failed(f"openssl cannot make the transport key: {error}") from error
        # Cut power between the two leaves a pair that does not fit; it is made anew then.
        key, certificate = blocks(made)
        keep_file(f"{library}/{_KEY}", key, 0o600)
        keep_file(f"{library}/{_CERTIFICATE}", certificate, 0o600)
    return b"".join(certificate.splitlines()[1:-1]).decode()


def unpack(openssl: Openssl, library: str, bundle: bytes) -> str:
    """Open a bundle and keep each certificate and key under its thumbprint. Raises: Failed, OSError."""
    try:
        pfx = openssl.run(
            "cms", "-decrypt", "-inform", "DER",
            "-recip", f"{library}/{_CERTIFICATE}", "-inkey", f"{library}/{_KEY}", given=bundle,
        )  # fmt: skip
    except Failed as error:
        raise Failed(
            f"the certificate bundle cannot be opened with {library}/{_KEY}: "
            f"it is damaged or encrypted for another certificate (openssl: {error})"
        ) from error
    found = blocks(_without_password(openssl, pfx))
    if len(found) > _MOST_BLOCKS:
        raise Failed(
            f"the certificate bundle holds {len(found)} certificates and keys; {_MOST_BLOCKS} are accepted"
        )
    certificates = [block for block in found if b" CERTIFICATE-" in block[:40]]
    keys = [block for block in found if b"KEY-" in block[:40]]
    looked_at = [
        openssl.start("x509", "-noout", "-fingerprint", "-sha1", "-pubkey", given=block)
        for block in certificates
    ]
    derived = [openssl.start("pkey", "-pubout", given=block) for block in keys]
    descriptions = [
        _finished(openssl, started) or openssl.run("x509", "-noout", "-fingerprint", "-sha1", given=block)
        for started, block in zip(looked_at, certificates, strict=True)
    ]
    by_public_key = {
        public_key: key
        for started, key in zip(derived, keys, strict=True)
        for public_key in blocks(_finished(openssl, started))
    }
    lines = []
    for certificate, description in zip(certificates, descriptions, strict=True):
        thumbprint = _thumbprint(description)
        key = next((by_public_key.get(public_key) for public_key in blocks(description)), None)
        keep_file(f"{library}/{thumbprint}.crt", certificate, 0o600)
        if key is not None:
            keep_file(f"{library}/{thumbprint}.prv", key, 0o400)
        lines.append(f"{thumbprint} {'key' if key is not None else '-'}\n")
    return "".join(lines)


def blocks(text: bytes) -> list[bytes]:
    """The PEM blocks in `text`, without what stands between them."""
    found: list[bytes] = []
    lines: list[bytes] = []
    for line in text.splitlines():
        if line.startswith(b"-----BEGIN "):
            lines = []
        lines.append(line)
        if line.startswith(b"-----END "):
            if lines[0].startswith(b"-----BEGIN "):
                found.append(b"\n".join([*lines, b""]))
            lines = []
    return found


def moment(text: str) -> tuple[int, int, int, str]:
    """A date as openssl prints it, as a value that compares: ``Nov 23 20:16:18 2026 GMT``. Raises: ValueError."""
    month, day, clock, year, _ = text.split()
    return int(year), 1 + _MONTHS.index(month), int(day), clock


def read_file(path: str) -> bytes:
    """The content of a small file; empty where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def keep_file(path: str, content: bytes, mode: int) -> None:
    """Put `content` at `path` for good, unless it is there already. Raises: OSError."""
    if read_file(path) == content:
        return
    temporary = f"{path}.{os.getpid()}"
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    try:
        write(descriptor, content)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(temporary, path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    os.fsync(folder)
    os.close(folder)


def write(descriptor: int, content: bytes) -> None:
    """Write all of `content`."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def read_back(descriptor: int) -> bytes:
    """The whole content of a memory file, which is closed."""
    size = os.fstat(descriptor).st_size
    content = os.pread(descriptor, size, 0)
    os.close(descriptor)
    return content


def _usable(openssl: Openssl, certificate: bytes, key: bytes) -> bool:
    try:
        looked_at = openssl.start("x509", "-noout", "-dates", "-pubkey", given=certificate)
        derived = openssl.start("pkey", "-pubout", given=key)
        description, public_key = openssl.finish(looked_at), openssl.finish(derived)
        dates = dict(
            line.split("=", 1) for line in description.decode().splitlines() if line.startswith("not")
        )
        now = time.gmtime()
        today = (now.tm_year, now.tm_mon, now.tm_mday, f"{now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02}")
        in_time = moment(dates["notBefore"]) <= today < moment(dates["notAfter"])
        return in_time and blocks(description) == blocks(public_key)
    except (Failed, ValueError, KeyError):
        return False


def _without_password(openssl: Openssl, pfx: bytes) -> bytes:
    # Why first without the MAC: wire-protocol.md §3.5.
    try:
        return openssl.run("pkcs12", "-nodes", "-nomacver", "-password", "pass:", given=pfx)
    except Failed:
        pass
    try:
        return openssl.run("pkcs12", "-nodes", "-password", "pass:", given=pfx)
    except Failed as error:
        raise Failed(
            f"what the certificate bundle holds is not a PFX without password (openssl: {error})"
        ) from error


def _finished(openssl: Openssl, started: tuple[int, int, int]) -> bytes:
    """What it printed; nothing when it cannot: somebody's key of a kind it does not know must not cost the others."""
    try:
        return openssl.finish(started)
    except Failed:
        return b""


def _thumbprint(description: bytes) -> str:
    for line in description.decode().splitlines():
        name, equals, value = line.partition("=")
        if equals and "fingerprint" in name.lower():
            return value.replace(":", "").upper()
    raise Failed("openssl prints no fingerprint")


def _reason(complaint: str) -> str:
    """What openssl says: the reason of its first error record, else its first line."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip(" .+*-")]
    for line in lines:
        fields = line.split(":")
        if len(fields) > 5 and fields[1] == "error":
            return fields[5]
    return lines[0][:200] if lines else ""
