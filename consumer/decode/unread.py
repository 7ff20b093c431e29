"""Tags that cannot be read: how many there are, and one warning for each header in the life of a process."""

from collections.abc import Sequence

import structlog

from billstream.consumer.decode.rescued import Rescue
from billstream.consumer.decode.scan import Scan, literals
from billstream.consumer.decode.staged import Staged
from billstream.consumer.decode.tabular import Tabular

log = structlog.get_logger(__name__)

_REMEMBERED = 1000  # headers
_SHOWN_NAMES = 10


def tags_unread(scans: Sequence[Scan]) -> str:
    """Return how many cells of a row that these scans have staged should be tags, and could not be read."""
    terms = []
    for scan in scans:
        if count := Rescue(scan.binding, scan.types).tags_unread():
            loads = literals([file.load_id for file in scan.files])
            terms.append(f"CASE WHEN list_contains({loads}, load_id) THEN {count} ELSE 0 END" if scans[1:] else count)
    return " + ".join(f"({term})" for term in terms) or "0"


class UnreadTags:
    """Warns of tags that cannot be read; `types` are the columns of `charges` with their DuckDB types."""

    def __init__(self, types: dict[str, str]) -> None:
        self._types = types
        self._warned = set[tuple[str, tuple[str, ...]]]()

    def warn(self, files: Sequence[Tabular], staged: Staged) -> None:
        """Warn of the headers whose tags could not all be read, each once: a file with them comes every hour."""
        for file in files:
            load = staged.loads.get(file.load_id)
            if file.binding is None or load is None or not load.tags_unread:
                continue
            binding = file.binding
            known = (binding.profile.name, binding.header)
            if known in self._warned:
                continue
            if len(self._warned) >= _REMEMBERED:
                self._warned.clear()
            self._warned.add(known)
            log.warning(
                "tags_unread",
                profile=binding.profile.name,
                columns=Rescue(binding, self._types).tag_names()[:_SHOWN_NAMES],
                cells=load.tags_unread,
                load_id=file.load_id,
                hint="These rows have no tags; their cells are kept in `rescued`. Run: billstream profile test FILE",
            )
