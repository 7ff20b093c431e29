"""The declared list of insight models: its order, and that each declaration is true of its SQL."""

import re

import pytest

from billstream.aggregator.insights.models import BASE, Model, check_order
from billstream.aggregator.insights.sections import SECTIONS
from billstream.aggregator.insights.values import Insights
from billstream.common.statements import statement

MODELS = (*BASE, *(model for section in SECTIONS for model in section.models))


def model(name: str, *needs: str) -> Model:
    return Model(__name__, name, "one row", needs)


def names(models: tuple[Model, ...]) -> list[str]:
    return [found.name for found in models]


def test_the_models_of_all_sections_can_run_in_their_order() -> None:
    check_order(MODELS)


@pytest.mark.parametrize(
    ("models", "refusal"),
    [
        ((model("late", "early"), model("early")), "late needs early, which must come before it"),
        ((model("lonely", "nobody", "anybody"),), "lonely needs anybody, nobody, which"),
        ((model("circle", "circle"),), "circle needs circle"),
        ((model("one"), model("one")), "Two insight models are named one"),
    ],
)
def test_a_list_in_the_wrong_order_is_refused(models: tuple[Model, ...], refusal: str) -> None:
    with pytest.raises(ValueError, match=refusal):
        check_order(models)


@pytest.mark.parametrize("declared", MODELS, ids=names(MODELS))
def test_a_model_needs_exactly_what_its_sql_reads(declared: Model) -> None:
    text = statement(declared.module, declared.name)
    read = {name.removeprefix("insight_") for name in re.findall(r"\binsight_\w+", text)}
    assert read == set(declared.needs)


@pytest.mark.parametrize("declared", MODELS, ids=names(MODELS))
def test_the_sql_of_a_model_is_one_select_that_states_its_grain(declared: Model) -> None:
    text = statement(declared.module, declared.name)
    header = " ".join(line.removeprefix("-- ") for line in text.splitlines() if line.startswith("--"))
    assert f"Grain: {declared.grain}" in header
    assert re.match(r"(WITH|SELECT)\b", re.sub(r"(?m)^--.*\n", "", text))
    assert "CREATE" not in text


def test_each_built_in_section_is_a_declared_field() -> None:
    assert {section.name for section in SECTIONS} <= set(Insights.model_fields)
    assert len({section.name for section in SECTIONS}) == len(SECTIONS)
