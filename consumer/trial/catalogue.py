"""The available profiles, each with its file."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from billstream.common.errors import Fatal
from billstream.consumer.profiles import Profile, ProfileRegistry


@dataclass(frozen=True)
class Listed:
    """A profile and its file. `own` is true for a profile of the user."""

    profile: Profile
    own: bool
    path: str
    extends: str | None

    @property
    def whose(self) -> str:
        """The origin in words."""
        return "your own" if self.own else "built-in"

    def as_json(self) -> dict[str, Any]:
        """Return the profile as plain values."""
        match = self.profile.match.model_dump(mode="json")
        return {
            "name": self.profile.name,
            "title": self.profile.title,
            "own": self.own,
            "path": self.path,
            "extends": self.extends,
            "refuses": self.profile.refuse is not None,
            "scope": self.profile.scope,
            "match": match,
        }


def catalogue(profiles: ProfileRegistry, folder: Path | None) -> list[Listed]:
    """Return all profiles in the order in which they are tried.

    Args:
        profiles: the registry.
        folder: holds the user's own profiles.
    """
    # The registry holds the user's own first, then those that come with billstream.
    built_in = profiles.profiles[len(profiles.own) :]
    found = [*_listed(profiles.own, folder, own=True)] if folder is not None else []
    return [*found, *_listed(built_in, files("billstream.consumer.profiles") / "builtin", own=False)]


def named(found: Sequence[Listed], name: str) -> list[Listed]:
    """Return the profiles with this name: the user's own, and a built-in one.

    Raises:
        Fatal: no profile has the name.
    """
    meant = [one for one in found if one.profile.name == name]
    if not meant:
        raise Fatal(f"There is no profile {name!r}. The profiles are: {', '.join(one.profile.name for one in found)}.")
    return meant


def _listed(profiles: Sequence[Profile], folder: Traversable, *, own: bool) -> list[Listed]:
    scripts = {}
    for path in folder.iterdir():
        if path.name.endswith(".toml") and path.is_file():
            told = tomllib.loads(path.read_text(encoding="utf-8"))
            scripts[told.get("name")] = (str(path), told.get("extends"))
    return [Listed(profile, own, *scripts[profile.name]) for profile in profiles]
