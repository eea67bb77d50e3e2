"""The tree of errors raised on purpose. An error's type answers three questions.

Whose fault is it (FabricError, HostError, HandlerError, ConfigurationError)? Is another try worth it (FabricBusy and
FabricUnreachable: yes; FabricRefused: not the same request)? What is the platform told (the code and text of a HandlerError)?
Messages are for people and say what is wrong, where, and what to do.
"""

from enum import IntEnum


class Code(IntEnum):
    """Status codes of handlers and goal states. Source: wire-protocol.md §6.4, extensions.md §4.7."""

    UNKNOWN = -1
    SUCCESS = 0
    PROCESSING = 1000
    DOWNLOAD = 1001
    HANDLER_MANIFEST_NOT_FOUND = 1002
    HANDLER_MANIFEST_INVALID = 1003
    PACKAGE_DOWNLOAD = 1004
    PACKAGE_EXTRACTION = 1005
    INSTALL = 1007
    UPDATE = 1008
    ENABLE = 1009
    DISABLE = 1010
    TIMED_OUT = 1011
    STATUS_FILE_INVALID = 1012
    UNSUPPORTED_FEATURES = 2001


class LimpetError(Exception):
    """Root of every error this project raises on purpose."""


class FabricError(LimpetError):
    """The fabric's doing: worth another try later; never reported as a failure of the VM."""


class FabricUnreachable(FabricError):
    """No answer at all: refused, timed out, cut, or not HTTP."""


class FabricRefused(FabricError):
    """The fabric answered with a status that another identical request will not change.

    status: the HTTP status code.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class FabricBusy(FabricRefused):
    """The fabric asks to try later (throttling, 5xx)."""


class FabricStale(FabricRefused):
    """Our container id or role configuration is out of date: fetch the goal state, then ask again."""


class MalformedDocument(FabricError):
    """A document from outside cannot be used.

    document: its name in the field's words, such as ``ExtensionsConfig``; the message says what is wrong and where.
    """

    def __init__(self, document: str, problem: str) -> None:
        super().__init__(f"{document}: {problem}")
        self.document = document
        self.problem = problem


class HostError(LimpetError):
    """This machine's doing: a step failed. The message says what was tried and what to do."""


class AlreadyRunning(HostError):
    """Another process of this kind holds the lock; the message names it."""


class LeaseLost(LimpetError):
    """This process may not talk to the fabric any more. No fault of the piece of work that meets it: it ends the program."""


class ConfigurationError(LimpetError):
    """A configuration file or option cannot be used; the message names file and line."""


class HandlerError(LimpetError):
    """A handler's doing: reported in its status with its code; never stops the agent."""

    def __init__(self, message: str, *, code: int = Code.UNKNOWN) -> None:
        super().__init__(message)
        self.code = code
