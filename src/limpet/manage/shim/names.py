"""waagent: the command that scripts of images call, and the module that handlers import, over limpet.

When it is imported it has the names that handlers use of waagent 2.0.16, and does nothing. Source: extensions.md §12.1.
It stands alone: nothing of limpet can be imported from here.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

GuestAgentName = "WALinuxAgent"
GuestAgentVersion = "@VERSION@"
LibDir = "/var/lib/waagent"
ConfigurationPath = "/etc/waagent.conf"


# Logging.


class Logger:
    """A file and a console, each line with its time."""

    def __init__(
        self, file_path: str | None = None, console_path: str | None = None, verbose: bool = False
    ) -> None:
        self.file_path = file_path
        self.console_path = console_path
        self.verbose = verbose

    def write(self, path: str | None, message: object, prefix: str = "") -> None:
        """Add the message's lines. A log that cannot be written to is no reason to fail."""
        if not path:
            return
        now = time.strftime("%Y/%m/%d %H:%M:%S ")
        text = "".join(f"{now}{prefix}{line}\n" for line in str(message).splitlines())
        try:
            with open(path, "a", encoding="latin-1", errors="backslashreplace") as log:
                log.write(text)
        except OSError:
            pass


myLogger = Logger()


def LoggerInit(log_file_path: str | None, log_console_path: str | None, verbose: bool = False) -> None:
    """Say where lines go."""
    global myLogger
    myLogger = Logger(log_file_path, log_console_path, verbose)


def LogToFile(message: object) -> None:
    """A line in the file."""
    myLogger.write(myLogger.file_path, message)


def LogToConsole(message: object) -> None:
    """A line on the console."""
    myLogger.write(myLogger.console_path, message)


def LogWithPrefix(prefix: str, message: object) -> None:
    """A line in both, with words before it."""
    for path in (myLogger.file_path, myLogger.console_path):
        myLogger.write(path, message, prefix)


def Log(message: object) -> None:
    """A line in both."""
    LogWithPrefix("", message)


def NoLog(message: object) -> None:
    """Nothing."""


def LogIfVerbose(message: object) -> None:
    """A line in both, when that was wanted."""
    if myLogger.verbose:
        Log(message)


def LogWithPrefixIfVerbose(prefix: str, message: object) -> None:
    """A line in both with words before it, when that was wanted."""
    if myLogger.verbose:
        LogWithPrefix(prefix, message)


def Warn(message: object) -> None:
    """A warning."""
    LogWithPrefix("WARNING:", message)


def Error(message: object) -> None:
    """An error."""
    LogWithPrefix("ERROR:", message)


def ErrorWithPrefix(prefix: str, message: object) -> None:
    """An error with words before it."""
    LogWithPrefix(f"ERROR:{prefix}", message)


def ThrottleLog(counter: int) -> bool:
    """Whether the counter-th line of a kind is worth writing: the first ten, then ever fewer."""
    return counter < 10 or str(counter).rstrip("0") == "1"


# Commands and files.


def Run(cmd: str, chk_err: bool = True) -> int:
    """Run a shell command; gives its exit code."""
    return RunGetOutput(cmd, chk_err)[0]


def RunGetOutput(cmd: str, chk_err: bool = True, log_cmd: bool = True) -> tuple[int, str]:
    """Run a shell command; gives its exit code and what it said."""
    if log_cmd:
        LogIfVerbose(cmd)
    return RunSendStdin(cmd, b"", chk_err, log_cmd)


