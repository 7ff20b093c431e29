"""Sentences about days and sources. They contain names that others wrote: pages escape them like any other text."""

from collections.abc import Sequence
from datetime import date

LONGEST_NAME = 60
MOST_NAMES = 3
NO_PROVIDER = "charges without a provider"


def day_in_words(day: date, beside: date | None = None) -> str:
    """Return a day such as 5 Jul 2026; without the year where `beside` has the same."""
    year = "" if beside and beside.year == day.year else f" {day.year}"
    return f"{day.day} {day:%b}{year}"


def provider_in_words(provider: str | None) -> str:
    """Return a provider's name, of a long one the beginning."""
    if provider is None:
        return NO_PROVIDER
    return provider if len(provider) <= LONGEST_NAME else f"{provider[: LONGEST_NAME - 1]}…"


def listed(names: Sequence[str], most: int = MOST_NAMES) -> str:
    """Return the first names, and how many more there are: a, b, c and 2 more."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: 1 file, 1,200 files."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def are(number: int) -> str:
    """Return the verb for so many things."""
    return "is" if number == 1 else "are"
