"""One file, opened as far as it can be without reading its records."""

from dataclasses import dataclass
from pathlib import Path

from consumer.decode.header import read_header
from consumer.decode.plaintext import PlainText
from consumer.profiles import Binding, ProfileRegistry


@dataclass(frozen=True)
class Tabular:
    """A plain text file whose profile is known; `binding` is None for a file without any bytes."""

    load_id: str
    text: PlainText
    delimiter: str
    binding: Binding | None

    @property
    def path(self) -> Path:
        """The plain text on local disk."""
        return self.text.path

    @property
    def profile(self) -> str | None:
        """The name of the profile."""
        return self.binding.profile.name if self.binding else None


def open_tabular(load_id: str, text: PlainText, profiles: ProfileRegistry) -> Tabular:
    """Read the header of `text` and find its profile.

    Raises:
        Poison: no profile fits, or there is no header.
    """
    header = read_header(text.path)
    if header is None:
        return Tabular(load_id, text, ",", None)
    return Tabular(load_id, text, header.delimiter, profiles.bind(header.names))
