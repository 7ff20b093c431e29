"""Render insights to the texts of the files that are published."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined

from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.sections import SECTIONS
from billstream.aggregator.insights.values import SCHEMA_VERSION, Insights
from billstream.aggregator.pages import charts, explorer, headline, numbers, restated, text, view

JSON_NAME = "insights.json"
SCHEMA_NAME = "insights.schema.json"
SCHEMA_ID = "urn:billstream:insights"
MARKDOWN_NAME = "insights.md"
HTML_NAME = "dashboard.html"
FILE_NAMES = (SCHEMA_NAME, MARKDOWN_NAME, HTML_NAME, JSON_NAME)

SHOWN_FILES = 10
SHOWN_UNITS = 10
SHOWN_GAPS = 20
SHOWN_RESTATEMENTS = 20


def render(insights: Insights, sections: Sequence[Section] = SECTIONS) -> dict[str, str]:
    """Return the text of each file by its name.

    `insights.json` comes last: a reader, and the next publication, take it as the sign that the others are complete.

    Args:
        insights: the values; they have a field for each section.
        sections: the sections of both pages, in their order.
    """
    meters = view.meter_views(insights)
    context = {
        "insights": insights,
        "headlines": headline.headlines(insights, meters),
        "meters": meters,
        "measures": view.MEASURES,
        "periods": view.PERIODS,
        "parts_of_savings": view.PARTS_OF_SAVINGS,
        "explorer": explorer.explorer_of(insights.cube),
        "sections": [(section, getattr(insights, section.name)) for section in sections],
    }
    return {
        SCHEMA_NAME: _schema_text(type(insights)),
        MARKDOWN_NAME: _markdown_pages().get_template("insights.md.j2").render(context),
        HTML_NAME: _html_pages().get_template("dashboard.html.j2").render(context),
        JSON_NAME: insights.model_dump_json(indent=2) + "\n",
    }


def json_schema(insights: type[Insights] = Insights) -> dict[str, object]:
    """Return the JSON Schema of `insights.json`; its `$id` names the version."""
    schema = insights.model_json_schema(mode="serialization")
    identity = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"{SCHEMA_ID}:{SCHEMA_VERSION}"}
    return {**identity, **schema}


@cache
def _schema_text(insights: type[Insights]) -> str:
    """Made once, as it takes 50 ms of CPU time; the types of insights are few, see `insights_type`."""
    return json.dumps(json_schema(insights), indent=2) + "\n"


@cache
def _html_pages() -> Environment:
    """The HTML templates. Every value they print is escaped; only the output of macros is not escaped again."""
    return _pages(Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True))


@cache
def _markdown_pages() -> Environment:
    """The Markdown templates. Every value they print is escaped; only the templates contain Markdown's own signs."""
    return _pages(
        Environment(
            autoescape=False,  # noqa: S701 - finalize escapes for Markdown
            finalize=lambda value: text.markdown(str(value)),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
    )


def _pages(environment: Environment) -> Environment:
    # Templates are read as package resources, so that they work from a wheel too.
    environment.loader = FunctionLoader(_template)
    environment.filters |= _filters()
    environment.globals |= {
        "bar": view.bar_percentage,
        "lacking": view.lacking,
        "left_out": view.left_out,
        "month_bar": view.month_bar,
        "month_label": view.month_label,
        "shown_files": SHOWN_FILES,
        "shown_units": SHOWN_UNITS,
        "shown_gaps": SHOWN_GAPS,
        "shown_restatements": SHOWN_RESTATEMENTS,
    }
    return environment


def _template(name: str) -> str:
    # A section's template is beside its module, so that a new section changes no other file: "package:file".
    package, _, file = name.rpartition(":")
    return (files(package or "billstream.aggregator") / "templates" / file).read_text(encoding="utf-8")


def _filters() -> dict[str, Callable[..., object]]:
    return {
        "money": numbers.money,
        "quantity": numbers.quantity,
        "unit_price": numbers.unit_price,
        "difference": numbers.difference,
        "effect": numbers.effect,
        "number": numbers.count,
        "counted": numbers.counted,
        "percent": numbers.percent,
        "percent_change": numbers.percent_change,
        "visible": text.visible,
        "shorten": text.shorten,
        "currency": view.currency_label,
        "unit": view.unit_label,
        "provider": view.provider_label,
        "span": view.span,
        "day": charts.day_label,
        "moment": view.moment,
        "restated_day": restated.day,
        "restated_quantities": restated.quantities,
        "restated_groups": restated.groups_changed,
        "decision": restated.decision,
    }
