"""A temporary lake in which profiles are tried: no other lake is needed or changed."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from billstream.common.lake import Lake
from billstream.common.lake.tables import CHARGES
from billstream.common.settings import Settings
from billstream.consumer.decode import PlainText, plain_text
from billstream.consumer.layouts.layout import Layouts
from billstream.consumer.profiles import ProfileRegistry


@dataclass(frozen=True)
class Bench:
    """An empty lake of this version, the available profiles and layouts, and a folder for copies of a file."""

    lake: Lake
    profiles: ProfileRegistry
    folder: Path
    layouts: Layouts = field(default_factory=Layouts)
    settings: Settings = field(default_factory=Settings)

    @property
    def types(self) -> dict[str, str]:
        """The columns of `charges` with their DuckDB types, in the table's order."""
        return self.lake.columns("charges")

    def text(self, path: Path) -> PlainText:
        """Return a file as readable text; the copy of the file before is removed.

        It is read through a link, as in a load: DuckDB gives `*` and `.gz` in a file's name a meaning.

        Raises:
            Poison: it cannot be read.
        """
        link = self.folder / "object"
        link.unlink(missing_ok=True)
        link.symlink_to(path)
        return plain_text(link, self.folder / "text")


@contextmanager
def workbench(settings: Settings) -> Iterator[Bench]:
    """Yield a bench for the length of the block; it is removed afterwards.

    Raises:
        Fatal: a profile or a layout is not valid; the text names the file, the line and the reason.
    """
    with tempfile.TemporaryDirectory(prefix="billstream-profile-") as folder:
        home = Path(folder)
        with Lake.open(_apart(settings, home), create=True) as lake:
            columns = lake.columns_of_loads()
            profiles = ProfileRegistry.load(settings.profiles_dir, columns=columns[CHARGES], others=columns)
            layouts = Layouts.load(settings.exports_dir, settings.export_layouts)
            yield Bench(lake, profiles, home, layouts, settings)


def _apart(settings: Settings, home: Path) -> Settings:
    """Return the same settings for a separate lake."""
    # Not a catalog, data path or spool of the environment: those may be in production.
    elsewhere = {"home": home, "catalog": None, "data_path": None, "spool_dir": None}
    return Settings(**{**settings.model_dump(), **elsewhere})
