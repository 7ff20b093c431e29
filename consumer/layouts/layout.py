"""The words of a layout: the keys of an export's parts and manifests, and how its manifests are read."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

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


# Texts of a layout are compiled once, where they are read.
KeyTemplate = Annotated[Template, BeforeValidator(Template.parse)]
FileName = Annotated[re.Pattern[str], BeforeValidator(_file_name)]
JsonPath = Annotated[str, AfterValidator(_path)]


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
    time: JsonPath | None = Field(None, description="Where in the JSON the time of the delivery is, in ISO 8601.")


class Layout(_Strict):
    """One way of laying out an export in a bucket."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    documentation: tuple[str, ...] = Field((), description="Where the layout is described.")
    parts: Parts
    manifests: Manifests

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
