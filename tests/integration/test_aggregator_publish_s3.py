"""Publishing to a prefix of a bucket: whole publications, or the one before."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from billstream.aggregator import publish
from billstream.aggregator.pages.render import HTML_NAME, JSON_NAME
from billstream.aggregator.refresh import refresh_once
from billstream.aggregator.targets.bucket import OBJECTS, BucketTarget
from billstream.common.errors import Misconfigured, Retryable
from billstream.common.failpoints import CRASH_AT
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.e2e.commands import Billstream
from tests.integration.aggregator_support import NOW, Row, commit_load, new_lake, settings_in
from tests.servers.aws import AwsEnvironment

PUBLISH = """
from billstream.aggregator.publish import publish
from billstream.common.lake import Lake
from billstream.common.settings import Settings

settings = Settings.from_environment()
with Lake.open(settings) as lake:
    publish(lake, settings)
"""
CHARGE = Row(datetime(2025, 6, 1, tzinfo=UTC), "USD", billed_cost=Decimal("1.5"))


@dataclass
class Site:
    """A lake, and the bucket that its insights are published to."""

    aws: AwsEnvironment
    lake: Lake
    settings: Settings
    bucket: str

    def target(self, s3: Any = None) -> BucketTarget:  # noqa: ANN401 - boto3's, or what stands in for it
        assert self.settings.insights_url
        return BucketTarget(self.settings.insights_url, s3 or self.aws.s3)

    def load(self, load_id: str) -> None:
        commit_load(self.lake, load_id, [CHARGE])
        refresh_once(self.lake, now=NOW)

    def object(self, name: str) -> Any:  # noqa: ANN401 - boto3's
        return self.aws.s3.get_object(Bucket=self.bucket, Key=f"costs/{name}")

    def snapshots(self) -> tuple[int, bool]:
        """The snapshot of the index, and whether the page belongs to it."""
        index = json.loads(self.object(JSON_NAME)["Body"].read())["snapshot_id"]
        return index, f'content="{index}"' in self.object(HTML_NAME)["Body"].read().decode()


@dataclass
class Unconditional:
    """An S3 without conditional writes."""

    s3: Any

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - boto3's
        return getattr(self.s3, name)

    def put_object(self, **wanted: Any) -> Any:  # noqa: ANN401 - boto3's
        if {"IfMatch", "IfNoneMatch"} & wanted.keys():
            raise ClientError({"Error": {"Code": "NotImplemented"}}, "PutObject")
        return self.s3.put_object(**wanted)


@dataclass
class Overtaken:
    """An S3 on which somebody else publishes just before we write our first object."""

    s3: Any
    first: Callable[[], object] | None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - boto3's
        return getattr(self.s3, name)

    def put_object(self, **wanted: Any) -> Any:  # noqa: ANN401 - boto3's
        other, self.first = self.first, None
        if other:
            assert other()
        return self.s3.put_object(**wanted)


@pytest.fixture
def site(aws: AwsEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    bucket = aws.new_bucket()
    settings = settings_in(tmp_path).model_copy(update={"insights_dir": f"s3://{bucket}/costs/"})
    with new_lake(tmp_path) as lake:
        yield Site(aws, lake, settings, bucket)


def test_a_publication_is_whole_and_served_as_what_it_is(site: Site) -> None:
    site.load("a")
    assert publish.publish(site.lake, site.settings) == site.settings.insights_url
    assert publish.publish(site.lake, site.settings) is None, "nothing has changed"
    assert site.snapshots()[1]
    for name in (*OBJECTS, JSON_NAME):
        found = site.object(name)
        assert found["CacheControl"] == "no-cache"
        kind = {"html": "text/html; charset=utf-8", "md": "text/markdown; charset=utf-8", "json": "application/json"}
        assert found["ContentType"] == kind[name.rpartition(".")[2]]
    target = site.target()
    assert target.digest()

    # Of two that publish at once, the one that looked at the index before the other published gives way.
    site.load("b")
    publisher = publish.Publisher(site.lake)
    overtaken = Overtaken(site.aws.s3, lambda: publish.publish(site.lake, site.settings))
    with pytest.raises(Retryable, match="another process has published"):
        publisher.publish(site.target(overtaken))
    publish.publish(site.lake, site.settings)
    after = site.snapshots()
    assert after[1]

    # A bucket that knows no conditions is published to without them.
    site.load("c")
    assert publisher.publish(site.target(Unconditional(site.aws.s3)))
    assert site.snapshots()[0] > after[0]

    # The page of a publication that lost: the next look notices that it does not belong to the index.
    site.aws.s3.put_object(
        Bucket=site.bucket, Key=f"costs/{HTML_NAME}", Body=b"old", Metadata={"billstream": "insights"}
    )
    assert publish.publish(site.lake, site.settings)
    assert site.snapshots()[1]

    # And the objects of others are left alone.
    for name in (HTML_NAME, JSON_NAME):
        site.aws.s3.put_object(Bucket=site.bucket, Key=f"other/{name}", Body=b"{}")
        elsewhere = site.settings.model_copy(update={"insights_dir": f"s3://{site.bucket}/other"})
        with pytest.raises(Misconfigured, match=f"its {name} is not one of ours"):
            publish.publish(site.lake, elsewhere)
        site.aws.s3.delete_object(Bucket=site.bucket, Key=f"other/{name}")
    gone = site.settings.model_copy(update={"insights_dir": "s3://no-such-bucket-of-ours/costs"})
    with pytest.raises(Misconfigured, match="NoSuchBucket"):
        publish.publish(site.lake, gone)


@pytest.mark.parametrize("aws", ["ministack"], indirect=True)
def test_a_killed_publication_is_made_whole(site: Site, tmp_path: Path) -> None:
    site.load("a")
    publish.publish(site.lake, site.settings)
    before, _ = site.snapshots()
    site.load("b")
    environment = site.aws.environment() | {"BILLSTREAM_INSIGHTS_DIR": str(site.settings.insights_dir)}
    for point in ("before put #2", "after put #4"):  # and `insights.json` is the fifth
        process = subprocess.run(
            [sys.executable, "-c", PUBLISH],
            env=Billstream(tmp_path, {**environment, CRASH_AT: point}).env(),
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert process.returncode == -signal.SIGKILL, process.stderr
        assert site.snapshots()[0] == before, "the index is the last object, so it still names the old publication"

    assert site.snapshots() == (before, False), "the page is new"
    assert publish.publish(site.lake, site.settings)
    after, belongs = site.snapshots()
    assert after > before
    assert belongs
