"""Tells a bad file from a bad release: when nothing can be loaded, on several prefixes, no file is at fault."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

_WINDOW = 100  # objects that the share is taken of
_NAMED = 5  # groups that a reason names
_ELSEWHERE = 5  # a fifth of a run has to be outside of its largest prefix


@dataclass(frozen=True)
class Attempt:
    """One object that was to be loaded: where it is, the profile that was found for it, and whether it was loaded."""

    prefix: str
    profile: str | None
    loaded: bool

    def __str__(self) -> str:
        return f"{self.prefix} ({self.profile or 'no profile'})"


@dataclass
class Breaker:
    """Counts objects that cannot be loaded, by prefix and profile.

    It opens only over objects none of which can be loaded. A good object is never held back, and bad files of one
    prefix are nobody's fault but their sender's.

    Args:
        consecutive: so many in a row that cannot be loaded, on more than one prefix, open it; 0 never does.
        share: so large a part of the last 100 objects opens it, too, once there are that many; 1 never does.
    """

    consecutive: int
    share: float
    _run: Counter[Attempt] = field(default_factory=Counter)
    _recent: deque[Attempt] = field(default_factory=lambda: deque(maxlen=_WINDOW))

    def check(self, attempts: Sequence[Attempt]) -> str | None:
        """Return why the objects of a unit that is about to be committed have to wait; None if they need not.

        Changes nothing: a unit may be redone before it is committed.
        """
        if not attempts or any(attempt.loaded for attempt in attempts):
            return None
        run = self._run + Counter(attempts)
        if self.consecutive and run.total() >= self.consecutive and self._spread(run):
            return (
                f"{run.total()} objects in a row cannot be loaded: {_named(run)}. Has a release or a profile gone "
                "wrong, or is BILLSTREAM_PROFILES_DIR empty? Correct it, and the consumer goes on by itself. "
                "BILLSTREAM_BREAKER_CONSECUTIVE=0 quarantines them instead."
            )
        recent = [*self._recent, *attempts][-_WINDOW:]
        bad = Counter(attempt for attempt in recent if not attempt.loaded)
        if len(recent) == _WINDOW and bad.total() > self.share * _WINDOW and self._spread(bad):
            return (
                f"{bad.total()} of the last {_WINDOW} objects cannot be loaded: {_named(bad)}. Has a release or a "
                "profile gone wrong? Correct it, and the consumer goes on by itself. BILLSTREAM_BREAKER_SHARE=1 "
                "quarantines them instead."
            )
        return None

    def record(self, attempts: Sequence[Attempt]) -> None:
        """Remember the objects of a unit that was committed."""
        if any(attempt.loaded for attempt in attempts):
            self._run.clear()
        else:
            self._run.update(attempts)
        self._recent.extend(attempts)

    def _spread(self, bad: Counter[Attempt]) -> bool:
        """Return whether the prefix with most of them is not nearly alone: one more bad file elsewhere is chance."""
        prefixes = Counter[str]()
        for attempt, count in bad.items():
            prefixes[attempt.prefix] += count
        elsewhere = bad.total() - max(prefixes.values())
        return elsewhere >= max(1, self.consecutive // _ELSEWHERE)


def prefix_of(bucket: str, key: str) -> str:
    """Return the folder of an object down to its first partition: a folder like `month=03`, or of digits alone."""
    folders: list[str] = []
    for folder in key.split("/")[:-1]:
        if "=" in folder or folder.replace("-", "").isdigit():
            break
        folders.append(folder)
    return "/".join([bucket, *folders, ""])


def _named(bad: Counter[Attempt]) -> str:
    named = ", ".join(f"{count} in {attempt}" for attempt, count in bad.most_common(_NAMED))
    return named if len(bad) <= _NAMED else f"{named} and elsewhere"
