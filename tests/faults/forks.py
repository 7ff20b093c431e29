"""Commands in forks of the test's process: as separate as processes of their own, at a fraction of the cost."""

import ctypes
import os
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from billstream.cli import commands, main
from billstream.common.stop import Stop

# Loaded once, before the forks.
from billstream.aggregator import loop, publish  # noqa: F401  # isort: skip
from billstream.cli import aggregating, ingesting, looking, operating, quarantine  # noqa: F401  # isort: skip
from billstream.cli import observing, opening, report, sweeping, verify, wiring  # noqa: F401  # isort: skip

_VERSION = 0x20080522
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def run(
    folder: Path,
    *arguments: str,
    env: Mapping[str, str],
    ordinary: bool = False,
    umask: int = 0o022,
    service: bool = False,
) -> Done:
    """Run a command to its end; `folder` is for its output. To an ordinary one the modes of files apply."""
    out, err = folder / "stdout", folder / "stderr"
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os._exit(_command(arguments, (out, err), env, ordinary, umask, service))
    _, status = os.waitpid(child, 0)
    return Done(os.waitstatus_to_exitcode(status), out.read_text(), err.read_text())


def give_up_root() -> None:
    """Let the modes of files apply to this process, although it is root's.

    Another user could not read the interpreter of a developer's home.
    """
    head = (ctypes.c_uint32 * 2)(_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capget(head, sets) == 0
    for number in range(2):  # effective and permitted
        sets[number] &= ~(1 << _DAC_OVERRIDE | 1 << _DAC_READ_SEARCH)
    assert libc.capset(head, sets) == 0, os.strerror(ctypes.get_errno())


def _command(
    arguments: tuple[str, ...],
    outputs: tuple[Path, Path],
    env: Mapping[str, str],
    ordinary: bool,  # noqa: FBT001 - passed on
    umask: int,
    service: bool,  # noqa: FBT001 - as above
) -> int:
    for number, path in zip((1, 2), outputs, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1) for number in (1, 2))
    os.environ.update(env)
    os.umask(umask)
    if ordinary:
        give_up_root()
    sys.argv = ["billstream", *arguments]
    try:
        os.umask(main.UMASK)
        commands.run(Stop().install() if service else None)
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:  # noqa: BLE001 - as Python does at the end of a process
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0
