"""One file, opened as far as it can be without reading its records."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from billstream.common.errors import Poison
from billstream.consumer.decode.body import without_surroundings
from billstream.consumer.decode.header import EmptyLine, Header, later_headers, read_header
from billstream.consumer.decode.plaintext import PlainText
from billstream.consumer.profiles import Binding, ProfileRegistry

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Tabular:
    """A file whose profile is known; `binding` is None for a file without anything in it.

    `records` is a file that begins with the header and ends with the last record, where the text itself does not:
    it is the text from line `first_line` on.
    """

    load_id: str
    text: PlainText
    delimiter: str
    binding: Binding | None
    records: Path | None = None
    first_line: int = 1

    @property
    def header_binding(self) -> Binding:
        """The binding of a file that has a header.

        Raises:
            ValueError: it has none, so there is nothing in it to scan.
        """
        if self.binding is None:
            raise ValueError("a file without a header is not scanned")
        return self.binding

    @property
    def path(self) -> Path:
        """The header and the records, on local disk."""
        return self.records or self.text.path

    @property
    def profile(self) -> str | None:
        """The name of the profile."""
        return self.binding.profile.name if self.binding else None


def open_tabular(load_id: str, text: PlainText, profiles: ProfileRegistry, key: str = "") -> Tabular:
    """Find the header of `text` and its profile.

    The header is the first record of the file; where no profile fits that, the first of the records in its first
    lines that one fits. So a title above the header does no harm, and a row of values is never taken for a header.

    Args:
        load_id: the load that the file becomes.
        text: what `plain_text` made of it.
        profiles: those to choose from.
        key: the object's key, for profiles that ask for one.

    Raises:
        Poison: no profile fits, or there is no header.
    """
    bind = partial(_bound, profiles, key)
    if text.parquet is not None:
        return Tabular(load_id, text, "", profiles.bind(text.parquet.names, key))
    try:
        header = read_header(text.path)
        if header is None:
            return Tabular(load_id, text, ",", None)
        binding = bind(header)
    except Poison as poison:
        header, binding = _below_titles(text.path, bind, poison)
    footers: tuple[str, ...] = binding.profile.values.footers
    records = without_surroundings(text.path, header, footers, text.spare)
    if header.line > 1:
        log.info("preamble_left_out", load_id=load_id, lines=header.line - 1)
    return Tabular(load_id, text, header.delimiter, binding, records, header.line)


def _bound(profiles: ProfileRegistry, key: str, header: Header) -> Binding:
    try:
        return profiles.bind(header.names, key)
    except Poison as poison:
        told = f"Line {header.line}: {poison}"
        raise (Poison(told) if len(header.names) > 1 else _Title(told)) from poison


class _Title(Poison):
    """A line with a single cell is no header, but most likely a title."""


def _below_titles(path: Path, bind: Callable[[Header], Binding], first: Poison) -> tuple[Header, Binding]:
    """The header below the first line.

    Raises:
        Poison: there is none; the reason speaks of the first line that is neither empty nor a title.
    """
    likeliest = first
    for header in later_headers(path):
        try:
            return header, bind(header)
        except Poison as poison:
            if isinstance(likeliest, _Title | EmptyLine) and not isinstance(poison, _Title):
                likeliest = poison
    raise likeliest