def RunSendStdin(
    cmd: str | list[str], input: bytes | str, chk_err: bool = True, log_cmd: bool = True
) -> tuple[int, str]:
    """Run a shell command, or an argument list, with something on its input; gives exit code and what it said."""
    content = input.encode("latin-1", "replace") if isinstance(input, str) else input
    try:
        done = subprocess.run(
            cmd,
            shell=isinstance(cmd, str),
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        Error(f"cannot run {cmd if log_cmd else 'a command'}: {error}")
        return 1, str(error)
    said = done.stdout.decode("latin-1")
    if chk_err and done.returncode != 0:
        Error(f"{cmd if log_cmd else 'a command'} ended with {done.returncode}")
    return done.returncode, said


def GetFileContents(filepath: str, asbin: bool = False) -> Any:
    """The text, or the bytes, of a file; None when it cannot be read."""
    try:
        content = Path(filepath).read_bytes()
    except OSError as error:
        LogIfVerbose(f"cannot read {filepath}: {error}")
        return None
    return content if asbin else content.decode("latin-1")


def SetFileContents(filepath: str, contents: bytes | str) -> int | None:
    """Write a file; 0, or None when it cannot be written."""
    return _written(filepath, contents, "wb")


def AppendFileContents(filepath: str, contents: bytes | str) -> int | None:
    """Add to a file; 0, or None when it cannot be written."""
    return _written(filepath, contents, "ab")


def _written(filepath: str, contents: bytes | str, mode: str) -> int | None:
    try:
        with open(filepath, mode) as file:
            file.write(contents.encode("latin-1", "replace") if isinstance(contents, str) else contents)
    except OSError as error:
        Error(f"cannot write {filepath}: {error}")
        return None
    return 0


def ReplaceFileContentsAtomic(filepath: str, contents: bytes | str) -> int | None:
    """Replace a file whole, with its mode; 0, or None when it cannot be done."""
    content = contents.encode("latin-1", "replace") if isinstance(contents, str) else contents
    try:
        descriptor, name = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(filepath)))
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            if os.path.exists(filepath):
                shutil.copymode(filepath, name)
            os.replace(name, filepath)
        except OSError:
            os.unlink(name)
            raise
    except OSError as error:
        Error(f"cannot replace {filepath}: {error}")
        return None
    return 0


def GetLineStartingWith(prefix: str, filepath: str) -> str | None:
    """The first line of a file that begins so."""
    lines = (GetFileContents(filepath) or "").splitlines()
    return next((line for line in lines if line.startswith(prefix)), None)


def FindStringInFile(fname: str, matchs: str) -> re.Match[str] | None:
    """Where an expression matches a line of a file first."""
    found = (re.search(matchs, line) for line in (GetFileContents(fname) or "").splitlines())
    return next((match for match in found if match), None)


def ReplaceStringInFile(fname: str, src: str, repl: str) -> None:
    """Replace what an expression matches in each line of a file."""
    old = GetFileContents(fname)
    if old is not None and FindStringInFile(fname, src):
        ReplaceFileContentsAtomic(
            fname, "".join(re.sub(src, repl, line) for line in old.splitlines(keepends=True))
        )


def GetHome() -> str:
    """Where homes are."""
    line = GetLineStartingWith("HOME=", "/etc/default/useradd")
    return line.partition("=")[2].strip() if line else "/home"


def ChangeOwner(filepath: str, user: str) -> None:
    """Give a file to a user and its group."""
    try:
        account = pwd.getpwnam(user)
        os.chown(filepath, account.pw_uid, account.pw_gid, follow_symlinks=False)
    except (KeyError, OSError) as error:
        Error(f"cannot give {filepath} to {user}: {error}")


def CreateDir(dirpath: str, user: str, mode: int) -> None:
    """Make a folder for a user."""
    os.makedirs(dirpath, mode, exist_ok=True)
    ChangeOwner(dirpath, user)


# Events, configuration, the distribution.


def os_release() -> dict[str, str]:
    """What distribution this is."""
    found = {}
    for line in (GetFileContents("/etc/os-release") or "").splitlines():
        name, equals, value = line.partition("=")
        if equals:
            found[name.strip()] = value.strip().strip("\"'")
    return found


class WALAEventOperation:
    """Names of operations; one of them is spelled as handlers have it."""

    HeartBeat = "HeartBeat"
    Provision = "Provision"
    Install = "Install"
    UnIsntall = "UnInstall"
    Disable = "Disable"
    Enable = "Enable"
    Download = "Download"
    Upgrade = "Upgrade"
    Update = "Update"


