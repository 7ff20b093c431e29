"""The demo's changes to the bucket, with the books of what the lake must hold."""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from billstream.cli.demo.samples import Books, SampleFile
from billstream.cli.demo.world import World
from billstream.common.errors import Fatal
from billstream.consumer.provision.failures import explained

UPLOAD_THREADS = 8  # botocore keeps ten connections


@dataclass
class Bucket:
    """The bucket of a world. It counts its changes and keeps the books."""

    world: World
    books: Books = field(default_factory=Books)
    uploads: int = 0
    no_bills: int = 0
    removals: int = 0
    repeats: int = 0

    @property
    def name(self) -> str:
        """The bucket's name."""
        return self.world.settings.bucket

    def upload(self, files: Iterable[SampleFile]) -> Iterator[None]:
        """Write the files, several at a time; yields after each. Their keys must differ."""
        with ThreadPoolExecutor(UPLOAD_THREADS) as pool:
            try:
                for file in pool.map(self._put, files):
                    self.books.put(file.key, file.truth)
                    self.uploads += 1
                    yield
            finally:
                pool.shutdown(cancel_futures=True)

    def upload_folder(self, folder: Path, paths: Iterable[Path]) -> Iterator[None]:
        """Write files of the reader's own, by their paths relative to `folder`; yields after each."""
        with ThreadPoolExecutor(UPLOAD_THREADS) as pool:
            try:
                for key in pool.map(lambda path: self._put_path(folder, path), paths):
                    self.uploads += 1
                    self.no_bills += not self.world.settings.includes(key)
                    yield
            finally:
                pool.shutdown(cancel_futures=True)

    def remove(self, key: str) -> None:
        """Remove an object."""
        with explained(f"object {key}"):
            self.world.s3.delete_object(Bucket=self.name, Key=key)
        self.books.remove(key)
        self.removals += 1

    def notify_again(self, key: str, times: int) -> None:
        """Send the notification of an existing object again, as S3 may do at any time."""
        with explained(f"object {key}"):
            head = self.world.s3.head_object(Bucket=self.name, Key=key)
        described = {"key": key, "size": head["ContentLength"], "eTag": head["ETag"].strip('"')}
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "eventTime": datetime.now(UTC).isoformat(),
            "s3": {"bucket": {"name": self.name}, "object": described},
        }
        with explained(f"queue {self.world.queue_url}"):
            for _ in range(times):
                self.world.sqs.send_message(
                    QueueUrl=self.world.queue_url, MessageBody=json.dumps({"Records": [record]})
                )
        self.repeats += times

    def _put(self, file: SampleFile) -> SampleFile:
        with explained(f"object {file.key}"):
            self.world.s3.put_object(Bucket=self.name, Key=file.key, Body=file.body)
        return file

    def _put_path(self, folder: Path, path: Path) -> str:
        key = path.relative_to(folder).as_posix()
        try:
            with explained(f"object {key}"), path.open("rb") as body:
                self.world.s3.put_object(Bucket=self.name, Key=key, Body=body)
        except (OSError, UnicodeError) as error:
            raise Fatal(f"{path!r} cannot be uploaded: {error}") from error
        return key
