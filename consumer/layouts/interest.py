"""The objects that billstream processes: billing files, and the parts and manifests of exports."""

from dataclasses import dataclass
from typing import Protocol

from billstream.common.settings import Settings
from billstream.consumer.layouts.layout import Layouts


class Interest(Protocol):
    """A choice of objects by their names alone."""

    def includes(self, key: str, bucket: str = "") -> bool:
        """Return whether an object with this key is processed; others are acknowledged and counted."""


@dataclass(frozen=True)
class BillingFiles:
    """The objects that BILLSTREAM_INCLUDE lets through, and those with a role in a layout, save the lake's own."""

    settings: Settings
    layouts: Layouts

    def includes(self, key: str, bucket: str = "") -> bool:
        """See `Interest`."""
        if self.settings.includes(key, bucket):
            return True
        return self.layouts.role(key) is not None and not self.settings.is_own(key, bucket)
