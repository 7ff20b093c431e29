"""The layouts at hand, and the role that a key has in them."""

import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import ValidationError

from billstream.common.errors import Fatal
from billstream.consumer.layouts.layout import Layout, ManifestOf, PartOf

_REMEMBERED = 1000  # keys; each step of an event asks for its role again


@dataclass(frozen=True)
class Layouts:
    """Layouts in the order they are tried: the user's own first, then the built-in ones. None: no key has a role."""

    active: tuple[Layout, ...] = ()
    _known: dict[str, PartOf | ManifestOf | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def load(cls, folder: Path | None, names: Collection[str] = ("all",)) -> "Layouts":
        """Read the built-in layouts and those of `folder`, and take those that are named.

        Args:
            folder: the user's own layouts, or None.
            names: the layouts that are wanted; `all` and `none` are understood.

        Raises:
            Fatal: a layout is not valid, or there is none of a name; the text names the file and the reason.
        """
        if folder is not None and not folder.is_dir():
            raise Fatal(f"BILLSTREAM_EXPORTS_DIR is {folder}, which is not a folder.")
        own = _read_all(folder) if folder is not None else []
        known = [*own, *(built for built in _built_in() if built.name not in {layout.name for layout in own})]
        return cls(tuple(_named(known, names)))

    def role(self, key: str) -> PartOf | ManifestOf | None:
        """What an object with this key is: a part of a delivery, a manifest, or an ordinary file."""
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = self._find(key)
        return self._known[key]

    def _find(self, key: str) -> PartOf | ManifestOf | None:
        for layout in self.active:
            if place := layout.manifest(key):
                return ManifestOf(layout, place)
            if place := layout.part(key):
                return PartOf(layout, place)
        return None


def _named(known: Sequence[Layout], names: Collection[str]) -> list[Layout]:
    if "none" in names:
        return []
    if "all" in names:
        return list(known)
    if unknown := sorted(set(names) - {layout.name for layout in known}):
        raise Fatal(
            f"BILLSTREAM_EXPORT_LAYOUTS names what is no layout: {', '.join(unknown)}. "
            f"There are {', '.join(layout.name for layout in known)}, `all` and `none`."
        )
    return [layout for layout in known if layout.name in names]


def _built_in() -> list[Layout]:
    return _read_all(files("billstream.consumer.layouts") / "builtin")


def _read_all(folder: Traversable) -> list[Layout]:
    scripts = sorted((f for f in folder.iterdir() if f.name.endswith(".toml") and f.is_file()), key=lambda f: f.name)
    return [_read(script) for script in scripts]


def _read(script: Traversable) -> Layout:
    try:
        return Layout.model_validate(tomllib.loads(script.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Fatal(f"The export layout {script} is not valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Fatal(f"The export layout {script} is not valid at {where or 'its top'}: {first['msg']}") from error
