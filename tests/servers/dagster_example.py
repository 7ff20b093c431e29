"""Dagster with the example's code location, in an environment of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = REPOSITORY / ".venv-dagster" / "bin" / "python"
LOCATION = REPOSITORY / "examples" / "dagster" / "billstream_watch.py"
MISSING = "no Dagster: `make setup-dagster` makes .venv-dagster"
SECONDS = 300

_BEGIN = """
import json, sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
import dagster as dg
import billstream_watch as watch
"""
_TICK = """
with dg.build_sensor_context(cursor=json.loads(sys.argv[2]), definitions=watch.defs) as context:
    told = watch.ledger_sensor(context)
if isinstance(told, dg.SkipReason):
    print(json.dumps({"skipped": told.skip_message, "cursor": None, "events": []}))
else:
    print(json.dumps({"skipped": None, "cursor": told.cursor, "events": [
        {"asset": one.asset_key.to_user_string(), "tags": dict(one.tags or {}),
         "metadata": {name: value.value for name, value in one.metadata.items()}}
        for one in told.asset_events]}))
"""
_CHECK = """
instance = dg.DagsterInstance.ephemeral()
done = watch.defs.resolve_job_def("verify").execute_in_process(instance=instance, raise_on_error=False)
print(json.dumps({"success": done.success, "checks": [
    {"asset": one.asset_key.to_user_string(), "name": one.check_name, "passed": one.passed,
     "metadata": {name: value.value for name, value in one.metadata.items()}}
    for one in done.get_asset_check_evaluations()]}))
"""


def installed() -> bool:
    return PYTHON.exists()


def tick(environment: Mapping[str, str], cursor: str | None = None) -> dict[str, Any]:
    """Evaluate the sensor once: its events and its new cursor, or why it skipped."""
    return _run(_BEGIN + _TICK, environment, json.dumps(cursor))


def check(environment: Mapping[str, str]) -> dict[str, Any]:
    """Run the job with the asset check."""
    return _run(_BEGIN + _CHECK, environment)


def _run(program: str, environment: Mapping[str, str], *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [PYTHON, "-c", program, LOCATION.parent, *arguments],
        env={
            **os.environ,
            "BILLSTREAM_COMMAND": f"{sys.executable} -m billstream.cli.main",
            "DAGSTER_DISABLE_TELEMETRY": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
