"""What the proof tells."""

from billstream.cli.terminal import say
from billstream.cli.verify.finding import Check, Cure
from billstream.cli.verify.proof import Proof

_TITLES = {
    Check.CHARGES: "charges and ledger",
    Check.CLAIMS: "ledger and catalog",
    Check.AGGREGATES: "aggregates and charges",
    Check.BUCKET: "bucket and ledger",
}


def proof(made: Proof) -> None:
    """Each finding with its file, then each part of the proof in a line."""
    for finding in made.findings:
        say(f"{finding.scope or finding.check.value}: {finding.problem}", style="red")
    say(f"snapshot {made.snapshot_id}: {made.loads:,} loads with {made.rows:,} rows in force")
    for check, title in _TITLES.items():
        if check is not Check.BUCKET or made.bucket:
            _part(made, check, title)
    if any(finding.cure is not Cure.NONE for finding in made.findings):
        say("`billstream verify --repair` mends what can be mended.")


def found(made: Proof, *, as_json: bool) -> None:
    """What is about to be mended; a program is told only how it ended."""
    if not as_json:
        proof(made)
        say("Mending …")


def _part(made: Proof, check: Check, title: str) -> None:
    found = made.count(check)
    verdict = f"differ in {found:,} places" if found else "agree"
    say(f"{title} {verdict}{_remark(made, check)}", style="red" if found else "green")


def _remark(made: Proof, check: Check) -> str:
    if check is Check.BUCKET:
        return f" ({made.listed:,} objects in {made.bucket})"
    if check is not Check.AGGREGATES:
        return ""
    if made.refresh is None:
        return " (they have never been refreshed)"
    behind = f"{made.refresh.lag_loads:,} changes behind" if made.refresh.lag_loads else "up to date"
    return f" (at snapshot {made.refresh.snapshot_id}, {behind})"
