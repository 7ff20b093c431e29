"""The profiles of this installation, and the one that fits a file."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import structlog

from billstream.common.errors import Misconfigured, Poison
from billstream.common.lake.tables import CHARGES
from billstream.consumer.profiles.binding import Binding, bind
from billstream.consumer.profiles.model import Profile
from billstream.consumer.profiles.origin import Origin, origin_of
from billstream.consumer.profiles.reading import ReadProfile, read_profiles

log = structlog.get_logger(__name__)

_SHOWN_NAMES = 12
_LOGGED_NAMES = 50
_SHOWN_ORIGINS = 3
_REMEMBERED = 1000  # headers


class ProfileRegistry:
    """Profiles in the order they are tried: the user's own first, then the built-in ones."""

    def __init__(self, own: Sequence[Profile], built_in: Sequence[Profile]) -> None:
        self._ranks = (tuple(own), tuple(built_in))
        self._bound: dict[tuple[tuple[str, ...], frozenset[str]], Binding] = {}

    @classmethod
    def load(
        cls, folder: Path | None, *, columns: Mapping[str, str], others: Mapping[str, Mapping[str, str]] | None = None
    ) -> "ProfileRegistry":
        """Read the built-in profiles and those of `folder`.

        Args:
            folder: the user's own profiles, or None.
            columns: the columns of `charges` with their DuckDB types.
            others: those of the other tables; see `read_profiles`.

        Raises:
            Fatal: a profile is not valid; the text names the file, the line and the reason.
        """
        # These two are written by the load itself; a user's profile may not fill them. One of ours fills `rescued`:
        # that of files that were made from rows of a lake.
        given = {CHARGES: columns} if others is None else {**others, CHARGES: columns}
        fillable = {table: {c: kind for c, kind in types.items() if c != "load_id"} for table, types in given.items()}
        tables = {table: {c: kind for c, kind in types.items() if c != "rescued"} for table, types in fillable.items()}
        if folder is not None and not folder.is_dir():
            raise Misconfigured(
                f"BILLSTREAM_PROFILES_DIR is {folder}, which is not a folder. "
                "No file was read: set it to a folder with profiles, or unset it."
            )
        built_in = _built_in(tuple((table, tuple(types.items())) for table, types in fillable.items()))
        own = read_profiles(folder, tables[CHARGES], built_in, tables) if folder is not None else {}
        return cls([one.profile for one in own.values()], [one.profile for one in built_in.values()])

    @property
    def own(self) -> tuple[Profile, ...]:
        """The user's own profiles."""
        return self._ranks[0]

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """All profiles, in the order they are tried."""
        return (*self._ranks[0], *self._ranks[1])

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all profiles, in the order they are tried."""
        return tuple(profile.name for profile in self.profiles)

    def only(self, name: str) -> "ProfileRegistry | None":
        """Return the profile of this name alone, whatever the origin of a file; None if there is none of this name.

        For files of which the ledger tells the profile: their origin has been looked at when they were loaded.
        """
        for profile in self.profiles:
            if profile.name == name:
                match = profile.match.model_copy(update={"keys": (), "datasets": ()})
                return ProfileRegistry([profile.model_copy(update={"match": match})], [])
        return None

    def bind(self, header: Sequence[str], key: Origin | str = "") -> Binding:
        """Return the profile that a file with this header gets, bound to the header.

        A profile of the user's own that fits comes before any built-in one, one that names the object's key before one
        that does not; then the one that uses most columns of the header; of equals, the one that extends more others,
        then one that names the headers it is known by, then the first by name.

        Args:
            header: the names of the file's columns.
            key: the object's key, or its origin, for profiles that ask for one.

        Raises:
            Poison: no profile fits, or the one that fits refuses such files.
        """
        origin = origin_of(key)
        # Thousands of files share a few headers, and binding one to all profiles takes milliseconds.
        names = tuple(header)
        known = (names, self._asking_for(origin))
        if known in self._bound:
            return self._bound[known]
        fitting = self.fitting(names, origin)
        if not fitting:
            raise Poison(self._nothing_fits(names, origin))
        chosen = fitting[0]
        if chosen.profile.refuse is not None:
            why = origin.filled_in(chosen.profile.refuse)
            raise Poison(f"This is {chosen.profile.title}, not a list of charges: {why}")
        if chosen.doubt is not None:
            raise Poison(chosen.doubt)
        structures = {"", *(name.rpartition(".")[0] for name in names)}  # of Parquet: their fields are named one by one
        unknown = [n for index, n in enumerate(names) if index not in chosen.used and n not in structures]
        if unknown:
            # Once for each header in the life of a process: their cells are in `rescued`, and nothing is lost.
            log.info(
                "columns_rescued", profile=chosen.profile.name, columns=unknown[:_LOGGED_NAMES], count=len(unknown)
            )
        if len(self._bound) >= _REMEMBERED:
            self._bound.clear()
        self._bound[known] = chosen
        return chosen

    def fitting(self, header: Sequence[str], key: Origin | str = "") -> list[Binding]:
        """Return every profile that fits, the best first; those that refuse are before all others of their rank."""
        ranks = ([bind(profile, header, key) for profile in rank] for rank in self._ranks)
        return [binding for rank in ranks for binding in sorted(filter(None, rank), key=_preference)]

    def _asking_for(self, origin: Origin) -> frozenset[str]:
        """Return the names of the profiles that ask for an origin such as this one."""
        asking = (one for one in self.profiles if one.match.keys or one.match.datasets)
        return frozenset(profile.name for profile in asking if profile.match.fits_origin(origin))

    def _nothing_fits(self, header: tuple[str, ...], origin: Origin) -> str:
        shown = ", ".join(repr(name[:60]) for name in header[:_SHOWN_NAMES])
        more = f" and {len(header) - _SHOWN_NAMES} more" if len(header) > _SHOWN_NAMES else ""
        return (
            f"No profile fits the header: {shown}{more}. {_dataset(origin)}{self._nearest(header, origin)}"
            "Add a profile to BILLSTREAM_PROFILES_DIR (`billstream profile new FILE` proposes one) and reload the file."
        )

    def _nearest(self, header: tuple[str, ...], key: Origin) -> str:
        """Return a sentence on the profile that lacks least: it names a column that a vendor has dropped or renamed."""
        lacking = []
        for profile in self.profiles:
            missing = profile.missing(header)
            if profile.fits(header, key) and 0 < len(missing) < len(profile.match.needs):
                fed = len(profile.columns) - len(profile.missing(header, tuple(profile.columns)))
                lacking.append((len(missing), -fed, profile.name, profile, missing))
        if not lacking:
            return ""
        *_, profile, missing = min(lacking, key=lambda entry: entry[:3])
        wanted = []
        for column in missing:
            names = profile.columns[column].header_names
            more = " or …" if len(names) > _SHOWN_ORIGINS else ""
            wanted.append(f"{column} (from {' or '.join(names[:_SHOWN_ORIGINS])}{more})")
        return f"The nearest, {profile.name}, lacks {'; '.join(wanted)}. "


def _dataset(origin: Origin) -> str:
    if origin.dataset is None:
        return ""
    version = f", version {origin.data_version!r}" if origin.data_version else ""
    return f"The manifest tells the dataset {origin.dataset!r}{version}. "


def _preference(binding: Binding) -> tuple[bool, bool, int, int, bool, str]:
    # False sorts before True, and a larger number is wanted first.
    profile = binding.profile
    return (
        profile.refuse is None,
        not profile.match.keys,
        -binding.recognised,
        -profile.depth,
        not profile.match.one_of,
        profile.name,
    )


@cache
def _built_in(tables: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]) -> Mapping[str, ReadProfile]:
    """Return the built-in profiles, which are read once in a process: half a second of CPU."""
    types = {table: dict(columns) for table, columns in tables}
    return read_profiles(files("billstream.consumer.profiles") / "builtin", types[CHARGES], {}, types)
