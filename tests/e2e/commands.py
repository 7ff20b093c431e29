"""billstream as its users run it: the real commands, each a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = 300  # far more than any command takes


def python_path(*, as_shipped: bool = False) -> str:
    """The PYTHONPATH of a process that is to find this very code."""
    inherited = None if as_shipped else os.environ.get("PYTHONPATH")
    return os.pathsep.join(filter(None, [inherited, str(REPOSITORY)]))


@dataclass(frozen=True)
class Billstream:
    """The commands with one environment.

    Args:
        home: `BILLSTREAM_HOME`, which need not exist.
        environment: more variables, and other values.
        as_shipped: nothing is spared for the sake of the tests; see `tests/first_on_path`.
    """

    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    as_shipped: bool = False

    def env(self) -> dict[str, str]:
        """What the processes see."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BILLSTREAM_"))}
        return {
            **kept,
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONPATH": python_path(as_shipped=self.as_shipped),
            "BILLSTREAM_HOME": str(self.home),
            "BILLSTREAM_POLL_SECONDS": "1",
            "BILLSTREAM_BATCH_SECONDS": "0.5",
            **self.environment,
        }

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command; its standard error goes to a log in the home."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / f"{arguments[0]}.log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "billstream.cli.main", *arguments],
                env=self.env(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=REPOSITORY,
            )

    def run(self, *arguments: str, expect: int = 0) -> str:
        """Run a command to its end; its standard output. Fails the test on another exit code than expected."""
        done = subprocess.run(
            [sys.executable, "-m", "billstream.cli.main", *arguments],
            env=self.env(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            cwd=REPOSITORY,
            check=False,
        )
        assert done.returncode == expect, f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout if expect == 0 else done.stdout + done.stderr

    def sql(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query."""
        rows: list[dict[str, Any]] = json.loads(self.run("sql", query, "--format", "json"))
        return rows

    def totals(self, table: str) -> dict[str | None, Decimal]:
        """Billed cost by currency."""
        rows = self.sql(f"SELECT billing_currency AS currency, sum(billed_cost) AS billed FROM {table} GROUP BY ALL")
        return {row["currency"]: Decimal(row["billed"]) for row in rows if row["billed"] is not None}
