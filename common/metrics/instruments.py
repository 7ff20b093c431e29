"""The kinds of metrics: counters, gauges and histograms, each with at most one label whose values are known.

An instrument is declared once, in the catalogue. Before its process exports it, writing to it does next to nothing.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

OTHER = "other"
"""The label of a value that the catalogue does not have; so no text of others ever becomes a label."""

CONSUMER = "consumer"
AGGREGATOR = "aggregator"
MAINTAIN = "maintain"
PUBLISHER = "publisher"


class Child(Protocol):
    """What prometheus_client has for one series."""

    def inc(self, amount: float = 1) -> None:
        """Count."""


class Observer(Protocol):
    """What prometheus_client has for one histogram."""

    def observe(self, amount: float) -> None:
        """Take in a value."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Instrument:
    """One metric.

    Attributes:
        name: as Prometheus sees it.
        meaning: one sentence.
        unit: `seconds`, `bytes`, or empty for a count; the name ends with it.
        processes: the services that export it.
        label: name of its label, if it has one.
        values: all values of the label.
    """

    kind: ClassVar[str]

    name: str
    meaning: str
    unit: str = ""
    processes: tuple[str, ...]
    label: str | None = None
    values: tuple[str, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """The values of the label; a single empty one without a label."""
        return self.values if self.label else ("",)


@dataclass(frozen=True, eq=False, kw_only=True)
class Counter(Instrument):
    """A number that only grows, from 0 at the start of the process."""

    kind: ClassVar[str] = "counter"

    _children: dict[str, Child] = field(default_factory=dict, init=False, repr=False)

    def add(self, amount: float = 1, value: str = "") -> None:
        """Count `amount`, under a value of the label."""
        child = self._children.get(value) or self._children.get(OTHER)
        if child and amount > 0:
            child.inc(amount)

    def export(self, children: Mapping[str, Child]) -> None:
        """Count into these from now on, one for each value of the label; into none: stop."""
        self._children.clear()
        self._children.update(children)


@dataclass(frozen=True, eq=False, kw_only=True)
class Histogram(Instrument):
    """How many values were at most so large."""

    kind: ClassVar[str] = "histogram"

    buckets: tuple[float, ...]
    _children: dict[str, Observer] = field(default_factory=dict, init=False, repr=False)

    def observe(self, amount: float, value: str = "") -> None:
        """Take in one value, under a value of the label."""
        if child := self._children.get(value):
            child.observe(amount)

    @contextmanager
    def timed(self, value: str = "") -> Iterator[None]:
        """Take in the seconds of the block; not of one that fails."""
        started = time.monotonic()
        yield
        self.observe(time.monotonic() - started, value)

    def export(self, children: Mapping[str, Observer]) -> None:
        """Observe into these from now on, one for each value of the label; into none: stop."""
        self._children.clear()
        self._children.update(children)


@dataclass(frozen=True, eq=False, kw_only=True)
class Gauge(Instrument):
    """A number that rises and falls. Until it is known it is not exported: no number is better than a wrong one."""

    kind: ClassVar[str] = "gauge"

    _known: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    _readers: list[Callable[[], float]] = field(default_factory=list, init=False, repr=False)

    def set(self, amount: float, value: str = "") -> None:
        """Keep a number, under a value of the label."""
        self._known[value] = amount

    def set_all(self, amounts: Mapping[str, float]) -> None:
        """Keep a number for every value of the label: 0 where there is none; what the catalogue lacks is `other`."""
        for value in self.values:
            self._known[value] = amounts.get(value, 0.0)
        if OTHER in self.values:
            self._known[OTHER] = sum(amount for value, amount in amounts.items() if value not in self.values)

    def set_now(self) -> None:
        """Keep the present time, in seconds since 1970."""
        self._known[""] = time.time()

    def set_or_forget(self, amount: float | None) -> None:
        """Keep a number, or none while it is not known."""
        if amount is None:
            self.forget()
        else:
            self.set(amount)

    def forget(self) -> None:
        """Be unknown."""
        self._known.clear()

    @contextmanager
    def read_by(self, reader: Callable[[], float]) -> Iterator[None]:
        """Ask at each scrape, for the length of the block; the reader is called in another thread."""
        self._readers.append(reader)
        try:
            yield
        finally:
            self._readers.remove(reader)

    def known(self) -> dict[str, float]:
        """Return what is known now, by the value of the label."""
        if self._readers:
            return {"": float(self._readers[-1]())}
        return {value: amount for value, amount in list(self._known.items()) if value in self.series}
