"""What a layout may say: the keys of an export's parts and manifests, and how its manifests are to be read."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from billstream.consumer.layouts.place import Place
from billstream.consumer.layouts.template import Template, glob


def _template(text: str) -> str:
    Template.parse(text)
    return text


def _file_name(text: str) -> str:
    if not text or any(character in text for character in "/{}"):
        raise ValueError("a file's name has no slash and no braces")
    return text


def _path(text: str) -> str:
    if not all(text.split(".")):
        raise ValueError("a path is one name or more, with a dot between them")
    return text


KeyTemplate = Annotated[str, AfterValidator(_template)]
FileName = Annotated[str, AfterValidator(_file_name)]
JsonPath = Annotated[str, AfterValidator(_path)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Parts(_Strict):
    """The files with the rows."""

    folders: tuple[KeyTemplate, ...] = Field(min_length=1, description="Templates of the folders they are in.")
    files: tuple[FileName, ...] = Field(min_length=1, description="Their names; `*` is any text.")


class Manifests(_Strict):
    """The files that say which parts belong together."""

    keys: tuple[KeyTemplate, ...] = Field(min_length=1, description="Templates of their keys.")
    parts: JsonPath = Field(description="Where in the JSON the list of parts is: names with dots between them.")
    key: JsonPath | None = Field(None, description="Where in an item of the list the part's key is; the item itself.")
    size: JsonPath | None = Field(None, description="Where in an item of the list the part's size in bytes is.")
    time: JsonPath | None = Field(None, description="Where in the JSON the time of the delivery is, in ISO 8601.")


class Layout(_Strict):
    """One way of laying out an export in a bucket."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    documentation: tuple[str, ...] = Field((), description="Where the layout is described.")
    parts: Parts
    manifests: Manifests

    @cached_property
    def _folders(self) -> tuple[Template, ...]:
        return tuple(Template.parse(folder) for folder in self.parts.folders)

    @cached_property
    def _manifests(self) -> tuple[Template, ...]:
        return tuple(Template.parse(key) for key in self.manifests.keys)

    def part(self, key: str) -> Place | None:
        """Where the key stands, if it is one of a part."""
        return next(self._part_places(key), None)

    def part_in(self, key: str, manifest: Place) -> Place | None:
        """Where the key stands, if it is one of a part of the export and the period that a manifest is of."""
        return next((place for place in self._part_places(key) if place.same_export(manifest)), None)

    def _part_places(self, key: str) -> Iterator[Place]:
        folder, _, name = key.rpartition("/")
        if any(glob(file, name) for file in self.parts.files):
            yield from (place for template in self._folders if (place := template.match(folder)))

    def manifest(self, key: str) -> Place | None:
        """Where the key stands, if it is one of a manifest."""
        return next((place for template in self._manifests if (place := template.match(key))), None)


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
