"""The profiles of one's own that comments of the built-in ones recommend: they are valid, and do what is said."""

import re
from collections.abc import Iterator
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest

from billstream.common.settings import Settings
from billstream.consumer.trial.bench import workbench
from tests.profiles.harness import Reader

BUILT_IN = files("billstream.consumer.profiles") / "builtin"


def recommended(profile: str) -> str:
    """The lines of a comment that are deeper than its text."""
    text = (BUILT_IN / f"{profile}.toml").read_text("utf-8")
    return "\n".join(re.findall(r"^# {4,}(\S+ = .*|\[\w+\])$", text, re.MULTILINE))


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    home: Path = tmp_path_factory.mktemp("own")
    for profile in ("aws_cost_explorer", "azure_partner_invoice"):
        (home / f"{profile}.toml").write_text(recommended(profile))
    with workbench(Settings(home=home, profiles_dir=home, catalog=None, data_path=None, spool_dir=None)) as bench:
        yield Reader(bench, home)


def test_amortised_costs_of_cost_explorer_are_effective_ones(read: Reader) -> None:
    text = '"Service","S3($)","Total costs($)"\n"Service total","3","3"\n"2026-08-01","3","3"\n'
    found = read(text, "reports/amortized/costs.csv")
    assert (found.profile, found.total(), found.total("effective_cost")) == (
        "aws_cost_explorer_amortized", {}, {"USD": Decimal(3)},
    )  # fmt: skip
    assert read(text, "reports/costs.csv").total() == {"USD": Decimal(3)}


def test_purchases_of_a_partner_s_invoice_are_read_without_the_usage(read: Reader) -> None:
    found = read(
        "CustomerId,ChargeType,Subtotal,Currency,ChargeStartDate,MeterDescription\n"
        "c,new,10,EUR,2026-09-01,\nc,new,5,EUR,2026-09-01,Virtual Machines - D2\n"
    )
    assert (found.profile, found.total(), found.load.records_left_out) == ("partner_purchases", {"EUR": Decimal(10)}, 1)
