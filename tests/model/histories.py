"""What may happen to a bucket, its queue and its consumers: values that a history is made of."""

import csv
import io
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import Literal

from hypothesis import strategies as st

from tests.fakes.notifications import Form
from tests.integration.intake_support import bill

KEYS = ("a + b.csv", "year=2026/ü.csv", "c.csv")
GOOD = {
    "plain": bill("0.10 USD"),
    "two currencies": bill("0.10 USD", "0.10 USD", "-3 EUR"),
    "many decimals": bill("345678901234567.123456789012345678 USD", "0.000000000000000001 EUR"),
    "a bad row": bill("7 EUR", "x,1,1,USD,misfit"),
    "header only": bill(),
}
POISON = {
    "unknown header": "colour,taste\nred,sweet\n",
    "no row fits": bill("x,1,1,USD,misfit"),
}
CONTENTS = GOOD | POISON
NAMES = {content.encode(): name for name, content in CONTENTS.items()}


class Point(StrEnum):
    """A step of a consumer's work: the failpoints of the code, and both ends of `Lake.commit`."""

    BEFORE_RECEIVE = "before receive"
    AFTER_RECEIVE = "after receive"
    BEFORE_FETCH = "before fetch"
    AFTER_FETCH = "after fetch"
    BEFORE_STAGE = "before stage"
    AFTER_STAGE = "after stage"
    COMMIT_ASKED = "commit asked"
    BEFORE_WRITE = "before write"
    AFTER_WRITE = "after write"
    BEFORE_COMMIT = "before commit"
    AFTER_COMMIT = "after commit"
    COMMIT_ANSWERED = "commit answered"
    BEFORE_ACKNOWLEDGE = "before acknowledge"
    AFTER_ACKNOWLEDGE = "after acknowledge"
    NEXT_PAGE = "next page"  # of a listing, in a sweep


# Between these no lock of the catalog is held, so that others may write.
PAUSES = (
    Point.AFTER_RECEIVE,
    Point.BEFORE_FETCH,
    Point.AFTER_FETCH,
    Point.AFTER_STAGE,
    Point.COMMIT_ASKED,
    Point.COMMIT_ANSWERED,
    Point.BEFORE_ACKNOWLEDGE,
    Point.NEXT_PAGE,
)

# At these a consumer waits for the queue or the catalog, and may hear nothing.
UNANSWERED = (
    Point.COMMIT_ANSWERED,
    Point.COMMIT_ASKED,
    Point.BEFORE_ACKNOWLEDGE,
    Point.AFTER_ACKNOWLEDGE,
    Point.AFTER_RECEIVE,
)


@dataclass(frozen=True)
class Fault:
    """What ends a turn at a point: the process is killed, or something that it talks to does not answer."""

    at: Point
    what: Literal["killed", "no answer"]


@dataclass(frozen=True)
class Put:
    """An object comes, or is overwritten. It is told of so many times; 0 is a lost notification, or a late one."""

    key: str
    content: str
    told: int = 1
    overtakes: int = 0
    form: Form = Form.RAW


@dataclass(frozen=True)
class Remove:
    """An object goes."""

    key: str
    told: int = 1
    overtakes: int = 0
    form: Form = Form.RAW


@dataclass(frozen=True)
class RemoveVersion:
    """A version, current or not, is deleted for good; in a bucket without versions, nothing happens."""

    key: str
    number: int = 0
    told: int = 1


@dataclass(frozen=True)
class TellAgain:
    """A notification comes late, or once more."""

    number: int


@dataclass(frozen=True)
class Garble:
    """A message comes that nobody can read."""


@dataclass(frozen=True)
class StoreFails:
    """The next call to the store about a key gets no answer."""

    key: str
    call: Literal["fetch", "current"] = "fetch"


@dataclass(frozen=True)
class TimeOut:
    """So much time passes that every message which is being worked on is visible to others."""


@dataclass(frozen=True)
class Maintain:
    """The lake is maintained: rows are flushed, files merged, snapshots expired, files removed."""


@dataclass(frozen=True)
class Turn:
    """A consumer does one micro-batch, or one sweep. At its pause it stands still while something else happens."""

    consumer: int
    sweeps: bool = False
    fault: Fault | None = None
    pause: Point | None = None
    meanwhile: "tuple[Act, ...]" = ()


Act = Put | Remove | RemoveVersion | TellAgain | Garble | StoreFails | TimeOut | Maintain | Turn


@dataclass(frozen=True)
class Truth:
    """What the rows of a content come to."""

    totals: "tuple[tuple[str, Decimal], ...]" = ()
    rows: int = 0


def truth_of(content: str) -> Truth:
    """What is to be in the lake of a content, counted without the code under test."""
    totals: dict[str, Decimal] = {}
    rows = 0
    with localcontext(prec=80):
        for record in csv.DictReader(io.StringIO(content)):
            if record.get("date", "x") != "x":
                totals[record["currency"]] = totals.get(record["currency"], Decimal(0)) + Decimal(record["cost"])
                rows += 1
    return Truth(tuple(sorted(totals.items())), rows)


