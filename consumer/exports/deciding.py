"""Decisions about exports, each in one commit with the rows that go aside or come back by it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import duckdb
import structlog

from billstream.common import retries
from billstream.common.ids import new_id
from billstream.common.lake import Claim, Lake, ProcessedKey
from billstream.consumer.exports.coverage import Cell
from billstream.consumer.exports.exports import SETTLED, Exports, cell_claims, concerned_cells, reading
from billstream.consumer.exports.moves import Moves, active_lines, apply_moves, moves
from billstream.consumer.exports.preferences import (
    OPERATOR,
    RULES,
    SCOPE_ID,
    Preference,
    in_order,
    insert_preferences,
    read_preferences,
    undo_preferences,
)

log = structlog.get_logger(__name__)

Change = Callable[[list[Preference]], list[Preference]]
"""Returns the preferences that are to hold, of those that hold."""


@dataclass(frozen=True)
class Decided:
    """The end of a decision: the preferences that hold now, and the rows that went aside and came back by it."""

    preferences: tuple[Preference, ...]
    rows_out: int = 0
    rows_back: int = 0
    changed: bool = True


def prefer(lake: Lake, preference: Preference, *, author: str) -> Decided:
    """Let an export count from now on, before all that was decided earlier.

    Raises:
        Retryable: the lake does not answer, or others were first for two minutes.
    """
    return _decide(lake, lambda held: [preference, *held], author, f"prefers {', '.join(preference.preferred)}")


def undo(lake: Lake, preference_ids: Sequence[str], *, author: str) -> Decided:
    """Undo decisions; the rows that were set aside by them alone count again. Raises what `prefer` raises."""
    gone = set(preference_ids)
    return _decide(
        lake,
        lambda held: [one for one in held if one.preference_id not in gone],
        author,
        f"undoes {len(gone)} preferences",
    )


def follow_rules(lake: Lake, rules: Sequence[Preference], *, author: str) -> Decided:
    """Let the rules of a file hold in the place of those that do. Raises what `prefer` raises."""

    def change(held: list[Preference]) -> list[Preference]:
        before = [one for one in held if one.source == RULES]
        if [_content(one) for one in before] == [_content(one) for one in rules]:
            return held
        return [*(one for one in held if one.source == OPERATOR), *rules]

    return _decide(lake, change, author, f"follows {len(rules)} rules about exports")


def settle(lake: Lake, *, author: str) -> Decided:
    """Move what the preferences want and no commit did: nothing, unless a process died. Raises what `prefer` raises."""
    return _decide(lake, lambda held: held, author, "settles exports by the preferences that hold")


def unsettled(lake: Lake) -> Moves:
    """Return the rows that are not where the preferences want them.

    Raises:
        Retryable: the lake does not answer.
    """
    preferences = read_preferences(lake)
    # Cells without a preference too: one that was undone may have left rows aside.
    with reading(lake):
        return moves(active_lines(lake.connection, _every_cell(lake)), preferences)


def _every_cell(lake: Lake) -> set[Cell]:
    every = "SELECT DISTINCT provider, billing_month FROM load_coverage WHERE provider IS NOT NULL"
    return {(provider, month) for provider, month in lake.rows(every)}


def _content(preference: Preference) -> Preference:
    """Return the rule without what tells one reading of the file from another."""
    return replace(preference, preference_id="", decided_at=datetime.min.replace(tzinfo=UTC), decided_by="")


def _decide(lake: Lake, change: Change, author: str, message: str) -> Decided:
    decided = retries.redo_on_conflict(lambda: _attempt(lake, change, author, message))
    # A load that was being committed at the same time may not have known of the decision, nor the decision of it.
    while unsettled(lake).load_ids:
        again = retries.redo_on_conflict(lambda: _attempt(lake, lambda held: held, author, message))
        decided = replace(
            decided, rows_out=decided.rows_out + again.rows_out, rows_back=decided.rows_back + again.rows_back
        )
    return decided


def _attempt(lake: Lake, change: Change, author: str, message: str) -> Decided:
    held = lake.processed_keys([SCOPE_ID]).get(SCOPE_ID)
    before = read_preferences(lake)
    after = in_order(change(before))
    cells = _every_cell(lake) if after == before else concerned_cells(lake, [*before, *after])
    if after == before:
        with reading(lake):
            if not moves(active_lines(lake.connection, cells), after).load_ids:
                return Decided(tuple(after), changed=False)
    counts, now, names = {"out": 0, "back": 0}, datetime.now(UTC), Exports().names(lake)

    def write(con: duckdb.DuckDBPyConnection) -> None:
        undo_preferences(con, [one for one in before if one not in after], now)
        insert_preferences(con, [one for one in after if one not in before])
        chosen = moves(active_lines(con, cells), after)
        counts["out"], counts["back"] = apply_moves(con, chosen, names)

    new = ProcessedKey(scope_id=SCOPE_ID, entry_id=new_id(), state=SETTLED)
    claims = [Claim(new, held.entry_id if held else None), *cell_claims(lake, cells)]
    lake.commit(write, claims=claims, author=author, message=message)
    log.info("exports_settled", reason=message, rows_set_aside=counts["out"], rows_back=counts["back"])
    return Decided(tuple(after), counts["out"], counts["back"])
