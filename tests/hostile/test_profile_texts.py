"""Hostile profiles: every free text of a profile reaches SQL as a constant, whatever it says."""

import json
import re
from typing import Any

import duckdb
import pytest

from billstream.consumer.decode.charges import charges_of
from billstream.consumer.decode.projection import Projection
from billstream.consumer.profiles import Profile, bind

TYPES = {
    "charge_period_start": "TIMESTAMP WITH TIME ZONE",
    "billed_cost": "DECIMAL(38,18)",
    "effective_cost": "DECIMAL(38,18)",
    "service_name": "VARCHAR",
    "region_id": "VARCHAR",
    "billing_currency": "VARCHAR",
    "charge_category": "VARCHAR",
    "tags": "MAP(VARCHAR, VARCHAR)",
}
HOSTILE = [
    "'); SELECT * FROM read_text('/etc/passwd'); --",
    "''",
    "\\'",
    "' || getenv('HOME') || '",
    "$$ x $$",
    "/* ' */",
    "{0} {name} %s ?",
    'a" b',
]


def queries(text: str) -> list[str]:
    """The SQL of a profile and a header that have this text wherever a profile may have any text."""
    header = ["day", "cost", "kind", f"n {text}", "list", "tag", "other", text]
    plain = text.replace("*", "+")  # within a text to compare with, it is no text
    profile = Profile.model_validate(
        {
            "name": "hostile",
            "title": text,
            "match": {"needs": ["charge_period_start"]},
            "values": {"nulls": [text, plain], "footers": [text]},
            "records": {
                "only": [{"from": ["kind"], "is": [plain, f"{plain}*", f"*{plain}", f"*{plain}*"]}],
                "leave_out": [{"from": ["other"], "is": [plain, ""]}],
            },
            "columns": {
                "charge_period_start": "day",
                "billed_cost": {"by": "kind", "cases": {text: ["cost"], "b": []}, "otherwise": ["cost"]},
                "effective_cost": {
                    "sum": [{"from": ["list"], "amounts": text}, {"from": ["cost"], "unless": [f"n {text}"]}]
                },
                "service_name": {"from": ["kind"], "map": {text: f"to {text}"}, "otherwise": f"else {text}"},
                "region_id": {"from": [f"n {text}"], "default": text},
                "billing_currency": {"constant": text},
                "charge_category": {"from": ["other"], "never": {text: f"because {text}"}},
                "tags": {"from": ["tag"], "prefixed": [f"n {text}"]},
            },
        }
    )
    binding = bind(profile, header)
    assert binding
    made = Projection(binding, TYPES)
    source = made.with_operands(charges_of("records", binding))
    wide = Profile.model_validate(
        {
            "name": "wide",
            "title": text,
            "match": {"needs": ["billed_cost"]},
            "unpivot": {"keep": ["day"], "name": f"name of {text}", "value": "cell"},
            "columns": {"charge_period_start": {"constant": "2026-01-01"}, "billed_cost": "cell"},
        }
    )
    unpivoted = bind(wide, ["day", text, f"n {text}"])
    assert unpivoted
    return [
        f"SELECT * FROM {charges_of('records', unpivoted)}",
        f"SELECT {made.typed_columns()}, {made.rescued()} AS rescued FROM {source}",
        f"SELECT {made.rounded()} FROM {source} WHERE {made.bad()}",
        *(f"SELECT 1 WHERE {fault.condition}" for fault in made.faults()),
    ]


def shape(node: Any) -> Any:  # noqa: ANN401 - it is JSON
    """A syntax tree without its constants and without places in the text."""
    if isinstance(node, list):
        return [shape(child) for child in node]
    if isinstance(node, str):
        # The name of an operand has the text in hexadecimal, which no text can leave.
        return re.sub(r"^(n\d+_)[0-9a-f]+$", r"\1hexadecimal", node)
    if not isinstance(node, dict):
        return node
    if node.get("class") == "CONSTANT":
        return "a constant"
    return {key: shape(child) for key, child in node.items() if key != "query_location"}


def shapes(text: str) -> list[Any]:
    with duckdb.connect() as con:
        trees = [con.execute("SELECT json_serialize_sql(?)", [query]).fetchone() for query in queries(text)]
    found = [json.loads(tree[0]) for tree in trees if tree]
    assert [tree.get("error_message") for tree in found] == [None] * len(found)
    return [shape(tree) for tree in found]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_of_a_profile_becomes_nothing_but_constants(text: str) -> None:
    assert shapes(text) == shapes("harmless")
