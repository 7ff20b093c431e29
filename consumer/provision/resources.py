"""What a set-up made and what it found."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What had to be done so that a resource is as billstream needs it."""

    MADE = "made"
    UPDATED = "updated"
    FOUND = "found"


@dataclass(frozen=True)
class Resource:
    """One resource, such as the bucket `billing`, and what was done about it."""

    kind: str
    name: str
    outcome: Outcome


@dataclass(frozen=True)
class AwsReport:
    """The resources of one billstream, all of them in place now."""

    queue_url: str
    dead_letter_url: str
    resources: tuple[Resource, ...]

    @property
    def changed(self) -> bool:
        """Whether anything was made or updated."""
        return any(resource.outcome is not Outcome.FOUND for resource in self.resources)
