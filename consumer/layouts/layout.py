"""Layouts: the keys of an export's parts and manifests, how its manifests are read, and the role that a key has."""

import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from billstream.common.errors import Misconfigured
from billstream.consumer.layouts.place import Place
from billstream.consumer.layouts.template import Template, glob_pattern


def _file_name(text: str) -> re.Pattern[str]:
    if not text or any(character in text for character in "/{}"):
        raise ValueError("a file's name has no slash and no braces")
    return re.compile(glob_pattern(text))


def _path(text: str) -> str:
    if not all(text.split(".")):
        raise ValueError("a path is one name or more, with a dot between them")
    return text


def _one_or_more(given: object) -> object:
    return (given,) if isinstance(given, str) else given


# Texts of a layout are compiled once, where they are read.
KeyTemplate = Annotated[Template, BeforeValidator(Template.parse)]
FileName = Annotated[re.Pattern[str], BeforeValidator(_file_name)]
JsonPath = Annotated[str, AfterValidator(_path)]
JsonPaths = Annotated[tuple[JsonPath, ...], BeforeValidator(_one_or_more)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Parts(_Strict):
    """The files with the rows."""

    folders: tuple[KeyTemplate, ...] = Field(min_length=1, description="Templates of the folders they are in.")
    files: tuple[FileName, ...] = Field(min_length=1, description="Their names; `*` is any text.")


class Manifests(_Strict):
    """The files that list the parts that belong together."""

    keys: tuple[KeyTemplate, ...] = Field(min_length=1, description="Templates of their keys.")
    parts: JsonPath = Field(description="Where in the JSON the list of parts is: names with dots between them.")
    key: JsonPath | None = Field(
        None, description="Where in an item of the list the part's key is; without it, the item itself is the key."
    )
    size: JsonPath | None = Field(None, description="Where in an item of the list the part's size in bytes is.")
    rows: JsonPath | None = Field(None, description="Where in an item of the list the number of its records is.")
    time: JsonPath | None = Field(None, description="Where in the JSON the time of the delivery is, in ISO 8601.")
    dataset: JsonPaths = Field(
        (),
        description="Where in the JSON the name of the dataset is: the first of these that is there. Of a SELECT it is "
        "the table, of an object its only key.",
    )
    data_version: JsonPaths = Field((), description="Where in the JSON the version of the dataset is, likewise.")


class Runs(_Strict):
    """Files that are a whole delivery each, without a manifest: the newest of a period replaces the one before."""

    keys: tuple[KeyTemplate, ...] = Field(min_length=1, description="Templates of their keys, with `{run}`.")


_NO_PARTS = Parts.model_construct(folders=(), files=())
_NO_MANIFESTS = Manifests.model_construct(keys=(), parts="")
_NO_RUNS = Runs.model_construct(keys=())


class Layout(_Strict):
    """One way of laying out an export in a bucket: parts with manifests, or runs of one file each."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    documentation: tuple[str, ...] = Field((), description="Where the layout is described.")
    parts: Parts = _NO_PARTS
    manifests: Manifests = _NO_MANIFESTS
    runs: Runs = _NO_RUNS

    @model_validator(mode="after")
    def _whole(self) -> "Layout":
        if bool(self.parts.folders) != bool(self.manifests.keys) or not (self.parts.folders or self.runs.keys):
            raise ValueError("a layout has [parts] and [manifests], or [runs]")
        return self

    def part(self, key: str, manifest: Place | None = None) -> Place | None:
        """Return the place of a part with this key, None if the key is not that of a part.

        Args:
            key: the key of an object.
            manifest: the place of a manifest; only parts of its export and period count, if it is given.
        """
        # The name first: it costs least, and rules out most keys.
        folder, _, name = key.rpartition("/")
        if not any(file.fullmatch(name) for file in self.parts.files):
            return None
        places = (place for template in self.parts.folders if (place := template.match(folder)))
        return next((place for place in places if manifest is None or place.same_export(manifest)), None)

    def manifest(self, key: str) -> Place | None:
        """Return the place of a manifest with this key, None if the key is not that of a manifest."""
        return next((place for template in self.manifests.keys if (place := template.match(key))), None)

    def run(self, key: str, other: Place | None = None) -> Place | None:
        """Return the place of a run with this key, None if the key is not that of a run.

        Args:
            key: the key of an object.
            other: the place of another run; only runs of its export and period count, if it is given.
        """
        places = (place for template in self.runs.keys if (place := template.match(key)))
        return next((place for place in places if other is None or place.same_export(other)), None)


@dataclass(frozen=True)
class PartOf:
    """The role of an object that is a part of a delivery."""

    layout: Layout
    place: Place


@dataclass(frozen=True)
class ManifestOf:
    """The role of an object that is a manifest."""

    layout: Layout
    place: Place


@dataclass(frozen=True)
class RunOf:
    """The role of an object that is a whole delivery by itself."""

    layout: Layout
    place: Place


Role = PartOf | ManifestOf | RunOf


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
            raise Misconfigured(
                f"BILLSTREAM_EXPORTS_DIR is {folder}, which is not a folder. Nothing was read: set it to a folder "
                "with layouts, or unset it."
            )
        # A run has the more exact name: it might lie in the folder of another layout's parts.
        shipped = sorted(_read_all(files("billstream.consumer.layouts") / "builtin"), key=lambda one: not one.runs.keys)
        built_in = {layout.name: layout for layout in shipped}
        own = {layout.name: layout for layout in _read_all(folder)} if folder is not None else {}
        known = own | {name: layout for name, layout in built_in.items() if name not in own}
        if "none" in names:
            return cls()
        if "all" in names:
            return cls(tuple(known.values()))
        if unknown := sorted(set(names) - known.keys()):
            raise Misconfigured(
                f"BILLSTREAM_EXPORT_LAYOUTS names what is no layout: {', '.join(unknown)}. "
                f"Nothing was read: choose among {', '.join(known)}, `all` and `none`."
            )
        return cls(tuple(layout for name, layout in known.items() if name in names))

    def role(self, key: str) -> Role | None:
        """Return the role of an object: a run, a part of a delivery, a manifest, or None for an ordinary file."""
        for layout in self.active:
            if place := layout.run(key):
                return RunOf(layout, place)
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
            raise Misconfigured(
                f"The export layout {script} is not valid TOML: {error}. Repair it or move it away."
            ) from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "its top"
            reason = f"The export layout {script} is not valid at {where}: {first['msg']}"
            raise Misconfigured(f"{reason}. Repair it or move it away.") from error
    return layouts
