"""The report of a set-up: resources that were created, updated and found."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The change that a resource needed."""

    MADE = "made"
    UPDATED = "updated"
    FOUND = "found"


@dataclass(frozen=True)
class Resource:
    """One resource, such as the bucket `billing`, and its outcome."""

    kind: str
    name: str
    outcome: Outcome


@dataclass(frozen=True)
class AwsReport:
    """The resources of one billstream, all of which exist now."""

    queue_url: str
    dead_letter_url: str
    resources: tuple[Resource, ...]

    @property
    def changed(self) -> bool:
        """True if a resource was created or updated."""
        return any(resource.outcome is not Outcome.FOUND for resource in self.resources)
