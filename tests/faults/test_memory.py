"""Small uploads that would cost much memory or time: each is measured in a process of its own, and costs little."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

HEADER = b"date,credits,cost,currency,user,note\n"
GOOD = b"2026-03-14,1,1,USD,u,n\n"
MEASURED = """
import json, resource, sys, time
from pathlib import Path
from billstream.common.ids import new_id
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.consumer.decode import Staging, open_tabular, plain_text
from billstream.consumer.profiles import ProfileRegistry

def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024

home = Path(sys.argv[1])
with Lake.open(Settings(home=home, threads=2), create=True) as lake:
    staging, registry = Staging(lake), ProfileRegistry.load(None, columns=lake.columns("charges"))
    warm_up = (home / "good.object", home / "good.text")
    staging.stage([open_tabular(new_id(), plain_text(*warm_up), registry)], new_id())
    (seconds, megabytes), paths = used(), (home / "bad.object", home / "bad.text")
    bad, good = (open_tabular(new_id(), plain_text(*pair), registry) for pair in (paths, warm_up))
    staged = staging.stage([bad, good], new_id())
    load = staged.loads.get(bad.load_id)
    print(json.dumps({
        "seconds": used()[0] - seconds, "megabytes": used()[1] - megabytes,
        "beside": staged.loads[good.load_id].rows_loaded,
        "reason": load.refused if load else staged.poisoned[bad.load_id], "listed": len(load.rejected) if load else 0,
    }))
"""

BOMBS = {
    # content, CPU seconds, megabytes, words of the reason
    "100,000 short lines": (gzip.compress(HEADER + b"x\n" * 100_000, 9), 2, 64, "100,000 of 100,000 records"),
    "10 million short lines": (gzip.compress(HEADER + b"x\n" * 10_000_000, 9), 10, 128, "10,000,000 of 10,000,000"),
    "short lines under a wide header": (
        gzip.compress(HEADER[:-1] + b"," + b",".join(b"c%d" % n for n in range(2000)) + b"\n" + b"x\n" * 50_000, 9),
        5,
        128,
        "50,000 of 50,000 records",
    ),
    "bad quotes": (gzip.compress(HEADER + b'"a"b,1\n' * 300_000, 9), 5, 128, "300,000 of 300,000 records"),
    "lines inside quotes": (
        gzip.compress(HEADER + GOOD[:-2] + b'"' + b"y\n" * 3_000_000 + b'"\n', 9),
        10,
        192,
        "records do not fit",
    ),
    "bad dates": (gzip.compress(HEADER + b"x,1,1,USD,u,n\n" * 200_000, 9), 6, 192, "200,000 of 200,000 records"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_rejected_records_cost_seconds_and_little_memory(tmp_path: Path, name: str) -> None:
    content, seconds, megabytes, words = BOMBS[name]
    (tmp_path / "bad.object").write_bytes(content)
    (tmp_path / "good.object").write_bytes(HEADER + GOOD)
    measured = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path)], capture_output=True, text=True, check=True, timeout=300
    )
    found = json.loads(measured.stdout.splitlines()[-1])
    assert words in found["reason"]
    assert found["listed"] == 100
    assert found["beside"] == 1
    assert found["seconds"] < seconds, found
    assert found["megabytes"] < megabytes, found
