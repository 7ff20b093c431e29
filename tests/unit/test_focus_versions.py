"""The columns of FOCUS' versions, beside files that others have made of them, and the SQL of a file."""

import csv
from pathlib import Path

import pytest

from billstream.common.errors import WrongUsage
from billstream.publishing.focus.columns import FileFormat, select_list
from billstream.publishing.focus.versions import focus_version


def header(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8-sig") as text:
        return next(csv.reader(text))


def test_the_columns_are_those_of_files_of_others(shared_data: Path) -> None:
    sample = header(shared_data / "focus_official_sample" / "FOCUS-1.0" / "focus_sample.csv")
    assert list(focus_version("1.0").columns) == sorted({*sample} - {"Id"})  # the sample's own
    [first, *_] = sorted((shared_data / "focus_data_toolkit").glob("*_1_2_*.csv"))
    assert list(focus_version("1.2").columns) == sorted(header(first))


def test_each_version_has_the_columns_before_it() -> None:
    one, two, three = (focus_version(version) for version in ("1.0", "1.1", "1.2"))
    assert [len(version.columns) for version in (one, two, three)] == [43, 50, 57]
    assert set(one.columns) < set(two.columns) < set(three.columns)
    assert all(set(version.never_null) <= set(version.columns) for version in (one, two, three))


def test_other_columns_are_custom_ones() -> None:
    types = dict.fromkeys(("load_id", "sku_id", "invoice_id", "x_user_id", "new_one", "rescued"), "VARCHAR")
    names = focus_version("1.0").names(types)
    assert list(names.items())[43:] == [
        ("x_InvoiceId", "invoice_id"),
        ("x_UserId", "x_user_id"),
        ("x_NewOne", "new_one"),
        ("x_BillstreamRescued", "rescued"),
    ]
    assert "x_InvoiceId" not in focus_version("1.2").names(types)


def test_a_version_that_is_not_written_is_wrong_usage() -> None:
    with pytest.raises(WrongUsage, match=r"none of 1\.0, 1\.1, 1\.2"):
        focus_version("1.9")


def test_a_type_without_a_form_is_told() -> None:
    assert select_list({"SkuId": "sku_id"}, {"sku_id": "VARCHAR"}, FileFormat.CSV) == 'sku_id AS "SkuId"'
    with pytest.raises(NotImplementedError, match="sku_id"):
        select_list({"SkuId": "sku_id"}, {"sku_id": "BIGINT"}, FileFormat.CSV)
