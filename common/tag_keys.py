"""The tag keys that costs are told by, as people write them: `team,team=cost-centre,env`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator

MOST_NAMES = 10
"""Each name may multiply the groups of the finest aggregate by its values."""
MOST_KEYS = 50
LONGEST_NAME = 64
LONGEST_KEY = 256

_NAME = re.compile(rf"[\w.:/@+ -]{{1,{LONGEST_NAME}}}")


@dataclass(frozen=True)
class TagKey:
    """One name that costs are told by, and the keys of tags that have its value, the first choice first."""

    name: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class TagKeys:
    """The configured names, in their order; none: costs are not told by tags.

    Its text is the setting in its plainest form: equal texts give equal aggregates.
    """

    names: tuple[TagKey, ...] = ()

    def __str__(self) -> str:
        return ",".join(f"{one.name}={key}" for one in self.names for key in one.keys)

    def __bool__(self) -> bool:
        return bool(self.names)

    @classmethod
    def parse(cls, text: str) -> "TagKeys":
        """Read `name` or `name=key`, separated by commas. A repeated name has several keys, the first one first.

        `team,team=cost-centre` is the tag `team` or, where a charge has none, the tag `cost-centre`. Names and keys are
        the same in upper and lower case.

        Raises:
            ValueError: the text is not understood, or it has too many names or keys.
        """
        found: dict[str, tuple[str, list[str]]] = {}
        for entry in _entries(text):
            name, equals, key = (part.strip() for part in entry.partition("="))
            key = key if equals else name
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"must have names of 1 to {LONGEST_NAME} letters, digits, spaces and .:/@+-_, as name or name=key"
                )
            if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
                raise ValueError(f"must have keys of 1 to {LONGEST_KEY} printable characters")
            _, keys = found.setdefault(name.lower(), (name, []))
            if key.lower() not in {known.lower() for known in keys}:
                keys.append(key)
        if len(found) > MOST_NAMES or sum(len(keys) for _, keys in found.values()) > MOST_KEYS:
            raise ValueError(f"must have at most {MOST_NAMES} names and {MOST_KEYS} keys")
        return cls(tuple(TagKey(name, tuple(keys)) for name, keys in found.values()))


NO_TAG_KEYS = TagKeys()


def _entries(text: str) -> Iterable[str]:
    return (entry for entry in text.split(",") if entry.strip())


def _parsed(value: object) -> object:
    return TagKeys.parse(value) if isinstance(value, str) else value


TagKeysSetting = Annotated[TagKeys, BeforeValidator(_parsed)]
"""A setting that names tag keys."""
