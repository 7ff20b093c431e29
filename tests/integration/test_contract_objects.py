"""The contract of a store of objects: it holds for S3, on two emulators, and for the fake alike."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from billstream.common.errors import Fatal, ObjectMissing, Poison
from billstream.consumer.events import GONE, EventKind, ObjectEvent, ObjectVersion
from billstream.consumer.s3.errors import Ownership
from billstream.consumer.s3.objects import ObjectStore, S3Objects
from tests.fakes.objects import FakeBucket
from tests.servers.aws import ACCESS_KEY, REGION, SECRET_KEY

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "year=2026/ä b+c & d.csv"


class Owner(Protocol):
    """Puts and removes objects; each call returns the event that S3 would announce."""

    def put(self, key: str, content: bytes) -> ObjectEvent: ...

    def remove(self, key: str) -> ObjectEvent: ...

    def remove_version(self, key: str, version_id: str) -> ObjectEvent: ...


@dataclass(frozen=True)
class S3Owner:
    """The owner of a bucket of an emulator."""

    s3: "S3Client"
    bucket: str

    def put(self, key: str, content: bytes) -> ObjectEvent:
        answer = self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return self._event(EventKind.CREATED, key, version_id=answer.get("VersionId"), etag=answer["ETag"].strip('"'))

    def remove(self, key: str) -> ObjectEvent:
        answer = self.s3.delete_object(Bucket=self.bucket, Key=key)
        return self._event(EventKind.REMOVED, key, version_id=answer.get("VersionId"))

    def remove_version(self, key: str, version_id: str) -> ObjectEvent:
        self.s3.delete_object(Bucket=self.bucket, Key=key, VersionId=version_id)
        return self._event(EventKind.REMOVED, key, version_id=version_id)

    def _event(self, kind: EventKind, key: str, **identity: Any) -> ObjectEvent:  # noqa: ANN401 - a field's value
        return ObjectEvent(kind=kind, bucket=self.bucket, key=key, event_name=f"Object{kind}", **identity)


@dataclass(frozen=True)
class Bench:
    """A store under test, and the owner of its bucket."""

    store: ObjectStore
    owner: Owner
    folder: Path

    def fetched(self, event: ObjectEvent) -> tuple[bytes, ObjectVersion]:
        found = self.store.fetch(event, self.folder / "object")
        return found.path.read_bytes(), found.version


def client(endpoint_url: str) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}),
    )


def bench_of(request: pytest.FixtureRequest, kind: str, folder: Path, *, versioned: bool) -> Iterator[Bench]:
    if kind == "fake":
        fake = FakeBucket(versioned=versioned)
        yield Bench(fake, fake, folder)
        return
    s3 = client(request.getfixturevalue(f"{kind}_url"))
    bucket = f"contract-{uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    if versioned:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    yield Bench(S3Objects(s3), S3Owner(s3, bucket), folder)
    s3.close()


KINDS = ["fake", "ministack", "localstack"]


@pytest.fixture(params=KINDS)
def unversioned(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    yield from bench_of(request, request.param, tmp_path, versioned=False)


@pytest.fixture(params=KINDS)
def versioned(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    yield from bench_of(request, request.param, tmp_path, versioned=True)


@pytest.fixture(params=[(kind, versioned) for kind in KINDS for versioned in (False, True)], ids=str)
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    kind, with_versions = request.param
    yield from bench_of(request, kind, tmp_path, versioned=with_versions)


@pytest.mark.parametrize("content", [b"one,two\n", b"", b"\x00\xff" * 100_000])
def test_an_object_is_fetched_byte_by_byte_with_its_version(either: Bench, content: bytes) -> None:
    event = either.owner.put(KEY, content)

    found, version = either.fetched(event)

    assert found == content
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert version == ObjectVersion(event.version_id, digest, len(content))
    assert event.etag == digest
    assert either.store.current(event) == version


def test_an_event_without_identity_gets_the_current_version(either: Bench) -> None:
    either.owner.put(KEY, b"old")
    event = either.owner.put(KEY, b"new")

    found, version = either.fetched(replace(event, version_id=None, etag=None))

    assert (found, version.etag) == (b"new", event.etag)


def test_a_replaced_version_is_still_available_in_a_versioned_bucket(versioned: Bench) -> None:
    old = versioned.owner.put(KEY, b"old")
    new = versioned.owner.put(KEY, b"new")

    assert versioned.fetched(old) == (b"old", ObjectVersion(old.version_id, old.etag, 3))
    assert versioned.store.current(old) == ObjectVersion(new.version_id, new.etag, 3)


def test_an_overwritten_object_is_fetched_in_its_current_version(unversioned: Bench) -> None:
    old = unversioned.owner.put(KEY, b"old")
    new = unversioned.owner.put(KEY, b"newer")

    assert unversioned.fetched(old) == (b"newer", ObjectVersion(None, new.etag, 5))


def test_a_removed_object_is_gone(either: Bench) -> None:
    either.owner.put(KEY, b"content")
    removed = either.owner.remove(KEY)

    assert either.store.current(removed) is GONE
    with pytest.raises(ObjectMissing):
        either.fetched(replace(removed, kind=EventKind.CREATED, version_id=None))


def test_a_version_below_a_delete_marker_is_available_until_it_is_removed_for_good(versioned: Bench) -> None:
    event = versioned.owner.put(KEY, b"content")
    marker = versioned.owner.remove(KEY)

    assert versioned.fetched(event)[0] == b"content"
    with pytest.raises(ObjectMissing):
        versioned.fetched(marker)

    versioned.owner.remove_version(KEY, str(event.version_id))
    with pytest.raises(ObjectMissing):
        versioned.fetched(event)


def test_the_version_below_is_current_again_when_the_marker_or_the_newest_version_is_removed_for_good(
    versioned: Bench,
) -> None:
    old, new = versioned.owner.put(KEY, b"old"), versioned.owner.put(KEY, b"newer")
    marker = versioned.owner.remove(KEY)
    assert versioned.store.current(marker) is GONE

    removal = versioned.owner.remove_version(KEY, str(marker.version_id))
    assert versioned.store.current(removal) == ObjectVersion(new.version_id, new.etag, 5)

    removal = versioned.owner.remove_version(KEY, str(new.version_id))
    assert versioned.store.current(removal) == ObjectVersion(old.version_id, old.etag, 3)


def test_an_object_that_never_existed_is_gone_too(either: Bench) -> None:
    event = replace(either.owner.put(KEY, b"content"), key="another.csv")

    assert either.store.current(event) is GONE
    with pytest.raises(ObjectMissing):
        either.fetched(event)


@pytest.mark.parametrize("emulator", ["ministack", "localstack"])
def test_a_bucket_that_does_not_exist_is_poison_unless_it_is_ours(
    request: pytest.FixtureRequest, emulator: str, tmp_path: Path
) -> None:
    s3 = client(request.getfixturevalue(f"{emulator}_url"))
    event = ObjectEvent(kind=EventKind.CREATED, bucket="nowhere-at-all", key=KEY, event_name="ObjectCreated:Put")

    for ownership in (Ownership(), Ownership("another")):
        with pytest.raises(Poison, match="NoSuchBucket"):
            S3Objects(s3, ownership).fetch(event, tmp_path / "object")
    with pytest.raises(Fatal, match=r"NoSuchBucket.*BILLSTREAM_BUCKET"):
        S3Objects(s3, Ownership("nowhere-at-all")).fetch(event, tmp_path / "object")


@pytest.mark.parametrize("emulator", ["ministack", "localstack"])
def test_a_bucket_with_an_invalid_name_is_poison(request: pytest.FixtureRequest, emulator: str, tmp_path: Path) -> None:
    store = S3Objects(client(request.getfixturevalue(f"{emulator}_url")))
    event = ObjectEvent(kind=EventKind.CREATED, bucket="no bucket", key=KEY, event_name="ObjectCreated:Put")
    with pytest.raises(Poison, match="Invalid bucket name"):
        store.fetch(event, tmp_path / "object")
    with pytest.raises(Poison, match="Invalid bucket name"):
        store.current(event)
