"""``limpet emulator media``: a provisioning disc, proper or broken."""

from __future__ import annotations

import argparse
import base64
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.emulator.commands.arguments import (
    Exit,
    Parsers,
    add_client_options,
    add_command,
    client,
    print_json,
    say,
)
from limpet.emulator.text import size
from limpet.model.errors import ConfigurationError
from limpet.model.ids import Thumbprint
from limpet.model.provisioning import KeyPair, OvfEnvironment, PlatformSettings, PublicKey
from limpet.model.secret import Secret
from limpet.wire.ovfenv import parse_ovf_environment

if TYPE_CHECKING:
    from limpet.emulator.media.variants import Medium

EXAMPLE = """\
  limpet emulator media dvd.iso --host-name vm1 --user-name ada --key ~/.ssh/id_ed25519.pub
  limpet emulator media dvd.iso --user-name ada --password-file - --custom-data day0.txt
  limpet emulator media dvd.iso --from-vm vm1
  limpet emulator media bad.iso --broken two-provisioning-sections
  limpet emulator media --list"""
LARGEST_FILE = 1024 * 1024
_THUMBPRINT = re.compile(r"[0-9A-F]{40}\Z")
_ACCOUNT = (
    "host_name", "user_name", "password_file", "key", "key_fingerprint", "key_pair", "custom_data",
    "disable_password_auth", "provision_guest_agent", "pps", "proxy_agent",
)  # fmt: skip
_PPS = ("None", "Running", "Savable", "PreprovisionedOSDisk")


def add(parsers: Parsers) -> None:
    """Add the command."""
    parser = add_command(
        parsers,
        "media",
        "Write a provisioning disc: UDF and ISO 9660 with ovf-env.xml. The same input gives the same bytes.",
        EXAMPLE,
        _run,
    )
    add_client_options(parser)
    parser.add_argument(
        "out", nargs="?", type=Path, metavar="OUT.iso", help="the image to write; - for standard output"
    )
    _add_account_options(parser)
    parser.add_argument("--from-vm", metavar="VM", help="everything as a running emulator has it for this VM")
    parser.add_argument("--broken", metavar="VARIANT", help="break it on purpose; --list names the variants")
    parser.add_argument("--cut", type=int, metavar="BYTES", help="only so many first bytes of ovf-env.xml")
    parser.add_argument("--list", action="store_true", help="list the variants and write nothing")
    parser.set_defaults(parser=parser)


def _add_account_options(parser: argparse.ArgumentParser) -> None:
    """What the document asks for."""
    parser.add_argument(
        "--host-name", default="vm1", metavar="NAME", help="the VM's host name (default: vm1)"
    )
    parser.add_argument(
        "--user-name", default="azureuser", metavar="NAME", help="the administrator (default: azureuser)"
    )
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        help="the administrator's password is this file's first line; - for standard input",
    )
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="an ssh public key; may be repeated",
    )
    parser.add_argument(
        "--key-fingerprint",
        action="append",
        default=[],
        type=thumbprint,
        metavar="THUMBPRINT",
        help="a key by the thumbprint of a certificate of the goal state; may be repeated",
    )
    parser.add_argument(
        "--key-pair",
        action="append",
        default=[],
        type=key_pair,
        metavar="THUMBPRINT=PATH",
        help="a certificate's private key, to put at PATH; may be repeated",
    )
    parser.add_argument(
        "--custom-data", type=Path, metavar="FILE", help="custom data; encoded in base64 on the disc"
    )
    parser.add_argument("--disable-password-auth", action="store_true", help="ssh takes keys only")
    parser.add_argument(
        "--provision-guest-agent",
        choices=("true", "false", "absent"),
        default="true",
        help="false: the agent is to stop after provisioning (default: true)",
    )
    parser.add_argument(
        "--pps", choices=_PPS, default="None", help="the type of a pre-provisioned VM (default: None)"
    )
    parser.add_argument("--proxy-agent", action="store_true", help="ProvisionGuestProxyAgent is true")


def thumbprint(text: str) -> Thumbprint:
    """A certificate's thumbprint. Raises: ArgumentTypeError."""
    found = text.upper().replace(":", "")
    if not _THUMBPRINT.match(found):
        raise argparse.ArgumentTypeError(f"{text!r} is not a thumbprint of 40 hex digits")
    return Thumbprint(found)


def key_pair(text: str) -> KeyPair:
    """A private key and its place. Raises: ArgumentTypeError."""
    digits, equals, path = text.partition("=")
    if not equals or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not THUMBPRINT=PATH")
    return KeyPair(path=path, fingerprint=thumbprint(digits))


