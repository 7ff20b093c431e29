"""Data files that are deleted or cut in the bucket of the lake, with PostgreSQL as the catalog."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from billstream.aggregator.refresh import rebuild, refresh_once
from billstream.cli import wiring
from billstream.cli.query import read_only
from billstream.cli.verify import mend, prove, repairs
from billstream.common.errors import DataDamaged, Misconfigured
from billstream.common.lake import Lake
from billstream.common.lake.datafiles import data_files
from billstream.common.stop import Stop
from tests.e2e.billing import BillingFile, billing_file
from tests.servers.proxy import Proxy, Rule, error
from tests.worlds import World, billed, charged

pytestmark = pytest.mark.usefixtures("no_file_is_remembered")

KEPT = {"lost": None, "half": 0.5, "cut": 0.97}  # the part of a file that is left
SENTENCE = r"\AA data file of the lake is lost or damaged \(.*\)\. Run `billstream verify --repair`: .*\.\Z"
EVERYTHING = "SELECT sum(list_cost), count(charge_description) FROM charges"


def spoil(world: World, path: str, kept: float | None) -> None:
    where, s3 = urlsplit(path), world.aws.s3
    bucket, key = where.netloc, where.path.lstrip("/")
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.delete_object(Bucket=bucket, Key=key)
    if kept is not None:
        s3.put_object(Bucket=bucket, Key=key, Body=body[: int(len(body) * kept)])


def test_a_data_file_that_is_lost_or_cut_is_told_worked_around_and_repaired(fleet: World) -> None:
    files: dict[str, BillingFile] = {}

    def put(name: str, seed: int) -> None:
        files[name] = billing_file(name, seed=seed)
        fleet.put(files[name])

    for seed, (name, kept) in enumerate(KEPT.items()):
        put(f"{name}.csv", seed)
        put(f"beside-{name}.csv", seed + 10)
        fleet.drain()
        refresh_once(fleet.lake)
        path = data_files(fleet.lake, "charges")[-1].path
        spoil(fleet, path, kept)
        put(f"{name}.csv", seed + 20)
        with Lake.open(fleet.settings) as fresh:  # one that was open before may have the file in its memory
            told_worked_around_and_repaired(replace(fleet, lake=fresh), path)
            assert charged(fresh) == billed(list(files.values())), name


def told_worked_around_and_repaired(world: World, path: str) -> None:
    lake, interest = world.lake, wiring.interest(world.settings)
    with pytest.raises(DataDamaged, match=SENTENCE):
        read_only(lake, EVERYTHING)
    with pytest.raises(DataDamaged, match=SENTENCE):
        rebuild(lake)
    world.drain()
    assert world.depth() == 0
    with pytest.raises(DataDamaged, match="verify --repair"):
        refresh_once(lake)
    proof = prove(lake, interest)
    assert any(finding.damaged and path in finding.problem for finding in proof.findings), proof.findings

    backfill = wiring.operator_backfill(world.settings, lake, Stop(), role="verify")
    assert mend(proof, repairs(lake, backfill, "verify@test"), lambda: prove(lake, interest)).findings == ()
    refresh_once(lake)
    world.assert_aggregates_are_true()


def test_a_bucket_that_is_gone_and_a_file_that_is_denied_are_no_lost_files(fleet: World, proxy: Proxy) -> None:
    fleet.put(billing_file("a.csv", seed=1), billing_file("b.csv", seed=2))
    fleet.drain()
    for status, code, words in ((404, "NoSuchBucket", "Create the bucket"), (403, "AccessDenied", "Grant")):
        rule = proxy.inject(Rule("*", error(status, code), 1000))
        with pytest.raises(Misconfigured, match=words):
            fleet.lake.rows(EVERYTHING)
        with Lake.open(fleet.settings, read_only=True) as sealed, pytest.raises(Misconfigured, match=words):
            read_only(sealed, EVERYTHING)
        with pytest.raises(Misconfigured, match=words):
            prove(fleet.lake, wiring.interest(fleet.settings))
        assert rule.injected
        rule.times = 0
    assert prove(fleet.lake, wiring.interest(fleet.settings)).findings == ()
