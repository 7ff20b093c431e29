"""Every file becomes plain UTF-8 text on local disk before DuckDB sees it; Parquet is checked and stays as it is.

DuckDB 1.5 loads what it can of a truncated gzip stream without a word, and a byte that is not UTF-8 ends its whole
process state. So one pass in Python, at the speed of the disk, checks both, and hashes the content on the way. Only a
file that is not plain already is copied: one that is compressed, has another encoding, or mixes the ends of its lines.
"""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from billstream.common.errors import Poison
from billstream.consumer.decode.plain.archive import OFFICE_DOCUMENT, Archive, Member
from billstream.consumer.decode.plain.compression import (
    HEAD_BYTES,
    Budget,
    Packing,
    Reader,
    chunks,
    packing,
    peeked,
    unpacked,
    unpacked_again,
)
from billstream.consumer.decode.plain.encoding import (
    UTF8,
    WINDOWS,
    LineEnds,
    NotText,
    announced,
    is_windows,
    unified,
    utf8,
)
from billstream.consumer.decode.plain.joining import Joined, Part
from billstream.consumer.decode.plain.parquet import Layout, read_layout

log = structlog.get_logger(__name__)

_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True)
class PlainText:
    """A file that is safe to read: plain UTF-8 without NUL, whose lines end alike, or a sound Parquet file.

    `path` is the original where that is plain already; otherwise a file in the spool. `content_sha256` is the hash of
    the original bytes, `size_bytes` their number, `encoding` that of the original. `parts` are the files of an archive,
    in the text's order. `lines` is the number of line ends. `parquet` describes the columns of a Parquet file, None for
    text. `spare` is a path in the spool where a shorter copy may be written.
    """

    path: Path
    content_sha256: str
    size_bytes: int
    encoding: str = UTF8
    parts: tuple[Part, ...] = ()
    lines: int = field(default=0, compare=False)
    parquet: Layout | None = None
    spare: Path | None = field(default=None, compare=False)


def plain_text(original: Path, spool: Path) -> PlainText:
    """Check and hash `original`; where necessary, decompress, transcode and join it.

    Args:
        original: a local file; never changed.
        spool: a path in the spool for a plain copy, when that is needed. Paths that differ from it only in the suffix
            may be taken as well.

    Raises:
        Poison: damaged compression, a decompression bomb, another encoding, or NUL bytes; the text names the place.
    """
    with original.open("rb") as raw:
        head = raw.read(HEAD_BYTES)
    kind = packing(head)
    if head.startswith(_OLE_MAGIC):
        raise Poison(OFFICE_DOCUMENT)
    found = PlainText(original, "", original.stat().st_size, spare=spool.with_suffix(".records"))
    # Parquet stays as it is: Arrow has checked every page, and DuckDB reads the columns that it needs.
    if kind is Packing.PARQUET:
        return replace(found, content_sha256=_digest(original), parquet=read_layout(original))
    if kind is None and announced(head) == UTF8 and (checked := _checked_as_it_is(original)):
        digest, lines = checked
        return replace(found, content_sha256=digest, lines=lines)
    try:
        return _copied(found, kind, spool)
    except OSError:  # where the disk is full, the caller measures what took its room, and removes it
        raise
    except BaseException:
        spool.unlink(missing_ok=True)
        raise


def _digest(original: Path) -> str:
    with original.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()


def _checked_as_it_is(original: Path) -> tuple[str, int] | None:
    """Return the hash and the lines of a text that can be read where it is; None when a copy has to be made.

    Raises:
        Poison: it is neither UTF-8 nor Windows-1252.
    """
    digest, ends = hashlib.sha256(), LineEnds()
    try:
        with original.open("rb") as stream:
            for chunk in utf8(chunks(stream), UTF8, ends):
                digest.update(chunk)
    except NotText as problem:
        with original.open("rb") as stream:
            if not is_windows(chunks(stream)):
                raise Poison(str(problem)) from problem
        return None
    return (digest.hexdigest(), ends.count) if ends.alike else None


def _copied(found: PlainText, kind: Packing | None, spool: Path) -> PlainText:
    digest = _digest(found.path)  # of the upload, and not of the copy: the same upload is known by it again
    with _sources(found, kind) as sources, spool.open("wb") as target:
        joined = Joined(target)
        encodings = [_append(source, joined, alone=len(sources) == 1) for source in sources]
    for encoding in {*encodings} - {UTF8}:
        log.info("text_transcoded", encoding=encoding)
    return replace(
        found,
        path=spool if joined.ends.alike else _with_alike_ends(spool),
        content_sha256=digest,
        encoding=encodings[0],
        parts=joined.parts if len(joined.parts) > 1 else (),
        lines=joined.ends.count,
    )


@contextmanager
def _sources(found: PlainText, kind: Packing | None) -> Iterator[Sequence[Member]]:
    if kind is Packing.ZIP:
        with Archive(found.path) as archive:
            yield archive.members
        return
    with found.path.open("rb") as raw:

        def opened() -> Reader:
            raw.seek(0)
            budget = Budget(found.size_bytes)
            return raw if kind is None else unpacked_again(unpacked(raw, kind, budget), budget)

        yield [Member("", opened)]


def _append(source: Member, joined: Joined, *, alone: bool) -> str:
    """Write one source to the text, and return its encoding.

    Raises:
        Poison: it is no text, or damaged; the reason names the source unless it is the only one.
    """
    try:
        head, stream = peeked(source.open())
        encoding = announced(head)
        try:
            joined.append(source.name, utf8(chunks(stream), encoding, LineEnds()))
        except NotText as problem:
            # Read to the end: if the stream is damaged, the damage is the reason, and not the byte that it led to.
            deque(chunks(stream), maxlen=0)
            if problem.encoding != UTF8 or not is_windows(chunks(source.open())):
                raise Poison(str(problem)) from problem
            encoding = WINDOWS
            joined.take_back()
            joined.append(source.name, utf8(chunks(source.open()), encoding, LineEnds()))
    except Poison as poison:
        raise poison if alone or source.name in str(poison) else Poison(f"{source.name}: {poison}") from poison
    return encoding


def _with_alike_ends(spool: Path) -> Path:
    path = spool.with_suffix(".lines")
    with spool.open("rb") as source, path.open("wb") as target:
        target.writelines(unified(chunks(source)))
    spool.unlink()
    return path