TRUTHS = {name: truth_of(content) for name, content in CONTENTS.items()}

# -- strategies: what comes first is what a failure shrinks to -----------------------------------------------

_keys = st.sampled_from(KEYS)
_told = st.sampled_from((1, 1, 1, 1, 2, 1, 2, 0))
_overtakes = st.sampled_from((0, 0, 1, 3))
_consumers = st.integers(0, 3)
_contents = st.sampled_from((*GOOD, *CONTENTS, *GOOD))
_seldom = st.sampled_from((False,) * 7 + (True,))
_no_answer = [Fault(point, "no answer") for point in UNANSWERED]
_killed = [Fault(point, "killed") for point in Point]
_faults = st.sampled_from(_no_answer) | st.sampled_from(_killed)

_puts = st.builds(Put, _keys, _contents, _told, overtakes=_overtakes, form=st.sampled_from(Form))
_removes = st.builds(Remove, _keys, st.sampled_from((1, 1, 0, 2)), overtakes=_overtakes, form=st.sampled_from(Form))
_rare = (
    st.builds(RemoveVersion, _keys, st.integers(0, 2), _told)
    | st.builds(StoreFails, _keys, st.sampled_from(("fetch", "current")))
    | st.builds(Garble)
)
_events = st.one_of(
    _puts, _puts, _puts, _removes, _removes, st.builds(TellAgain, st.integers(0, 5)), _rare, _rare, st.builds(Maintain)
)
_plain = st.builds(Turn, _consumers, sweeps=_seldom)
_faulty = st.builds(Turn, _consumers, sweeps=_seldom, fault=_faults)


def _paused(turns: st.SearchStrategy[Turn]) -> st.SearchStrategy[Turn]:
    expired = turns.map(lambda turn: (TimeOut(), turn))
    free = st.lists(st.one_of(_events, turns, turns), min_size=1, max_size=3).map(tuple)
    return st.builds(
        Turn,
        _consumers,
        sweeps=_seldom,
        fault=st.none() | st.none() | _faults,
        pause=st.sampled_from(PAUSES),
        meanwhile=expired | free,
    )


_races = _paused(_plain | _faulty)
_turns = st.one_of(_plain, _faulty, _races, _paused(_plain | _faulty | _races))
_steps = st.one_of(
    st.tuples(_events),
    st.tuples(_puts, _turns),
    st.tuples(_puts, _races),
    st.tuples(_events, _races),
    st.tuples(st.builds(TimeOut)),
)


@dataclass(frozen=True)
class History:
    """What happens, one after the other, before everything is delivered.

    `last` is who delivers it; `again` says whether every notification comes twice more when all is done.
    """

    acts: tuple[Act, ...]
    consumers: int = 2
    last: int = 0
    again: bool = False


histories = st.builds(
    History,
    st.tuples(_puts, st.lists(_steps, min_size=1, max_size=4)).map(
        lambda parts: (parts[0], *(act for step in parts[1] for act in step))
    ),
    consumers=st.integers(2, 4),
    last=_consumers,
    again=_seldom,
)


def drills() -> list[History]:
    """Every fault at every step at which it may hit, a race at every pause, and what is rare: each a short history."""
    first, second, third = KEYS
    files = (Put(first, "plain"), Put(second, "two currencies", told=2), Put(third, "many decimals"))
    sweeping = Turn(0, sweeps=True)
    found: list[tuple[Act, ...]] = [
        (*files, replace(sweeping if fault.at is Point.NEXT_PAGE else Turn(0), fault=fault))
        for fault in (*_no_answer, *_killed)
    ]
    for point in PAUSES:
        turn = replace(sweeping if point is Point.NEXT_PAGE else Turn(0), pause=point)
        found.append((*files, replace(turn, meanwhile=(TimeOut(), Turn(1)))))
        found.append((*files, replace(turn, meanwhile=(Put(first, "a bad row"), Turn(1)))))
        found.append((*files, replace(turn, meanwhile=(Maintain(),))))
    found.append((*files, Turn(0), Put(first, "plain"), Turn(0), Remove(second), Turn(0), TellAgain(0), Garble()))
    found.append((*files, Turn(0), Remove(first, told=0), Put(second, "plain", told=0), Put(third, "unknown header")))
    found.append((*files, Put(first, "header only", overtakes=3), Turn(0)))
    # Files that were loaded together share a data file, which some of its rows leave.
    found.append((*files, Turn(0), Put(second, "plain"), Turn(0), Maintain(), Remove(third), Turn(0), Maintain()))
    return [History(acts, again=number % 8 == 0) for number, acts in enumerate(found)]
