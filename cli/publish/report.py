"""Show what was published, and how far targets are behind."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from billstream.cli.terminal import add_row, out, say, table, utc, write_json
from billstream.cli.words import behind
from billstream.common.texts import counted
from billstream.publishing.follower import Change, Published
from billstream.publishing.lag import Lag


def published(name: str, done: Published, *, as_json: bool) -> None:
    """Show what a run did."""
    change = done.change
    if as_json:
        write_json({"target": name, **_facts(change), "changed": done.changed, "rows": done.rows})
        return
    snapshot = change.goal.watermark.snapshot_id
    if not done.changed:
        say(f"{name} is up to date at snapshot {snapshot}")
    elif change.reason:
        say(f"{name} at snapshot {snapshot}: everything copied ({change.reason}), {counted(done.rows, 'row')}")
    else:
        say(f"{name} at snapshot {snapshot}: {_days(change)} replaced, {counted(done.rows, 'row')}")


def foreseen(name: str, change: Change, *, as_json: bool) -> None:
    """Show what a run would do."""
    if as_json:
        write_json({"target": name, **_facts(change), "changed": not change.nothing})
        return
    snapshot = change.goal.watermark.snapshot_id
    if change.nothing:
        say(f"{name} is up to date at snapshot {snapshot}")
    elif change.reason:
        say(f"Would: copy everything to {name} ({change.reason}), up to snapshot {snapshot}")
    else:
        say(f"Would: replace {_days(change)} of {name}, up to snapshot {snapshot}")


def listed(kinds: Mapping[str, str], lags: Sequence[Lag], *, as_json: bool) -> None:
    """Show every target of the file, and every one that the lake knows."""
    known = {lag.name: lag for lag in lags}
    names = list(dict.fromkeys([*kinds, *known]))
    if as_json:
        unknown: dict[str, Any] = {"kind": None, "state": "never published"}
        write_json(
            [
                {**unknown, "name": name, "kind": kinds.get(name), **(asdict(known[name]) if name in known else {})}
                | {"in_file": name in kinds}
                for name in names
            ]
        )
        return
    if not names:
        say("There is no target. BILLSTREAM_TARGETS names the file of targets.")
        return
    rows = table("target", "kind", "place", "state", "last seen")
    for name in names:
        lag = known.get(name)
        if lag is None:
            add_row(rows, name, kinds[name], "", "never published", "")
            continue
        here = "" if name in kinds else "; not in the file"
        add_row(rows, name, lag.kind, lag.place, f"{behind(lag)}{here}", utc(lag.seen_at))
    out.print(rows)


def _facts(change: Change) -> dict[str, Any]:
    mark = change.goal.watermark
    return {
        "snapshot_id": mark.snapshot_id,
        "previous_snapshot_id": change.since.snapshot_id if change.since else None,
        "refreshed_at": mark.refreshed_at,
        "everything": change.reason is not None,
        "reason": change.reason,
        "days": None if change.reason else change.days,
    }


def _days(change: Change) -> str:
    most = max(change.days.values(), default=0)
    return counted(most, "day")
