"""The objects that billstream processes: billing files, and the parts and manifests of exports."""

from dataclasses import dataclass
from typing import Protocol

from billstream.common.settings import Settings
from billstream.consumer.layouts.layout import Layouts


class Interest(Protocol):
    """A choice of objects by their keys alone."""

    def includes(self, key: str) -> bool:
        """Return whether an object with this key is processed; others are acknowledged and counted."""


@dataclass(frozen=True)
class BillingFiles:
    """The objects that BILLSTREAM_INCLUDE lets through, and those that have a role in a layout."""

    settings: Settings
    layouts: Layouts

    def includes(self, key: str) -> bool:
        """See `Interest`."""
        return self.settings.includes(key) or self.layouts.role(key) is not None
