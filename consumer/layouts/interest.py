"""The objects that billstream processes: billing files, and the parts and manifests of exports."""

from dataclasses import dataclass
from typing import Protocol

from billstream.common.settings import Settings
from billstream.consumer.layouts.layout import Layouts, PartOf


class Interest(Protocol):
    """A choice of objects by their names alone."""

    def includes(self, key: str, bucket: str = "") -> bool:
        """Return whether an object with this key is processed; others are acknowledged and counted."""

    def is_ours(self, bucket: str) -> bool:
        """Return whether a bucket is configured; objects of others are refused."""


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

    def is_ours(self, bucket: str) -> bool:
        """See `Interest`."""
        return self.settings.is_ours(bucket)

    def is_part(self, key: str) -> bool:
        """Return whether the key is that of a part of an export, whose rows come and go with its manifest."""
        return isinstance(self.layouts.role(key), PartOf)
