"""Where a profile is tried: a lake of a moment, so that no lake is needed, and none is touched."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.consumer.decode import PlainText, plain_text
from billstream.consumer.profiles import ProfileRegistry


@dataclass(frozen=True)
class Bench:
    """An empty lake of this version, the profiles at hand, and a folder for copies of a file."""

    lake: Lake
    profiles: ProfileRegistry
    folder: Path

    @property
    def types(self) -> dict[str, str]:
        """The columns of `charges` with their DuckDB types, in the table's order."""
        return self.lake.columns("charges")

    def text(self, path: Path) -> PlainText:
        """A file as text that can be read; of the file before, nothing is left.

        It is read through a link, as a load does: DuckDB makes something of `*` and `.gz` in a file's name.

        Raises:
            Poison: it cannot be read.
        """
        link = self.folder / "object"
        link.unlink(missing_ok=True)
        link.symlink_to(path)
        return plain_text(link, self.folder / "text")


@contextmanager
def workbench(settings: Settings) -> Iterator[Bench]:
    """A bench for as long as the context lasts; nothing of it remains.

    Raises:
        Fatal: a profile is not valid; the text names the file, the line and the reason.
    """
    with tempfile.TemporaryDirectory(prefix="billstream-profile-") as folder:
        home = Path(folder)
        with Lake.open(_apart(settings, home), create=True) as lake:
            profiles = ProfileRegistry.load(settings.profiles_dir, columns=lake.columns("charges"))
            yield Bench(lake, profiles, home)


def _apart(settings: Settings, home: Path) -> Settings:
    """The same settings for a lake of its own."""
    elsewhere = {"home": home, "catalog": None, "data_path": None, "spool_dir": None}
    return Settings(**{**settings.model_dump(), **elsewhere})
