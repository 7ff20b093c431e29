"""How this consumer deals with exports."""

from dataclasses import dataclass, field

from billstream.consumer.layouts.registry import Layouts


@dataclass(frozen=True)
class Exports:
    """The layouts in use, and how much of a delivery is fetched and decoded at a time."""

    layouts: Layouts = field(default_factory=Layouts)
    group_files: int = 200
    group_bytes: int = 256 * 1024 * 1024