def environment(arguments: argparse.Namespace) -> OvfEnvironment:
    """What the options ask for. Raises: ConfigurationError."""
    home = f"/home/{arguments.user_name}/.ssh/authorized_keys"
    keys = [PublicKey(path=home, value=_text(path, "--key").strip()) for path in arguments.key]
    keys += [PublicKey(path=home, fingerprint=each) for each in arguments.key_fingerprint]
    custom_data = None
    if arguments.custom_data is not None:
        custom_data = Secret(base64.b64encode(_content(arguments.custom_data, "--custom-data")).decode())
    agent = {"true": True, "false": False, "absent": None}[arguments.provision_guest_agent]
    return OvfEnvironment(
        host_name=arguments.host_name,
        user_name=arguments.user_name,
        user_password=_password(arguments.password_file),
        custom_data=custom_data,
        disable_ssh_password_authentication=arguments.disable_password_auth,
        public_keys=tuple(keys),
        key_pairs=tuple(arguments.key_pair),
        platform=PlatformSettings(
            provision_guest_agent=agent,
            preprovisioned_vm=arguments.pps != "None",
            preprovisioned_vm_type=None if arguments.pps == "None" else arguments.pps,
            provision_guest_proxy_agent=arguments.proxy_agent,
        ),
    )


def _password(name: str | None) -> Secret[str] | None:
    if name is None:
        return None
    text = sys.stdin.readline() if name == "-" else _text(Path(name), "--password-file")
    if not (line := text.split("\n", 1)[0].removesuffix("\r")):
        raise ConfigurationError(f"--password-file: {name} has no password in its first line")
    return Secret(line)


def _text(path: Path, option: str) -> str:
    try:
        return _content(path, option).decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{option}: {path} is not UTF-8") from error


def _content(path: Path, option: str) -> bytes:
    try:
        with path.open("rb") as file:
            found = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigurationError(f"{option}: {path}: {error.strerror}") from error
    if len(found) > LARGEST_FILE:
        raise ConfigurationError(f"{option}: {path} is larger than {size(LARGEST_FILE)}")
    return found


def _run(arguments: argparse.Namespace) -> int:
    from limpet.emulator.media.variants import VARIANTS, medium  # noqa: PLC0415 - pycdlib is slow to start

    if arguments.list:
        return _list(as_json=arguments.json)
    parser: argparse.ArgumentParser = arguments.parser
    if arguments.out is None:
        parser.error("say which file to write, such as: media dvd.iso")
    if arguments.broken is not None and arguments.broken not in VARIANTS:
        parser.error(f"--broken: there is no variant {arguments.broken!r}; there are {', '.join(VARIANTS)}")
    if arguments.cut is not None and arguments.cut < 0:
        parser.error("--cut: give a number of bytes from 0 on")
    if arguments.from_vm is not None:
        given = [name for name in _ACCOUNT if getattr(arguments, name) != parser.get_default(name)]
        if given:
            parser.error(f"--from-vm has what --{given[0].replace('_', '-')} says: leave one of them out")
        with client(arguments) as api:
            wanted = parse_ovf_environment(api.ovf_environment(arguments.from_vm))
    else:
        wanted = environment(arguments)
    made = medium(wanted, arguments.broken, cut=arguments.cut)
    image = made.image()
    _write(arguments.out, image)
    _tell(arguments, made, image, secret=wanted.user_password is not None)
    return Exit.DONE


def _list(*, as_json: bool) -> int:
    from limpet.emulator.media.variants import VARIANTS  # noqa: PLC0415 - as above
    from limpet.emulator.text import print_table  # noqa: PLC0415 - not needed to write a disc

    if as_json:
        print_json(
            [{"name": name, "about": each.about, "fine": each.fine} for name, each in VARIANTS.items()]
        )
    else:
        rows = ((name, "yes" if each.fine else "no", each.about) for name, each in VARIANTS.items())
        print_table(("variant", "can be provisioned from", "what it is"), rows)
    return Exit.DONE


def _write(out: Path, image: bytes) -> None:
    if str(out) == "-":
        sys.stdout.buffer.write(image)
        return
    try:
        # It may hold a password.
        out.unlink(missing_ok=True)
        out.touch(mode=0o600)
        out.write_bytes(image)
    except OSError as error:
        raise ConfigurationError(f"{out}: {error.strerror}") from error


def _tell(arguments: argparse.Namespace, made: Medium, image: bytes, *, secret: bool) -> None:
    if str(arguments.out) == "-":
        return
    if arguments.json:
        print_json(
            {
                "path": str(arguments.out),
                "size": len(image),
                "variant": arguments.broken,
                "fileSystem": None if made.raw is not None else made.file_system.value,
                "files": {name: len(content) for name, content in sorted(made.files.items())},
            }
        )
        return
    kind = "no file system" if made.raw is not None else made.file_system.value
    files = ", ".join(f"{name} ({size(len(content))})" for name, content in sorted(made.files.items()))
    say(f"{arguments.out}: {size(len(image))}, {kind}: {files or 'no files'}")
    if secret:
        say("It holds the password in the clear.")
