"""The limits of anomalies as a setting: `score=5,share=0.25,floor=5`."""

import math
from dataclasses import dataclass, fields
from typing import Annotated

from pydantic import BeforeValidator


@dataclass(frozen=True)
class AnomalyLimits:
    """What a day must pass, all three together, to be out of the ordinary.

    Attributes:
        score: distance from the expected cost, in usual distances; at least 1.
        share: distance from the expected cost, as a share of it.
        floor: distance from the expected cost in money a day, in units of each currency.
    """

    score: float = 5.0
    share: float = 0.25
    floor: float = 5.0

    def __str__(self) -> str:
        return ",".join(f"{field.name}={getattr(self, field.name):g}" for field in fields(self))

    @classmethod
    def parse(cls, text: str) -> "AnomalyLimits":
        """Read `name=number`, separated by commas; what is not named stays as it is by default.

        Raises:
            ValueError: the text is not understood.
        """
        found: dict[str, float] = {}
        names = [field.name for field in fields(cls)]
        for entry in filter(None, (part.strip() for part in text.split(","))):
            name, _, number = (part.strip() for part in entry.partition("="))
            if name not in names or name in found:
                raise ValueError(f"must name each of {', '.join(names)} at most once, as in score=5,share=0.25,floor=5")
            found[name] = _number(name, number)
        return cls(**found)


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"must have a number after {name}=") from None
    least = 1.0 if name == "score" else 0.0
    if not math.isfinite(value) or value < least:
        raise ValueError(f"must have a number of at least {least:g} after {name}=")
    return value


def _parsed(value: object) -> object:
    return AnomalyLimits.parse(value) if isinstance(value, str) else value


AnomalyLimitsSetting = Annotated[AnomalyLimits, BeforeValidator(_parsed)]
"""A setting of limits."""
