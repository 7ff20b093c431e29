"""The exit codes: the same for every command, so that scripts and supervisors can tell what to do."""

from enum import IntEnum

from billstream.common.errors import BillstreamError, DataDamaged, Misconfigured, Retryable, WrongUsage


class ExitCode(IntEnum):
    """What a command came to. 75 and 78 are those of `sysexits.h`."""

    OK = 0
    """Everything was done."""

    TROUBLE = 1
    """Something could not be loaded, asked or proved; or it differs; or it failed in a way that has no other code."""

    USAGE = 2
    """The command line is not understood; nothing was done."""

    TRY_AGAIN = 75
    """A service, the catalog or a disk is away or full. The same command goes on from there, later."""

    CONFIGURATION = 78
    """A setting, a folder or a permission has to be changed first."""

    INTERRUPTED = 130
    """Ctrl-C or SIGTERM ended a command early; what was done stays."""


def exit_code_of(error: BillstreamError) -> ExitCode:
    """Return the exit code of a command that an error has ended."""
    if isinstance(error, Misconfigured):
        return ExitCode.CONFIGURATION
    if isinstance(error, WrongUsage):
        return ExitCode.USAGE
    if isinstance(error, DataDamaged):  # a service goes on after a repair; a command alone never does
        return ExitCode.TROUBLE
    return ExitCode.TRY_AGAIN if isinstance(error, Retryable) else ExitCode.TROUBLE
