"""Local files through the same decode, ledger and commit as the objects of a bucket."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from billstream.common.errors import Fatal
from billstream.common.outputs import own_folders
from billstream.common.settings import Settings
from billstream.consumer.commit.outcome import Hindrances, Outcome
from billstream.consumer.decide.states import State
from billstream.consumer.events import FILE_BUCKET, EventKind, ObjectEvent, batches
from billstream.consumer.intake import Intake
from billstream.consumer.layouts.layout import Layouts

_UNNAMEABLE = "The file's name is not UTF-8, so it was not loaded. Rename the file, and load it again."


@dataclass
class Loading:
    """The result of loading local files. `troubles` are pairs of (file, reason)."""

    outcomes: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    rejected: int = 0
    troubles: list[tuple[str, str]] = field(default_factory=list)
    # A manifest decides about its parts: scope of a part to its state.
    _delivered: dict[str, str] = field(default_factory=dict, compare=False)
    _waiting: set[str] = field(default_factory=set, compare=False)

    def add(self, outcome: Outcome) -> None:
        """Count one file; a part of a delivery is counted at the end, when its manifest may have been loaded."""
        # The entries after the event's own are those of the parts that a manifest has delivered.
        self._delivered |= {entry.scope: entry.state.value for entry in outcome.entries[1:]}
        if outcome.label == State.AWAITING_MANIFEST:
            self._waiting.add(outcome.event.scope)
        else:
            self.outcomes[outcome.label] += 1
        self.rows += outcome.rows_loaded
        self.rejected += outcome.rows_rejected
        # That a newer delivery is active is no trouble: its rows are the ones that count.
        if (reason := outcome.reason) and outcome.label != State.STALE:
            self.troubles.append((outcome.event.key, reason))

    def end(self) -> None:
        """Count the parts, now that every manifest has been processed."""
        self.outcomes.update(self._delivered.get(scope, State.AWAITING_MANIFEST.value) for scope in self._waiting)
        self._waiting.clear()


def find_files(paths: Sequence[Path], settings: Settings, layouts: Layouts = Layouts()) -> list[Path]:  # noqa: B008 - frozen
    """Return the files to load: those named, and the included ones below the folders named.

    Parts and manifests of exports are included too; a layout recognises them by their folders. What billstream itself
    has written below a folder is left out.

    Raises:
        Fatal: a path does not exist, or there is nothing to load.
    """
    found: dict[Path, None] = {}
    own = own_folders(settings)
    for path in paths:
        if path.is_dir():
            # Sorted, so that the same folder gives the same batches again after an interruption.
            below = sorted(file for file in path.rglob("*") if file.is_file())
            found |= dict.fromkeys(
                resolved
                for file in below
                for resolved in [file.resolve()]
                if (settings.includes(file.name) or layouts.role(str(resolved)) is not None)
                and not any(resolved.is_relative_to(folder) for folder in own)
            )
        elif path.is_file():
            found[path.resolve()] = None
        else:
            raise Fatal(f"There is no file or folder {path}; nothing was loaded. Check the path.")
    if not found:
        raise Fatal(
            f"No file matches BILLSTREAM_INCLUDE ({', '.join(settings.include)}); nothing was loaded. Name the files "
            "themselves, or change BILLSTREAM_INCLUDE."
        )
    return list(found)


def load_files(
    files: Sequence[Path], intake: Intake, settings: Settings, progress: Callable[[int], None] = lambda _: None
) -> Loading:
    """Load the files, one commit for each micro-batch.

    Args:
        files: absolute paths.
        intake: over `LocalObjects`.
        settings: hold the size of a micro-batch.
        progress: called with the number of files of each batch.

    Raises:
        Retryable: the lake does not answer; what was loaded stays, and the same command goes on from there.
        Held: at the end, when all files of a batch have failed, so that none is at fault.
        Fatal: to go on would be wrong; what was loaded stays.
    """
    loading = Loading()
    hindrances = Hindrances()
    named = []
    for path in files:
        # File systems take any bytes as a name, which Python shows as lone surrogates; the ledger's names are text.
        if any("\ud800" <= character <= "\udfff" for character in str(path)):
            loading.troubles.append((ascii(str(path)), _UNNAMEABLE))
        else:
            named.append(path)
    for batch in batches(
        named, settings.batch_files, most_bytes=settings.batch_bytes, size_bytes=lambda path: path.stat().st_size
    ):
        events = [
            ObjectEvent(kind=EventKind.CREATED, bucket=FILE_BUCKET, key=str(path), event_name="load") for path in batch
        ]
        intake.recover()
        outcomes = intake.process(events)
        for outcome in outcomes:
            loading.add(outcome)
        progress(len(batch))
        hindrances.meet(outcomes)
    hindrances.leave()
    loading.end()
    return loading
