"""Which objects are ours to decide about: billing files, and the parts and manifests of exports."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from billstream.common.settings import Settings
    from billstream.consumer.layouts.registry import Layouts


class Interest(Protocol):
    """Tells by the key alone. The settings by themselves are such, without exports."""

    def includes(self, key: str) -> bool:
        """Whether an object with this key is decided about; others are acknowledged and counted."""


@dataclass(frozen=True)
class BillingFiles:
    """What BILLSTREAM_INCLUDE lets through, and what has a role in a layout."""

    settings: "Settings"
    layouts: "Layouts"

    def includes(self, key: str) -> bool:
        """See `Interest`."""
        return self.settings.includes(key) or self.layouts.role(key) is not None
