"""Records of texts in memory, as many at a time as may be held."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from billstream.consumer.decode.tabular import Tabular
from billstream.consumer.decode.typed.arrow_text import Refused, batches, together
from billstream.consumer.decode.typed.distinct import Array
from billstream.consumer.decode.typed.quotes import Quotes

PIECE_BYTES = 32 * 1024 * 1024
"""So much text is typed at a time; its columns take several times as much memory."""
PIECE_ROWS = 122_880
"""The rows of a group of a Parquet file, as DuckDB writes them."""


@dataclass(frozen=True)
class Text:
    """A text that Arrow may read; on a second core, too, where no other one is read at the same time."""

    file: Tabular
    quotes: Quotes
    alone: bool


@dataclass
class Piece:
    """Records of texts, one text after the other."""

    counts: list[tuple[str, int]] = field(default_factory=list)
    batches: list[pa.RecordBatch] = field(default_factory=list)
    _rows: int = 0
    _bytes: int = 0

    def add(self, load_id: str, batches: Sequence[pa.RecordBatch]) -> None:
        """Add records of a load."""
        count = sum(batch.num_rows for batch in batches)
        self.counts.append((load_id, count))
        self.batches += batches
        self._rows += count
        self._bytes += sum(batch.get_total_buffer_size() for batch in batches)

    @property
    def is_full(self) -> bool:
        """True if no more should be added."""
        return self._rows >= PIECE_ROWS or self._bytes >= PIECE_BYTES

    def cells(self) -> dict[int, Array]:
        """Return the cells by position."""
        columns = pa.Table.from_batches(self.batches).combine_chunks().columns
        return {position: column.chunk(0) for position, column in enumerate(columns)}

    def load_ids(self) -> Array:
        """Return the load of each record, as an array with a dictionary."""
        names = list(dict.fromkeys(load_id for load_id, _ in self.counts))
        places = {load_id: place for place, load_id in enumerate(names)}
        numbers = np.repeat([places[load] for load, _ in self.counts], [count for _, count in self.counts])
        return pa.DictionaryArray.from_arrays(pa.array(numbers, pa.int32()), names)


def pieces(texts: Sequence[Text], left_out: dict[str, int], refused: dict[str, str]) -> Iterator[Piece]:
    """Yield the records of one text piece by piece, or of several texts as one piece.

    Each text that could be read gets an entry in `left_out`, each other one of several in `refused`.

    Raises:
        Refused: the only text cannot be read.
    """
    if len(texts) == 1:
        yield from _pieces_of(texts[0])
        left_out.setdefault(texts[0].file.load_id, 0)
        return
    in_lines = [text for text in texts if not text.quotes.around_lines]
    piece = _in_lines(in_lines)
    joined = {load_id for load_id, _ in piece.counts}
    for text in texts:
        load_id = text.file.load_id
        try:
            if load_id not in joined:
                piece.add(load_id, list(batches(text.file, text.quotes, alone=False)))
            left_out.setdefault(load_id, 0)
        except Refused as error:
            refused[load_id] = str(error)
    if piece.batches:
        yield piece


def _in_lines(texts: Sequence[Text]) -> Piece:
    """Return the records of all texts, or of none where one of them is not what it should be."""
    if not texts:
        return Piece()
    quotes = Quotes(any=any(text.quotes.any for text in texts))
    try:
        counts, found = together([text.file for text in texts], quotes)
    except Refused:
        return Piece()
    return Piece([(text.file.load_id, count) for text, count in zip(texts, counts, strict=True)], found)


def _pieces_of(text: Text) -> Iterator[Piece]:
    piece = Piece()
    for batch in batches(text.file, text.quotes, alone=text.alone):
        piece.add(text.file.load_id, [batch])
        if piece.is_full:
            yield piece
            piece = Piece()
    if piece.batches:
        yield piece
