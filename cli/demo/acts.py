"""The acts of a demo: sample files and then typical incidents, or files of the reader's own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from billstream.cli.demo.bucket import Bucket
from billstream.cli.demo.findings import Findings
from billstream.cli.demo.planted import found_in
from billstream.cli.demo.samples import Story, Truth
from billstream.cli.demo.verdict import Check, true_to
from billstream.cli.demo.waiting import wait_until_processed
from billstream.cli.terminal import marked
from billstream.common.errors import Fatal

REPEATED_NOTIFICATIONS = 3


class Act(Protocol):
    """Work on the bucket, and the facts that must be true afterwards."""

    def play(self, bucket: Bucket, console: Console) -> None:
        """Do the work; return when the lake has all of it."""

    def truth(self, bucket: Bucket) -> Truth | None:
        """Return what the lake must hold, None if unknown."""

    def checks(self, bucket: Bucket, findings: Findings) -> list[Check]:
        """Compare the findings with the truth."""


@dataclass(frozen=True)
class Samples:
    """A season of sample files, followed by typical incidents."""

    story: Story

    def play(self, bucket: Bucket, console: Console) -> None:
        """See `Act`."""
        count = sum(1 for _ in self.story.deliveries())
        title = f"Uploading {count} billing files to s3://{bucket.name}"
        _with_progress(title, bucket.upload(self.story.deliveries()), count, console)
        _settle(bucket, console)
        console.print("Now typical incidents: a notification comes again, one file is restated, another is removed,")
        console.print("one is not a CSV at all, and one has bad rows.")
        surprises = self.story.surprises()
        bucket.notify_again(surprises.notified_again, REPEATED_NOTIFICATIONS)
        for _ in bucket.upload([surprises.restated, surprises.corrupt, surprises.with_bad_rows]):
            pass
        bucket.remove(surprises.removed)
        _settle(bucket, console)

    def truth(self, bucket: Bucket) -> Truth:
        """See `Act`."""
        return bucket.books.truth

    def checks(self, bucket: Bucket, findings: Findings) -> list[Check]:
        """See `Act`."""
        return [
            *true_to(self.truth(bucket), findings, self.story.surprises().corrupt.key),
            *found_in(findings.insights, self.story),
        ]


@dataclass(frozen=True)
class OwnFiles:
    """Files of the reader's own, below `folder`. Their content is unknown, so there is nothing to check."""

    folder: Path
    paths: Sequence[Path]

    @classmethod
    def below(cls, folder: Path) -> "OwnFiles":
        """Return every file below the folder.

        Raises:
            Fatal: the folder has no files.
        """
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        if not paths:
            raise Fatal(f"There are no files in {folder}. Name a folder with billing files.")
        return cls(folder, paths)

    def play(self, bucket: Bucket, console: Console) -> None:
        """See `Act`."""
        title = f"Uploading {len(self.paths)} files of {self.folder} to s3://{bucket.name}"
        _with_progress(title, bucket.upload_folder(self.folder, self.paths), len(self.paths), console)
        _settle(bucket, console)

    def truth(self, bucket: Bucket) -> None:
        """See `Act`."""

    def checks(self, bucket: Bucket, findings: Findings) -> list[Check]:  # noqa: ARG002 - the port's form
        """See `Act`."""
        return []


def _settle(bucket: Bucket, console: Console) -> None:
    with console.status("The consumer loads, the aggregator follows …"):
        wait_until_processed(bucket.world)


def _with_progress(title: str, steps: Iterable[None], count: int, console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        for _ in progress.track(steps, total=count, description=marked(title)):
            pass
