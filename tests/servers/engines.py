"""Another engine that reads Iceberg, in an environment of its own: Daft."""

import json
import subprocess
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = REPOSITORY / ".venv-engines" / "bin" / "python"
MISSING = "no other engine: `make setup-engines` makes .venv-engines"

# Values are sent as texts, as JSON has no decimals.
_PROGRAM = """
import json, sys
from decimal import Decimal
import daft
from pyiceberg.table import StaticTable
daft.set_runner_native()
names = sys.argv[2].split(",")
found = daft.read_iceberg(StaticTable.from_metadata(sys.argv[1])).select(*names).to_pydict()
text = lambda value: format(value, "f") if isinstance(value, Decimal) else None if value is None else str(value)
print(json.dumps([list(map(text, row)) for row in zip(*found.values())]))
"""


def installed() -> bool:
    """Whether the environment is there."""
    return PYTHON.exists()


def read_by_daft(metadata_location: str, columns: list[str]) -> list[tuple[Any, ...]]:
    """The rows of a table; every value is a text."""
    done = subprocess.run(
        [PYTHON, "-c", _PROGRAM, metadata_location, ",".join(columns)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(row) for row in json.loads(done.stdout.splitlines()[-1])]
