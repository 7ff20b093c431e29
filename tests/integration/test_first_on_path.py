"""What processes of the tests are spared, a process as shipped does."""

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import duckdb

from tests.e2e.commands import python_path

PROGRAM = """
import json, sys
from pathlib import Path
from billstream.common.lake.engine import start_engine
from billstream.common.settings import Settings

home, changed = sys.argv[1:]
con = start_engine(Settings(home=Path(home)), Path(home), ["ducklake"])
(threads,) = con.execute("SELECT current_setting('threads')").fetchone()
try:
    con.execute(f"LOAD '{changed}'")
    refused = ""
except Exception as error:
    refused = str(error)
print(json.dumps({"threads": threads, "refused": refused, "pandas": "pandas" in sys.modules}))
"""


def told_by(folder: Path, *, as_shipped: bool) -> dict[str, object]:
    """What a process says that loads an extension whose signature is wrong by one byte."""
    name = "sqlite_scanner.duckdb_extension"
    shipped = files("duckdb_extension_sqlite_scanner") / "extensions" / f"v{duckdb.__version__}" / name
    content = bytearray(shipped.read_bytes())
    content[-1] ^= 1  # the signature is the end of the file
    (folder / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), str(folder / name)],
        env={"PYTHONPATH": python_path(as_shipped=as_shipped)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


def test_a_process_as_shipped_refuses_an_extension_that_was_changed(tmp_path: Path) -> None:
    told = told_by(tmp_path, as_shipped=True)
    assert "signature" in str(told["refused"])


def test_a_process_of_the_tests_checks_no_signature_and_has_one_thread(tmp_path: Path) -> None:
    """The suite takes a third more CPU seconds where this is lost."""
    assert told_by(tmp_path, as_shipped=False) == {"threads": 1, "refused": "", "pandas": False}
