"""The export that a file belongs to, by its key; and the same expression in the migration of older lakes."""

from importlib.resources import files

import pytest

from billstream.consumer.exports.coverage import account_of, provider_of, sub_account_of
from billstream.consumer.exports.naming import FOLDER, source_of


@pytest.mark.parametrize(
    ("scope", "profile", "export"),
    [
        ("s3://b/a.csv", "plain", "s3://b/#plain"),
        ("s3://b/bills/2026/03/a.csv", "focus_1_2", "s3://b/bills/#focus"),
        ("s3://b/bills/2026-03/a.csv", None, "s3://b/bills/#"),
        ("s3://b/x/20260901-20260930/run/a.csv", "azure_actual", "s3://b/x/#azure_actual"),
        ("s3://b/x/year=2026/month=03/a.csv", "aws_cur", "s3://b/x/#aws_cur"),
        ("s3://b/2026/x/a.csv", "plain", "s3://b/#plain"),
        ("s3://b/team-2026a/v1/a.csv", "plain", "s3://b/team-2026a/v1/#plain"),
        ("s3://b/2026apps/a.csv", "plain", "s3://b/2026apps/#plain"),
        ("file:///data/bills/202603/a.csv", "plain", "file:///data/bills/#plain"),
        ("s3://b/odd\nname/2026/a.csv", "plain", "s3://b/odd\nname/#plain"),
    ],
)
def test_an_export_is_the_folder_up_to_the_first_partition_or_date(
    scope: str, profile: str | None, export: str
) -> None:
    assert source_of("load", scope, profile).export == export


def test_a_delivered_export_is_its_scope_without_the_period() -> None:
    source = source_of("load", "s3://b/old/cur/x/part.csv", "aws_cur", "export://b/old/cur/2026-03")
    assert (source.export, source.dataset, source.whole_period) == ("export://b/old/cur", "aws_cur", True)


def test_the_migration_of_older_lakes_has_the_same_expression() -> None:
    migration = (files("billstream.common.lake") / "migrations" / "0011_overlaps.sql").read_text()
    assert f"'^{FOLDER.pattern}$'" in migration


def test_spellings_of_one_account_are_one() -> None:
    assert account_of("/providers/Microsoft.Billing/billingAccounts/ABC:1") == account_of(" abc:1 ") == "abc:1"
    assert account_of("000123") == account_of("123") == "123"
    assert sub_account_of("/subscriptions/S1") == sub_account_of("s1") == "s1"
    assert sub_account_of("0") == "0"
    assert account_of("  ") is account_of(None) is None
    assert provider_of(" azure ", {"azure": "Microsoft"}) == "Microsoft"
    assert provider_of("Nimbus", {}) == "Nimbus"
    assert provider_of("", {}) is None
