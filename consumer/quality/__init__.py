"""Rules that rows should keep: read from files, checked before the commit, and told where a load breaks them."""

from billstream.consumer.quality.findings import (
    Finding,
    broken_rows,
    findings,
    findings_by_severity,
    insert_findings,
)
from billstream.consumer.quality.parts import miscounted
from billstream.consumer.quality.rule import About, Broken, Quality, Rule, Severity, read_rules
from billstream.consumer.quality.versions import shrunken

__all__ = [
    "About",
    "Broken",
    "Finding",
    "Quality",
    "Rule",
    "Severity",
    "broken_rows",
    "findings",
    "findings_by_severity",
    "insert_findings",
    "miscounted",
    "read_rules",
    "shrunken",
]
