"""The engines of `.venv-bench`, each a process that loads what it is told and says what that cost."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.benchmarks.files import Shape
from tests.benchmarks.measure import Taken

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = REPOSITORY / ".venv-bench" / "bin" / "python"
PROGRAM = Path(__file__).with_name("peer_program.py")
NAMES = ("polars", "pyarrow", "dlt")
MISSING = f"Polars, pyarrow and dlt are left out: there is no {PYTHON.parent.parent.name}; run `make setup-bench`."


def installed() -> bool:
    """Return whether there is an environment of peers."""
    return PYTHON.exists()


class Peer:
    """One engine in its process."""

    def __init__(self, name: str, process: "subprocess.Popen[str]") -> None:
        self.name = name
        self._process = process

    def load(self, shape: Shape, folder: Path, number: int) -> Taken:
        """Load a folder of files beside it, remove the result, and return the seconds of the load.

        Raises:
            RuntimeError: it failed, or read another number of rows.
        """
        target = folder.with_name(f"{self.name}-{number}")
        wanted = {
            "files": sorted(str(path) for path in folder.iterdir()),
            "target": str(target),
            "names": list(shape.columns),
            "costs": shape.of_kind("cost"),
            "times": shape.of_kind("time"),
        }
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer = json.loads(line or '{"rows": "no"}')
        if answer["rows"] != shape.files * shape.rows:
            raise RuntimeError(f"{self.name} read {answer['rows']} of {shape.files * shape.rows} rows")
        target.unlink()
        shutil.rmtree(f"{target}.pipelines", ignore_errors=True)
        return Taken(answer["cpu"], answer["wall"])


@contextmanager
def running_peers() -> Iterator[dict[str, Peer]]:
    """Run all engines for the length of the block; none where they are not installed."""
    environment = {"PATH": os.environ["PATH"], "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    with ExitStack() as stack:
        peers = {}
        for name in NAMES if installed() else ():
            process = stack.enter_context(
                subprocess.Popen(
                    [PYTHON, "-P", PROGRAM, name],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=environment | {"HOME": str(PYTHON.parents[1])},
                    text=True,
                )
            )
            peers[name] = Peer(name, process)
        yield peers
