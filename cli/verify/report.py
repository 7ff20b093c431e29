"""Show a proof."""

from billstream.cli.terminal import say
from billstream.cli.verify.copies import Copy
from billstream.cli.verify.proof import Verification
from billstream.cli.words import behind, overlapping
from billstream.common.texts import counted
from billstream.consumer.verify import Check, Cure, Invoices

_TITLES = {
    Check.CHARGES: "charges and ledger",
    Check.CLAIMS: "ledger and catalog",
    Check.AGGREGATES: "aggregates and charges",
    Check.BUCKET: "bucket and ledger",
}


def verification(made: Verification, *, repaired: bool = False) -> None:
    """Show each finding with its file, then one line for each part of the proof. `repaired`: after a repair."""
    for finding in made.findings:
        say(f"{finding.scope or finding.check.value}: {finding.problem}", style="red")
    proof = made.proof
    say(f"snapshot {proof.snapshot_id}: {counted(proof.loads, 'active load')} with {counted(proof.rows, 'row')}")
    for check, title in _TITLES.items():
        if check is Check.BUCKET and not proof.buckets:
            continue
        found = made.count(check)
        if check is Check.AGGREGATES and not made.compared and not found:
            say(f"{title} were not compared: the charges come first")
            continue
        verdict = f"differ in {counted(found, 'place')}" if found else "agree"
        say(f"{title} {verdict}{_remark(made, check)}", style="red" if found else "green")
    _invoices(proof.invoices)
    for lag in made.targets:
        say(f"target {lag.name}: {behind(lag)}", style="yellow" if lag.state == "away" or lag.lag_loads else None)
    _copies(made)
    if made.overlaps:
        say(f"exports overlap: {overlapping(made.overlaps)}", style="yellow")
    if proof.unhashed:
        loads = counted(proof.unhashed, "active load")
        say(f"{loads} had no hash of this version of DuckDB: of these only rows and sums were compared")
    if repaired and made.of_lake:
        say(
            f"{counted(len(made.of_lake), 'place')} could not be repaired: upload the files named above again, or "
            "restore the data files from a backup; then run: billstream verify --repair"
        )
    elif any(finding.cure is not Cure.NONE for finding in made.of_lake):
        say("To repair what can be repaired, run: billstream verify --repair")


def _copies(made: Verification) -> None:
    """Show how copies compare with the lake, and what to run; nothing where they were not compared."""
    if made.copies is None:
        return
    for copy in made.copies:
        outcome, style = _outcome(copy)
        say(f"copy in {copy.name}: {outcome}", style=style)
        if copy.state in {"differs", "not comparable"}:
            say(f"To copy everything to {copy.name} anew, run: billstream publish {copy.name} --anew")
    for name in sorted({lag.name for lag in made.targets} - {copy.name for copy in made.copies}):
        say(f"copy in {name}: not compared, as the file of BILLSTREAM_TARGETS does not have it", style="yellow")
    if not made.copies:
        say("The file of BILLSTREAM_TARGETS has no target.", style="yellow")


def _outcome(copy: Copy) -> tuple[str, str]:
    """Return the outcome of a comparison in words, and its colour."""
    at = f"at snapshot {' and '.join(map(str, copy.proof.snapshots))}"
    if copy.failure:
        return f"not compared. {copy.failure}", "red"
    if copy.proof.uncompared:
        return f"not compared: {copy.proof.uncompared}", "red"
    if not copy.proof.snapshots:
        return f"none yet; run: billstream publish {copy.name}", "yellow"
    if copy.proof.differences:
        return f"differs in {counted(len(copy.proof.differences), 'place')}, {at}", "red"
    return f"agrees with the lake in {counted(copy.proof.rows, 'row')}, {at}", "green"


def _invoices(found: Invoices) -> None:
    """Show how invoices compare with charges; nothing where the lake has only one of the two."""
    for difference in found.differences:
        say(difference.text, style="yellow")
    if found.compared:
        agree = f"{found.matched + found.rounded:,} of {counted(found.compared, 'invoice')} agree"
        rounded = f" ({found.rounded:,} of them within rounding)" if found.rounded else ""
        differ = "; the others differ in the vendor's own files, see above" if found.differing else ""
        say(f"invoices and charges: {agree}{rounded}{differ}", style="yellow" if found.differing else "green")


def repairing(made: Verification, *, as_json: bool) -> None:
    """Show the findings that are about to be repaired; JSON has only the end."""
    if not as_json:
        verification(made)
        say("Repairing …")


def _remark(made: Verification, check: Check) -> str:
    if check is Check.BUCKET:
        return f" ({counted(made.proof.listed, 'object')} in {made.proof.buckets})"
    if check is not Check.AGGREGATES:
        return ""
    if made.refresh is None and made.compared:
        return " (never refreshed)"
    if made.refresh is None:
        return ""
    lag = made.refresh.lag_loads
    behind = f"{counted(lag, 'change')} behind" if lag else "up to date"
    return f" (at snapshot {made.refresh.snapshot_id}, {behind})"
