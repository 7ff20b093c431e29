"""The sources of the dbt project in examples/dbt: tables, columns and rules as the lake and billstream have them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from billstream.consumer.quality import About, Rule, Severity, read_rules

HEAD = """\
# Generated from the code: `UPDATE_DOCS=1 pytest tests/docs/test_reference.py` writes this file.
# Tables, columns and descriptions are those of the lake, the rules of `charges` those of `billstream quality rules`.
"""
SEVERITIES = {Severity.ERROR: "error", Severity.WARNING: "warn"}
STALE = "{{ var('stale_after_hours') | int }}"
TWICE = "{{ 2 * var('stale_after_hours') | int }}"
CHANGED = "SELECT max(processed_at) FROM lake.main.ledger WHERE load_id IS DISTINCT FROM previous_load_id"
ACTIVE = {"relationships": {"arguments": {"to": "source('billstream', 'active_loads')", "field": "load_id"}}}
UNIQUE = {("ledger", "entry_id"), ("active_loads", "load_id")}


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as it is."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)

Column = tuple[str, str, str, bool, str]
"""Table, column, type, whether it may be NULL, comment."""


def dbt_sources(tables: Iterable[str], comments: Mapping[str, str], columns: Iterable[Column]) -> str:
    """Return the text of models/sources.yml."""
    described = list(columns)
    lake = {
        "name": "billstream",
        "description": "The lake of billstream, read-only, at one snapshot. Money is DECIMAL(38,18), times are UTC.",
        "database": "lake",
        "schema": "main",
        "tables": [_table(table, comments[table], [c for c in described if c[0] == table]) for table in tables],
    }
    return HEAD + yaml.dump({"version": 2, "sources": [lake]}, Dumper=_Dumper, sort_keys=False, width=120)


def _table(table: str, comment: str, columns: Sequence[Column]) -> dict[str, Any]:
    told: dict[str, Any] = {"name": table, "description": comment}
    if table == "charges":
        freshness = {
            "warn_after": {"count": STALE, "period": "hour"},
            "error_after": {"count": TWICE, "period": "hour"},
        }
        rules = read_rules(None, {name: kind for _, name, kind, _, _ in columns})
        told |= {
            "config": {"freshness": freshness, "loaded_at_query": CHANGED},
            "data_tests": [_rule(rule) for rule in rules if rule.about is About.ROWS],
        }
    told["columns"] = []
    for _, name, kind, _, meaning in columns:
        column: dict[str, Any] = {"name": name, "data_type": kind, "description": meaning}
        # That a column is never NULL is no test: the lake itself refuses such a row.
        tests: list[Any] = ["unique"] if (table, name) in UNIQUE else []
        tests += [ACTIVE] if (table, name) == ("charges", "load_id") else []
        if tests:
            column["data_tests"] = tests
        told["columns"].append({key: value for key, value in column.items() if value})
    return told


def _rule(rule: Rule) -> dict[str, Any]:
    """Return the test of a rule; its condition is billstream's own."""
    return {
        "focus_rule": {
            "name": rule.name,
            "description": f"{rule.says} Source: {rule.source}",
            "arguments": {"rule": rule.name, "broken": rule.broken},
            "config": {"severity": SEVERITIES[rule.severity]},
        }
    }
