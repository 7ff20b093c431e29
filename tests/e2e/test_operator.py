"""The operator's commands as processes: Ctrl-C in the middle of a replay, and a proof over a lake opened read-only."""

import signal
import time
from pathlib import Path

import pytest

from tests.e2e.billing import billing_file, expected_totals
from tests.e2e.commands import Billstream
from tests.servers.aws import AwsEnvironment


@pytest.mark.parametrize("aws", ["ministack"], indirect=True)
def test_a_replay_that_is_interrupted_is_taken_up_again(aws: AwsEnvironment, tmp_path: Path) -> None:
    billstream = Billstream(tmp_path, aws.environment())
    billstream.run("init")
    files = [billing_file(f"year=2026/month=01/{number:03}.csv", seed=number, rows=3) for number in range(100)]
    for file in files:
        aws.s3.put_object(Bucket=aws.bucket, Key=file.key, Body=file.body)
    replay = Billstream(tmp_path, {**aws.environment(), "BILLSTREAM_BATCH_FILES": "1"}).start("replay")
    data = tmp_path / "data" / "main" / "charges"
    deadline = time.monotonic() + 300
    while len(list(data.glob("*.parquet"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)

    replay.send_signal(signal.SIGINT)
    told, _ = replay.communicate(timeout=300)

    assert replay.returncode == 130
    assert "to go on from there, run the same command again" in told
    [interrupted] = billstream.sql("SELECT count(*) AS files FROM active_loads")
    assert 0 < interrupted["files"] < len(files), "it was not interrupted in the middle, so nothing was proved"
    billstream.run("replay")
    assert billstream.totals("charges") == expected_totals(files)
    assert billstream.sql("SELECT count(*) AS lines FROM ledger") == [{"lines": len(files)}]
    assert "bucket and ledger agree (100 objects" in billstream.run("verify", "--s3")
