"""The profiles at hand, and the one that fits a file."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path

import structlog

from billstream.common.errors import Fatal, Poison
from billstream.consumer.profiles.binding import Binding, bind
from billstream.consumer.profiles.model import Profile
from billstream.consumer.profiles.reading import read_profiles

log = structlog.get_logger(__name__)

_SHOWN_NAMES = 12
_LOGGED_NAMES = 50
_REMEMBERED = 1000  # headers; thousands of files share a few


class ProfileRegistry:
    """Profiles in the order they are tried: the user's own first, then the built-in ones."""

    def __init__(self, own: Sequence[Profile], built_in: Sequence[Profile]) -> None:
        self._ranks = (tuple(own), tuple(built_in))
        self._bound: dict[tuple[tuple[str, ...], frozenset[str]], Binding] = {}

    @classmethod
    def load(cls, folder: Path | None, *, columns: Mapping[str, str]) -> "ProfileRegistry":
        """Read the built-in profiles and those of `folder`.

        Args:
            folder: the user's own profiles, or None.
            columns: the columns of `charges` with their DuckDB types.

        Raises:
            Fatal: a profile is not valid; the text names the file, the line and the reason.
        """
        known = {column: kind for column, kind in columns.items() if column not in {"load_id", "rescued"}}
        if folder is not None and not folder.is_dir():
            raise Fatal(f"BILLSTREAM_PROFILES_DIR is {folder}, which is not a folder.")
        built_in = read_profiles(files("billstream.consumer.profiles") / "builtin", known, {})
        own = read_profiles(folder, known, built_in) if folder is not None else {}
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

    def bind(self, header: Sequence[str], key: str = "") -> Binding:
        """The profile that makes most columns of `charges` from the header.

        A profile of the user's own that fits is preferred to any built-in one, one that names the object's key to one
        that does not; of equals, the one that extends more others, then one that names the headers it is known by, then
        the first by name.

        Args:
            header: the names of the file's columns.
            key: the object's key, for profiles that ask for one.

        Raises:
            Poison: no profile fits, or one that knows such files not to be charges.
        """
        known = (tuple(header), self._hinted(key))
        if known not in self._bound:
            if len(self._bound) >= _REMEMBERED:
                self._bound.clear()
            self._bound[known] = self._find(known[0], key)
        return self._bound[known]

    def fitting(self, header: Sequence[str], key: str = "") -> list[Binding]:
        """Every profile that fits, the one to take first; those that refuse are before all others of their rank."""
        ranks = ([bind(profile, header, key) for profile in rank] for rank in self._ranks)
        return [binding for rank in ranks for binding in sorted(filter(None, rank), key=_preference)]

    def _hinted(self, key: str) -> frozenset[str]:
        """The profiles that ask for a key such as this one."""
        folded = key.casefold()
        return frozenset(
            profile.name
            for profile in self.profiles
            if any(fnmatchcase(folded, pattern.casefold()) for pattern in profile.match.keys)
        )

    def _find(self, header: tuple[str, ...], key: str) -> Binding:
        fitting = self.fitting(header, key)
        if not fitting:
            raise Poison(self._nothing_fits(header, key))
        chosen = fitting[0]
        if chosen.profile.refuse is not None:
            raise Poison(f"This is {chosen.profile.title}, not a list of charges: {chosen.profile.refuse}")
        unknown = [name for index, name in enumerate(header) if index not in chosen.used and name]
        if unknown:
            # Once for each header in the life of a process: their cells are in `rescued`, and nothing is lost.
            log.info(
                "columns_rescued", profile=chosen.profile.name, columns=unknown[:_LOGGED_NAMES], count=len(unknown)
            )
        return chosen

    def _nothing_fits(self, header: tuple[str, ...], key: str) -> str:
        shown = ", ".join(repr(name[:60]) for name in header[:_SHOWN_NAMES])
        more = f" and {len(header) - _SHOWN_NAMES} more" if len(header) > _SHOWN_NAMES else ""
        return (
            f"No profile fits the header: {shown}{more}. {self._nearest(header, key)}"
            "Add a profile to BILLSTREAM_PROFILES_DIR (`billstream profile new FILE` proposes one) and reload the file."
        )

    def _nearest(self, header: tuple[str, ...], key: str) -> str:
        """Which profile misses least, and what: a column that a vendor has dropped or renamed is named."""
        lacking = [
            (missing, profile)
            for profile in self.profiles
            if profile.fits(header, key) and 0 < len(missing := profile.missing(header)) < len(profile.match.needs)
        ]
        if not lacking:
            return ""
        missing, profile = min(lacking, key=lambda pair: (len(pair[0]), -_known(pair[1], header), pair[1].name))
        wanted = "; ".join(f"{column} (from {_origins(profile, column)})" for column in missing)
        return f"The nearest, {profile.name}, lacks {wanted}. "


def _preference(binding: Binding) -> tuple[bool, bool, int, int, bool, str]:
    profile = binding.profile
    return (
        profile.refuse is None,
        not profile.match.keys,
        -len(binding.used),
        -profile.depth,
        not profile.match.one_of,
        profile.name,
    )


def _known(profile: Profile, header: tuple[str, ...]) -> int:
    return len(profile.columns) - len(profile.missing(header, tuple(profile.columns)))


def _origins(profile: Profile, column: str) -> str:
    source = profile.columns[column]
    names = source.names or source.by or tuple(part.names[0] for part in (*source.first, *source.sum, *source.product))
    shown = " or ".join(names[:3])
    return f"{shown} or …" if len(names) > 3 else shown  # noqa: PLR2004 - enough to know what is meant
