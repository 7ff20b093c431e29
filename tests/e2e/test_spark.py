"""The example that computes all aggregates from an Iceberg copy with another engine."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.billing import billing_file
from tests.e2e.commands import REPOSITORY, Billstream
from tests.servers import engines
from tests.servers.spark_connect import spark_connect

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not engines.installed(), reason=engines.MISSING),
]
JOB = REPOSITORY / "examples" / "spark" / "aggregates.py"
TABLES = ("daily_costs", "user_costs", "service_costs", "region_costs")
UNITS = """ChargePeriodStart,BillingCurrency,BilledCost,EffectiveCost,ServiceName,ConsumedQuantity,ConsumedUnit
2026-01-31T23:59:59Z,USD,0.000000000000000001,,Compute,1.5,Hours
2026-01-31T00:00:00Z,USD,9999999999999999.999999999999999998,,Compute,0.25,Hours
2026-01-31T00:00:00Z,USD,,-3,Compute,-7,GB
2026-02-01T00:00:00Z,,1,1,,2,
2026-02-01T00:00:00Z,,1,1,"He said ""no"", and left",,GB
"""


def published(folder: Path, *rounds: Mapping[str, bytes]) -> Path:
    """The folder with the tables of a copy of a new lake, which was published to after each round of bills by name."""
    bills = folder / "bills"
    bills.mkdir(parents=True)
    warehouse = folder / "warehouse"
    (folder / "targets.toml").write_text(
        '[target.copy]\nkind = "iceberg"\n\n[target.copy.catalog]\ntype = "sql"\n'
        f'uri = "sqlite:///{folder}/catalog.db"\nwarehouse = "file://{warehouse}"\n'
    )
    billstream = Billstream(folder / "home", {"BILLSTREAM_TARGETS": str(folder / "targets.toml")})
    billstream.run("init")
    for files in rounds:
        for name, bill in files.items():
            (bills / name).write_bytes(bill)
        billstream.run("load", str(bills))
        billstream.run("aggregate", "--once")
        billstream.run("publish", "copy")
    return warehouse / "billstream"


def test_spark_computes_what_billstream_has(tmp_path: Path) -> None:
    bills = {f"{number}.csv": billing_file(f"{number}.csv", seed=number, rows=200).body for number in range(3)}
    copy = published(tmp_path / "one", bills, {"1.csv": UNITS.encode()})
    other = published(tmp_path / "other", bills)
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for table in ("charges", *TABLES):
        (mixed / table).symlink_to((other if table == "user_costs" else copy) / table)

    with spark_connect(tmp_path / "server.log") as url:
        found = [
            subprocess.run(
                [engines.PYTHON, "-I", JOB, "--remote", url, str(place)],
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            for place in (copy, mixed)
        ]
    same, differs = found
    assert same.returncode == 0, same.stdout + same.stderr
    told = [line for line in same.stdout.splitlines() if line.endswith(", 0 missing, 0 that should not be there")]
    assert [line.split(":")[0] for line in told] == [*TABLES]
    assert differs.returncode == 1, differs.stdout + differs.stderr
    assert [line.split(":")[0] for line in differs.stdout.splitlines() if ", 0 missing" in line] == [
        "daily_costs",
        "service_costs",
        "region_costs",
    ]
    assert "  missing: {'charge_day': " in differs.stdout
