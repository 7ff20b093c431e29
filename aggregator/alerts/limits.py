"""The limit of a sink: how often it is told of one incident. Pure: `now` is passed in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

_FORM = re.compile(r"1 per incident(?:, then 1 a day while it grows by (\d{1,4}) ?%)?")
DEFAULT = "1 per incident, then 1 a day while it grows by 25 %"
A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Told:
    """An alert of the incident that the sink has, or will get."""

    at: datetime
    amount: Decimal | None


@dataclass(frozen=True)
class Limit:
    """One alert per incident; then, with a growth, one a day while it grows by that share (0.25: by a quarter)."""

    growth: Decimal | None

    @classmethod
    def read(cls, text: str) -> "Limit":
        """Read `1 per incident`, or `DEFAULT` with any share.

        Raises:
            ValueError: it is in neither form.
        """
        found = _FORM.fullmatch(" ".join(text.split()))
        if not found:
            raise ValueError(f"{text!r} is neither '1 per incident' nor in the form {DEFAULT!r}")
        return cls(Decimal(found[1]) / 100 if found[1] else None)

    def allows(self, told: Sequence[Told], amount: Decimal | None, now: datetime) -> bool:
        """Return whether one more alert of the incident may be queued.

        Args:
            told: the alerts of this incident at this sink, in any order.
            amount: size of the incident; its sign does not count. None: it cannot grow.
            now: the time of this alert.
        """
        if not told:
            return True
        newest = max(told, key=lambda one: one.at)
        if self.growth is None or amount is None or newest.amount is None or now - newest.at < A_DAY:
            return False
        # Growth is counted from what was last told: a slow rise is told again, a plateau never.
        return abs(amount) > abs(newest.amount) and abs(amount) >= abs(newest.amount) * (1 + self.growth)
