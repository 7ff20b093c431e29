"""The profiles at hand, and the one that fits a header."""

import tomllib
from collections.abc import Iterable, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import ValidationError

from common.errors import Fatal, Poison
from consumer.profiles.model import Binding, Profile

_SHOWN_NAMES = 12
_NEVER_NULL = "charge_period_start"
_REMEMBERED = 1000  # headers; thousands of files share a few


class ProfileRegistry:
    """Profiles in the order they are tried: the user's own first, then the built-in ones."""

    def __init__(self, own: Sequence[Profile], built_in: Sequence[Profile]) -> None:
        self._ranks = (tuple(own), tuple(built_in))
        self._bound: dict[tuple[str, ...], Binding] = {}

    @classmethod
    def load(cls, folder: Path | None, *, columns: Iterable[str]) -> "ProfileRegistry":
        """Read the built-in profiles and those of `folder`.

        Args:
            folder: the user's own profiles, or None.
            columns: the columns of `charges` that a profile may fill.

        Raises:
            Fatal: a profile is not valid; the text names the file and the reason.
        """
        known = frozenset(columns) - {"load_id", "rescued"}
        if folder is not None and not folder.is_dir():
            raise Fatal(f"BILLSTREAM_PROFILES_DIR is {folder}, which is not a folder.")
        own = _read_all(folder, known) if folder is not None else []
        return cls(own, _read_all(files("consumer.profiles"), known))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all profiles, in the order they are tried."""
        return tuple(profile.name for rank in self._ranks for profile in rank)

    def bind(self, header: Sequence[str]) -> Binding:
        """The profile that knows most of the header's columns; of equals, the first by name.

        A profile of the user's own that fits is preferred to any built-in one.

        Raises:
            Poison: no profile fits.
        """
        known = tuple(header)
        if known not in self._bound:
            if len(self._bound) >= _REMEMBERED:
                self._bound.clear()
            self._bound[known] = self._find(known)
        return self._bound[known]

    def _find(self, header: tuple[str, ...]) -> Binding:
        for rank in self._ranks:
            fitting = [binding for profile in rank if (binding := profile.bind(header)) is not None]
            if fitting:
                return min(fitting, key=lambda binding: (-len(binding.positions), binding.profile.name))
        shown = ", ".join(repr(name[:60]) for name in header[:_SHOWN_NAMES])
        more = f" and {len(header) - _SHOWN_NAMES} more" if len(header) > _SHOWN_NAMES else ""
        raise Poison(
            f"No profile ({', '.join(self.names)}) fits the header: {shown}{more}. "
            "Add one to BILLSTREAM_PROFILES_DIR and reload the file."
        )


def _read_all(folder: Traversable, known: frozenset[str]) -> list[Profile]:
    scripts = sorted((f for f in folder.iterdir() if f.name.endswith(".toml") and f.is_file()), key=lambda f: f.name)
    return [_read(script, known) for script in scripts]


def _read(script: Traversable, known: frozenset[str]) -> Profile:
    try:
        profile = Profile.model_validate(tomllib.loads(script.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Fatal(f"The profile {script} is not valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Fatal(f"The profile {script} is not valid at {where or 'its top'}: {first['msg']}") from error
    if unknown := sorted(set(profile.columns) - known):
        raise Fatal(f"The profile {script} maps to columns that `charges` does not have: {', '.join(unknown)}")
    time = profile.columns.get(_NEVER_NULL)
    if time is None or not (time.required or time.constant):
        raise Fatal(f"The profile {script} must map {_NEVER_NULL} with `required = true`: every charge has its day.")
    return profile