def AddExtensionEvent(
    name: str, op: str, isSuccess: bool, duration: int = 0, version: str = "1.0", message: str = "",
    type: str = "", isInternal: bool = False,
) -> None:  # fmt: skip
    """Leave an event where the agent collects it."""
    values = {
        "Name": name, "Version": version, "IsInternal": isInternal, "Operation": op, "OperationSuccess": isSuccess,
        "Message": message, "Duration": duration, "ExtensionType": type,
    }  # fmt: skip
    event = {
        "eventId": 1,
        "providerId": "69B669B9-4AF8-4C50-BDC4-6006FA76E975",
        "parameters": [{"name": key, "value": value} for key, value in values.items()],
    }
    folder = os.path.join(LibDir, "events")
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
    except OSError as error:
        Error(f"cannot make {folder}: {error}")
        return
    ReplaceFileContentsAtomic(os.path.join(folder, f"{time.time_ns() // 1000}.tld"), json.dumps(event))


class ConfigurationProvider:
    """The keys of waagent.conf. Raises: Exception, when there is none, as handlers expect."""

    def __init__(self, walaConfigFile: str | None = None) -> None:
        path = walaConfigFile or ConfigurationPath
        content = GetFileContents(path)
        if not content:
            raise Exception(f"Missing configuration in {path}")
        self.values: dict[str, str | None] = {}
        for line in content.splitlines():
            key, equals, rest = line.partition("=")
            if equals and "#" not in key:
                value = rest.partition("#")[0].strip().strip('"').strip()
                self.values[key.strip()] = None if value == "None" else value

    def get(self, key: str) -> str | None:
        """The value of a key; None without one."""
        return self.values.get(key)


def DistInfo(fullname: int = 0) -> list[str]:
    """Name, version and code name of the distribution."""
    release = os_release()
    name = release.get("NAME" if fullname else "ID", "linux")
    return [name, release.get("VERSION_ID", ""), release.get("VERSION_CODENAME", "")]


class Distribution:
    """What handlers ask of a distribution. A method gives None, or what went wrong."""

    def __init__(self) -> None:
        self.sshd_config = self.ssh_config_file = "/etc/ssh/sshd_config"
        self.agent_service_name = "walinuxagent"
        self.hostname = socket.gethostname()

    def createUser(
        self, user: str, password: str | None, expiration: str | None = None, thumbprint: str | None = None
    ) -> str | None:
        """Make a user; one that is there stays, and gets the password."""
        try:
            pwd.getpwnam(user)
        except KeyError:
            until = ["-e", expiration.split(".")[0][:10]] if expiration else []
            code, said = RunSendStdin(["useradd", "-m", *until, "--", user], b"")
            if code != 0:
                return f"Failed to create user account: {user}: {said.strip()}"
        return None if password is None else self.changePass(user, password)

    def changePass(self, user: str, password: str) -> str | None:
        """Set a password, by its input."""
        if re.search(r"[:\n]", user) or "\n" in password:
            return "Failed to set password: it cannot contain a line's end"
        code, said = RunSendStdin(["chpasswd"], f"{user}:{password}\n".encode(), log_cmd=False)
        return None if code == 0 else f"Failed to set password for {user}: {said.strip()}"

    def restartSshService(self) -> int:
        """Restart sshd; gives the exit code."""
        return Run(
            "systemctl try-restart ssh.service sshd.service 2>/dev/null || service ssh restart || service sshd restart"
        )

    def isSelinuxSystem(self) -> bool:
        """Whether SELinux is there."""
        return shutil.which("getenforce") is not None

    def setSelinuxContext(self, path: str, cn: str) -> int | None:
        """Give a file its SELinux context, where there is such a thing."""
        return RunSendStdin(["chcon", cn, path], b"")[0] if self.isSelinuxSystem() else None


def GetMyDistro(dist_class_name: str = "") -> Distribution:
    """The distribution; there is one class for all."""
    return Distribution()


try:
    Config: ConfigurationProvider | None = ConfigurationProvider(None)
except Exception:
    Config = None
MyDistro = GetMyDistro()
HttpProxyConfigString: str | None = None
if Config is not None and Config.get("HttpProxy.Host"):
    HttpProxyConfigString = f"{Config.get('HttpProxy.Host')}:{Config.get('HttpProxy.Port') or 80}"
