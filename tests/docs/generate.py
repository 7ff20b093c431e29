"""Writes what is generated from the code: the pages of `docs/reference/`, the dashboard of Grafana, the sources of dbt.

`UPDATE_DOCS=1 pytest tests/docs/test_reference.py` writes them; without the variable the test compares.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import typer.main
from typer.testing import CliRunner

from billstream.cli.commands import app
from billstream.cli.lineage.tracing import json_schema
from billstream.cli.settings_table import markdown
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.deploy.policies_page import policies_page
from tests.docs.dbt_sources import Column, dbt_sources
from tests.docs.metrics import dashboard, metrics_page
from tests.docs.pages import DOCS
from tests.docs.profiles import profiles_page

WIDTH = 80
HEAD = "% Generated from the code: `UPDATE_DOCS=1 pytest tests/docs/test_reference.py` writes this page.\n\n"

DBT_SOURCES = DOCS.parent / "examples" / "dbt" / "models" / "sources.yml"
DASHBOARD = DOCS.parent / "deploy" / "monitoring" / "grafana" / "billstream.json"

TABLES = ("charges", "billing_periods", "invoice_details", "ledger", "rejected_rows")
EXPORTS = ("load_coverage", "export_preferences", "set_aside_charges", "provider_names")
TWO_EXPORTS = "../exports.md#two-exports-of-the-same-account"
AS_CHARGES = "Columns are those of charges."
AGGREGATES = (
    "daily_costs",
    "user_costs",
    "service_costs",
    "region_costs",
    "cost_cells",
    "day_arrivals",
    "changed_loads",
    "watermark",
)
BUDGETS = ("budget_periods", "budget_states", "unit_metrics")


def reference() -> dict[Path, str]:
    """Return the text of every generated page by its path."""
    return {
        DOCS / "reference" / "configuration.md": HEAD + configuration(),
        DOCS / "reference" / "commands.md": HEAD + commands(),
        DOCS / "reference" / "data-dictionary.md": HEAD + data_dictionary(),
        DOCS / "reference" / "profiles.md": HEAD + profiles_page(),
        DOCS / "reference" / "metrics.md": HEAD + metrics_page(),
        DASHBOARD: dashboard(),
        DOCS / "reference" / "lineage.schema.json": json_schema(),
        DOCS / "reference" / "policies.md": HEAD + policies_page(),
        DBT_SOURCES: dbt_sources((*TABLES, *AGGREGATES, "active_loads"), *lake_described()),
    }


def configuration() -> str:
    """Return the page of the settings: one table from the fields of `Settings`."""
    lines = [
        "# Configuration",
        "",
        "Every process reads its settings once, at start, from environment variables. `billstream settings` prints",
        "them with their current values and masks secrets. The standard `AWS_*` variables work as in any AWS tool; the",
        "`OPENLINEAGE_*` variables are those of OpenLineage's client, see [Lineage](../lineage.md#openlineage).",
        "",
    ]
    return "\n".join(lines) + "\n" + markdown()


def commands() -> str:
    """Return the page of the commands: what `--help` prints, for each of them."""
    lines = [
        "# Commands",
        "",
        "Each section is what the command prints with `--help`. A command ends with exit code 0 when everything is",
        "well, 1 when something is wrong (the last line on standard error says what to do), and 2 when its options are",
        "not valid.",
        "",
    ]
    for words in _command_words():
        level = "##" if len(words) < 2 else "###"
        lines += [f"{level} {' '.join(('billstream', *words))}", "", "```text", _help(words), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def data_dictionary() -> str:
    """Return the page of the lake's tables and views, from the comments in a new lake's catalog."""
    comments, columns = lake_described()
    views = sorted(set(comments) - {*TABLES, *EXPORTS, *AGGREGATES, *BUDGETS, "schema_version"})
    explained = {(table, column): comment for table, column, _, _, comment in columns if comment}
    lines = [
        "# Data dictionary",
        "",
        "The tables and views of the lake, as the catalog describes them. Any tool that opens the lake sees the same",
        "descriptions: `SELECT table_name, column_name, comment FROM duckdb_columns()`. Money is `DECIMAL(38,18)`,",
        "times are UTC, and a value that a file does not have is `NULL`.",
        "",
    ]
    chapters = (
        ("Charges and ledger", "The consumer owns these tables.", TABLES),
        ("Exports", f"The consumer owns these tables; see [exports]({TWO_EXPORTS}).", EXPORTS),
        ("Aggregates", "The aggregator owns these tables.", AGGREGATES),
        ("Budgets", "The aggregator owns these tables; see [budgets](../budgets-and-alerts.md).", BUDGETS),
        ("Views", "Views show the current state, calculated from the tables above.", views),
        ("Bookkeeping", "The version of the schema; `billstream init` brings it up to date.", ("schema_version",)),
    )
    for title, sentence, tables in chapters:
        lines += [f"## {title}", "", sentence, ""]
        for table in tables:
            lines += [f"### {table}", "", _cell(comments[table]), ""]
            if comments[table].endswith(AS_CHARGES):
                continue
            lines += ["| column | type | meaning |", "|---|---|---|"]
            for owner, column, kind, nullable, _ in columns:
                if owner == table:
                    meaning = explained.get((table, column)) or _inherited(explained, column)
                    required = "" if nullable or table in views else ", never `NULL`"
                    lines.append(f"| `{column}` | `{kind}`{required} | {_cell(meaning)} |")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def lake_described() -> tuple[dict[str, str], list[Column]]:
    """Return the comments of a new lake's tables and views, and their columns with comments, in the lake's order."""
    with TemporaryDirectory() as home, Lake.open(Settings(home=Path(home)), create=True) as lake:
        comments = {
            str(name): str(comment or "")
            for name, comment in lake.rows(
                "SELECT table_name, comment FROM duckdb_tables() WHERE database_name = 'lake' "
                "UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE database_name = 'lake' AND NOT internal"
            )
        }
        columns = lake.rows(
            "SELECT table_name, column_name, data_type, is_nullable, comment FROM duckdb_columns() "
            "WHERE database_name = 'lake' AND NOT internal ORDER BY table_name, column_index"
        )
    return comments, [(table, name, kind, nullable, comment or "") for table, name, kind, nullable, comment in columns]


def _command_words() -> Iterator[tuple[str, ...]]:
    """Yield the words of every command; those of a group follow it, and nothing comes first: billstream itself."""
    yield ()
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        yield (name,)
        for child in getattr(command, "commands", ()):
            yield (name, child)


def _help(words: Sequence[str]) -> str:
    """Return what a command prints with `--help` on a terminal of 80 columns."""
    shown = CliRunner().invoke(app, [*words, "--help"], prog_name="billstream", terminal_width=WIDTH)
    return "\n".join(line.rstrip() for line in shown.output.rstrip().splitlines())


def _inherited(explained: Mapping[tuple[str, str], str], column: str) -> str:
    """Return the meaning of a view's column: DuckLake keeps comments on the columns of tables only."""
    return next(
        (explained[owner, column] for owner in ("ledger", "rejected_rows") if (owner, column) in explained), "see above"
    )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def write() -> None:
    """Write every generated page."""
    for path, text in reference().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    os.environ["COLUMNS"] = str(WIDTH)
    write()
