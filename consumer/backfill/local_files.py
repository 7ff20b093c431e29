"""`billstream load`: local files through the same decode, ledger and commit as those of a bucket."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from billstream.common.errors import Fatal
from billstream.common.settings import Settings
from billstream.consumer.commit.ledger import State
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.events import FILE_BUCKET, EventKind, ObjectEvent
from billstream.consumer.intake import Intake
from billstream.consumer.layouts.registry import Layouts

_UNNAMEABLE = "The name of the file is not UTF-8 text; rename it."


@dataclass
class Loading:
    """What a load of local files did."""

    outcomes: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    rejected: int = 0
    troubles: list[tuple[str, str]] = field(default_factory=list)  # file, reason
    _brought: dict[str, str] = field(default_factory=dict, compare=False)  # by manifests: scope of a part to its state
    _waiting: set[str] = field(default_factory=set, compare=False)

    def add(self, outcome: Outcome) -> None:
        """Count one file: a part of a delivery as what its manifest has made of it, if that is among the files, too."""
        self._brought |= {line.scope: line.state.value for line in outcome.also}
        if outcome.label == State.AWAITING_MANIFEST:
            self._waiting.add(outcome.event.scope)
        else:
            self.outcomes[outcome.label] += 1
        self.rows += outcome.rows_loaded
        self.rejected += outcome.rows_rejected
        if reason := outcome.entry.reason if outcome.entry else outcome.reason:
            self.troubles.append((outcome.event.key, reason))

    def end(self) -> None:
        """Count the parts, now that every manifest has had its turn."""
        self.outcomes.update(self._brought.get(scope, State.AWAITING_MANIFEST.value) for scope in self._waiting)
        self._waiting.clear()


def find_files(paths: Sequence[Path], settings: Settings, layouts: Layouts = Layouts()) -> list[Path]:  # noqa: B008 - frozen
    """The files to load: those named, and those below the folders named whose names are included.

    So are the parts and the manifests of exports, which their folders tell.

    Raises:
        Fatal: a path is not there, or there is nothing to load.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            below = sorted(file for file in path.rglob("*") if file.is_file())
            found |= dict.fromkeys(
                file.resolve()
                for file in below
                if settings.includes(file.name) or layouts.role(str(file.resolve())) is not None
            )
        elif path.is_file():
            found[path.resolve()] = None
        else:
            raise Fatal(f"There is no file or folder {path}.")
    if not found:
        raise Fatal(f"No file matches BILLSTREAM_INCLUDE ({', '.join(settings.include)}).")
    return list(found)


def load_files(
    files: Sequence[Path], intake: Intake, settings: Settings, progress: Callable[[int], None] = lambda _: None
) -> Loading:
    """Load the files, a micro-batch a commit.

    Args:
        files: absolute paths.
        intake: over `LocalObjects`.
        settings: how large a micro-batch is.
        progress: told how many files each batch had.

    Raises:
        Retryable: the lake does not answer; what was loaded stays, and the same command goes on from there.
    """
    loading = Loading()
    named = [path for path in files if _is_text(path)]
    loading.troubles += [(ascii(str(path)), _UNNAMEABLE) for path in files if not _is_text(path)]
    for batch in _batches(named, settings):
        for outcome in intake.settle([_event(path) for path in batch]):
            loading.add(outcome)
        progress(len(batch))
    loading.end()
    return loading


def _is_text(path: Path) -> bool:
    """Whether the name is text: file systems take any bytes, a ledger of names does not."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _event(path: Path) -> ObjectEvent:
    return ObjectEvent(kind=EventKind.CREATED, bucket=FILE_BUCKET, key=str(path), event_name="load")


def _batches(files: Sequence[Path], settings: Settings) -> Iterator[list[Path]]:
    batch: list[Path] = []
    size = 0
    for path in files:
        batch.append(path)
        size += path.stat().st_size
        if len(batch) >= settings.batch_files or size >= settings.batch_bytes:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
