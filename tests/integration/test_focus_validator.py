"""What the FinOps Foundation's validator says of our files; without it the test is skipped."""

from pathlib import Path

import pytest

from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.publishing.focus.columns import FileFormat
from tests.integration.focus_support import add, loaded, simple, written
from tests.servers import focus_validator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not focus_validator.installed(), reason=focus_validator.MISSING),
]
# The rule is about charges without an invoice, which the validator cannot tell: it fails wherever there is an id.
NOT_JUDGED = {"InvoiceId-C-004-C"}


@pytest.mark.parametrize("form", list(FileFormat))
def test_the_validator_finds_no_fault(form: FileFormat, tmp_path: Path, shared_data: Path) -> None:
    settings = Settings(home=tmp_path / "home", threads=1)
    with Lake.open(settings, create=True) as lake:
        loaded(lake, settings, shared_data / "focus_data_toolkit")
        [month] = written(lake, tmp_path / "out", form)
    verdict = focus_validator.judged(tmp_path / "out" / month.files[0].path)
    assert month.rows_without_value == {}
    assert verdict.failures == NOT_JUDGED
    assert verdict.passed > 100


def test_what_the_validator_misses_is_what_the_manifest_tells(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", threads=1)
    with Lake.open(settings, create=True) as lake:
        add(lake, simple(("2026-03-01", "1", "USD")))
        [month] = written(lake, tmp_path / "out", FileFormat.CSV)
    verdict = focus_validator.judged(tmp_path / "out" / month.files[0].path)
    missed = {rule.split("-")[0] for rule in verdict.failures}
    # It judges no conditional column by itself.
    conditional = {"PricingCurrency", "PricingCurrencyEffectiveCost"}
    assert set(month.rows_without_value) - conditional <= missed
