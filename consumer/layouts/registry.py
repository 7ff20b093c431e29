"""The active layouts, and the role that a key has in them."""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import ValidationError

from billstream.common.errors import Fatal
from billstream.consumer.layouts.layout import Layout, ManifestOf, PartOf


@dataclass(frozen=True)
class Layouts:
    """Layouts in the order they are tried: the user's own first, then the built-in ones. None: no key has a role."""

    active: tuple[Layout, ...] = ()

    @classmethod
    def load(cls, folder: Path | None, names: Collection[str] = ("all",)) -> "Layouts":
        """Read the built-in layouts and those of `folder`, and take those that are named.

        Args:
            folder: the user's own layouts, or None. A layout of a built-in one's name replaces it.
            names: the layouts that are wanted; `all` and `none` are understood.

        Raises:
            Fatal: a layout is not valid, or no layout has one of the names; the text names the file and the reason.
        """
        if folder is not None and not folder.is_dir():
            raise Fatal(
                f"BILLSTREAM_EXPORTS_DIR is {folder}, which is not a folder. Nothing was read: set it to a folder "
                "with layouts, or unset it."
            )
        built_in = {layout.name: layout for layout in _read_all(files("billstream.consumer.layouts") / "builtin")}
        own = {layout.name: layout for layout in _read_all(folder)} if folder is not None else {}
        known = own | {name: layout for name, layout in built_in.items() if name not in own}
        if "none" in names:
            return cls()
        if "all" in names:
            return cls(tuple(known.values()))
        if unknown := sorted(set(names) - known.keys()):
            raise Fatal(
                f"BILLSTREAM_EXPORT_LAYOUTS names what is no layout: {', '.join(unknown)}. "
                f"Nothing was read: choose among {', '.join(known)}, `all` and `none`."
            )
        return cls(tuple(layout for name, layout in known.items() if name in names))

    def role(self, key: str) -> PartOf | ManifestOf | None:
        """Return the role of an object: a part of a delivery, a manifest, or None for an ordinary file."""
        for layout in self.active:
            # A manifest first: it may lie in the folder of the parts.
            if place := layout.manifest(key):
                return ManifestOf(layout, place)
            if place := layout.part(key):
                return PartOf(layout, place)
        return None


def _read_all(folder: Traversable) -> list[Layout]:
    layouts = []
    for script in sorted(folder.iterdir(), key=lambda file: file.name):
        if not script.name.endswith(".toml") or not script.is_file():
            continue
        try:
            layouts.append(Layout.model_validate(tomllib.loads(script.read_text("utf-8"))))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Fatal(f"The export layout {script} is not valid TOML: {error}. Repair it or move it away.") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "its top"
            reason = f"The export layout {script} is not valid at {where}: {first['msg']}"
            raise Fatal(f"{reason}. Repair it or move it away.") from error
    return layouts
