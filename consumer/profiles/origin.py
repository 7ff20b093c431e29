"""The origin of a file: its key, the own name of its export, and what the manifest of its delivery tells.

A name is only ever that of the export itself. The folders above it hold other exports, too.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import escape

# Folders that divide an export: `year=2026`, `2026`, `20260901-20260930`, `2026-09-13T05:00:00Z`, an id of a run.
_GUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_DIVISION = re.compile(rf"[\w. -]+=.*|[0-9][0-9TZ_.: -]*|[0-9a-fA-F]{{32}}|{_GUID}")
_LONGEST = 200


@dataclass(frozen=True)
class Origin:
    """Where a file comes from.

    `export` is the own name of its export, `file` the file's own; `dataset` and `data_version` are what the manifest of
    its delivery tells, None where there is no manifest, or where it does not tell.
    """

    key: str = ""
    export: str = ""
    file: str = ""
    dataset: str | None = None
    data_version: str | None = None

    @classmethod
    def of(
        cls, key: str, export: str | None = None, dataset: str | None = None, data_version: str | None = None
    ) -> "Origin":
        """Return the origin of the file with this key.

        Args:
            key: the object's key, or the path of a local file.
            export: the export's name as its layout tells it; without it, the nearest folder that is no division by
                time, such as `year=2026`.
            dataset: what the manifest calls the content.
            data_version: the version of the dataset, as the manifest tells it.
        """
        folder, _, file = key.rpartition("/")
        name = _nearest_name(folder) if export is None else export
        return cls(key, name, file, dataset, data_version)

    def is_like(self, patterns: Sequence[str]) -> bool:
        """Return whether one of these patterns (*, ?) fits, in any case.

        A pattern without a slash is compared with the name of the export, that of the file, and both with a slash
        between them; one with a slash with the whole key.
        """
        both = f"{self.export}/{self.file}" if self.export else self.file
        own = [name.casefold() for name in (self.export, self.file, both) if name]
        folded = (pattern.casefold() for pattern in patterns)
        return any(
            fnmatchcase(self.key.casefold(), one) if "/" in one else any(fnmatchcase(name, one) for name in own)
            for one in folded
        )

    def is_of(self, datasets: Sequence[str]) -> bool:
        """Return whether the manifest tells one of these datasets (`*` is any text), in any case.

        `FocusCost` is that dataset in every version, `FocusCost 1.0*` in these; "" is a file whose dataset is not told.
        """
        if self.dataset is None:
            return "" in datasets
        told = (self.dataset.casefold(), f"{self.dataset} {self.data_version or ''}".strip().casefold())
        return any(fnmatchcase(name, one.casefold()) for one in datasets if one for name in told)

    def filled_in(self, text: str) -> str:
        """Return a sentence with this export's name in the place of `{export}`, as a pattern in quotes."""
        name = escape((self.export or self.file)[:_LONGEST])
        return text.replace("{export}", json.dumps(name, ensure_ascii=False))


def origin_of(key: "Origin | str") -> Origin:
    """Return an origin; a key alone is that of a file without a manifest."""
    return key if isinstance(key, Origin) else Origin.of(key)


def _nearest_name(folder: str) -> str:
    names = (name for name in reversed(folder.split("/")) if name and not _DIVISION.fullmatch(name))
    return next(names, "")
