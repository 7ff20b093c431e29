"""The comparison of the lake with the truth, to the last decimal."""

from dataclasses import dataclass

from billstream.cli.demo.findings import Findings
from billstream.cli.demo.samples import Truth


@dataclass(frozen=True)
class Check:
    """One fact that must hold, as a sentence with what was expected and what was found."""

    sentence: str
    holds: bool


def consistent(findings: Findings, dead_letters: int) -> list[Check]:
    """Return the checks that hold whatever was uploaded."""
    return [
        _equal("The aggregates match the rows, to the last decimal", findings.charges, findings.aggregates),
        _equal("The dead-letter queue is empty", 0, dead_letters),
    ]


def true_to(truth: Truth, findings: Findings, corrupt: str) -> list[Check]:
    """Return the checks against the known truth about the uploaded files."""
    billed = {currency: total for currency, (_, total) in findings.charges.items()}
    quarantined = [file.key for file in findings.files]
    rejected = {"rejected_records": truth.rejected} if truth.rejected else {}
    told = ("quarantined_files", "rejected_records")
    omitted = {kind: count for kind, (count, _) in findings.omissions.items() if kind in told}
    return [
        _equal("The rows in the lake are those of the files", truth.rows, findings.rows),
        _equal("The totals match what was written into the files, to the last decimal", dict(truth.billed), billed),
        _equal("Every bad record is in quarantine", truth.rejected, len(findings.records)),
        _equal("The file that is not a CSV is in quarantine", [corrupt], quarantined),
        _equal("The dashboard says what is not in its numbers", {"quarantined_files": 1, **rejected}, omitted),
    ]


def _equal(sentence: str, expected: object, found: object) -> Check:
    holds = expected == found
    return Check(f"{sentence}." if holds else f"{sentence}: no. Expected {expected}, found {found}.", holds)
