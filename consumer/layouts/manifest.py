"""A manifest, read the way its layout describes: the parts that make up the delivery, and the time when it was made.

The content of a manifest is a claim. It may only name parts of its own export and period: one that names others would
replace their rows.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from billstream.common.errors import Poison
from billstream.consumer.layouts.layout import Layout, ManifestOf

MAX_BYTES = 16 * 1024 * 1024
MAX_PARTS = 10_000
_SHOWN = 200
_LONGEST_QUERY = 100_000
_TABLE = re.compile(r"(?i)^\s*SELECT\b.*\bFROM\s+([A-Za-z0-9_]+)", re.DOTALL)
_REMEDY = "Nothing of the delivery is loaded, earlier rows stay. Deliver the export again."


@dataclass(frozen=True)
class NamedPart:
    """A part that a manifest names, by its key in the manifest's bucket.

    `size_bytes` and `rows`, the number of its records, are None where the manifest does not tell. `overwritten` is true
    if the next delivery writes a part to the same key.
    """

    key: str
    size_bytes: int | None
    overwritten: bool
    rows: int | None = None


@dataclass(frozen=True)
class Manifest:
    """The parts and the time of a delivery; `time` is None where neither the manifest nor its folder has one.

    `dataset` and `data_version` say what the parts contain, None where the manifest does not tell.
    """

    parts: tuple[NamedPart, ...]
    time: datetime | None
    dataset: str | None = None
    data_version: str | None = None


def read_manifest(content: bytes, key: str, role: ManifestOf) -> Manifest:
    """Read the manifest that has this key.

    Raises:
        Poison: the content is no manifest, or names a part that it must not; the text names the problem.
    """
    document = _document(content)
    layout = role.layout
    items = _at(document, layout.manifests.parts)
    if not isinstance(items, list) or not items:
        raise Poison(f"The manifest names no parts: {layout.manifests.parts} is no list with items. {_REMEDY}")
    if len(items) > MAX_PARTS:
        raise Poison(f"The manifest names {len(items):,} parts; more than {MAX_PARTS:,} are not read. {_REMEDY}")
    parts = {part.key: part for part in (_part(item, key, role) for item in items)}
    rules, time = layout.manifests, _time(document, layout) or role.place.written_at
    told = (_name(document, rules.dataset), _name(document, rules.data_version))
    return Manifest(tuple(parts.values()), time, *told)


def _document(content: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Poison(f"The manifest is not JSON: {str(error)[:_SHOWN]}. {_REMEDY}") from error


def _part(item: object, manifest_key: str, role: ManifestOf) -> NamedPart:
    rules = role.layout.manifests
    name = _at(item, rules.key) if rules.key else item
    if not isinstance(name, str) or not name:
        raise Poison(f"The manifest has a part without a name at {rules.parts}. {_REMEDY}")
    size, rows = _count(item, rules.size), _count(item, rules.rows)
    # The first candidate in the manifest's own export and period is the part; the name alone decides nothing.
    for key in _candidates(_without_bucket(name), manifest_key):
        if key.startswith(role.place.prefix) and (place := role.layout.part(key, role.place)):
            return NamedPart(key, size, overwritten=place.delivery is None, rows=rows)
    raise Poison(
        f"The manifest names {name[:_SHOWN]!r}, which is no part of its own export and period "
        f"({role.place.prefix}, {role.place.period}). {_REMEDY}"
    )


def _count(item: object, path: str | None) -> int | None:
    """Return a number of things, from 0 to what 64 bits hold; None where the manifest does not tell one."""
    value = _at(item, path) if path else None
    return value if type(value) is int and 0 <= value < 2**63 else None  # a bool is an int


def _candidates(name: str, manifest_key: str) -> Iterator[str]:
    """Yield keys that may be meant: the name itself, then the name below each folder of the manifest, outermost first.

    Exports get copied, into another bucket, below another prefix, onto a disk; the names in their manifests do not. A
    report without a prefix has names and keys that begin with a slash, which a copy of it has lost.
    """
    yield name
    bare = name.lstrip("/")
    folders = manifest_key.split("/")[:-1]
    for depth in range(len(folders) + 1):
        below = "".join(f"{folder}/" for folder in folders[:depth])
        yield from dict.fromkeys((f"{below}{bare}", f"{below}/{bare}"))


def _without_bucket(name: str) -> str:
    return name.removeprefix("s3://").partition("/")[2] if name.startswith("s3://") else name


def _time(document: object, layout: Layout) -> datetime | None:
    path = layout.manifests.time
    text = _at(document, path) if path else None
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return moment.astimezone(UTC) if moment and moment.tzinfo else moment and moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _name(document: object, paths: Sequence[str]) -> str | None:
    """Return a name, from the first of these paths that has one."""
    for value in (_at(document, path) for path in paths):
        # A setting for each table of a query, of which an export has one.
        text = next(iter(value)) if isinstance(value, dict) and len(value) == 1 else value
        if isinstance(text, str) and text.strip():
            table = _TABLE.match(text[:_LONGEST_QUERY])
            return (table[1] if table else text.strip())[:_SHOWN]
    return None


def _at(document: object, path: str) -> Any:  # noqa: ANN401 - JSON
    """Return the value at a path of names; None where there is nothing."""
    names: Sequence[str] = path.split(".")
    for name in names:
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document
