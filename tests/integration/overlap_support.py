"""Exports of several vendors in one bucket, with the same charges: what is delivered, and what the lake then has."""

import gzip
import json
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from billstream.common.lake import Lake
from billstream.consumer.events import ObjectEvent
from billstream.consumer.intake import Intake
from tests.fakes.objects import FakeBucket
from tests.integration.exports_support import LAYOUTS, NOON
from tests.integration.intake_support import House

CUR = (
    "identity/LineItemId,bill/BillingEntity,bill/PayerAccountId,bill/BillingPeriodStartDate,bill/BillingPeriodEndDate,"
    "lineItem/UsageAccountId,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/ProductCode,"
    "lineItem/UsageAmount,lineItem/CurrencyCode,lineItem/UnblendedCost\n"
)
FOCUS = (
    "BilledCost,BillingAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargePeriodEnd,"
    "ChargePeriodStart,ContractedCost,EffectiveCost,InvoiceIssuerName,ListCost,ProviderName,PublisherName,"
    "ServiceCategory,ServiceName,SubAccountId\n"
)
AZURE = "SubscriptionId,Date,MeterCategory,MeterId,ChargeType,Quantity,CostInBillingCurrency,BillingCurrencyCode\n"


def cur(*costs: tuple[str, int], payer: str = "111", account: str = "222") -> str:
    """A CUR of March; each charge is its cost and its day."""
    return CUR + "".join(
        f"x,AWS,{payer},2026-03-01T00:00:00Z,2026-04-01T00:00:00Z,{account},Usage,2026-03-{day:02}T00:00:00Z,"
        f"2026-03-{day:02}T01:00:00Z,AmazonEC2,1,USD,{cost}\n"
        for cost, day in costs
    )


def focus(
    *costs: tuple[str, int],
    provider: str = "AWS",
    payer: str = "111",
    account: str = "222",
    currency: str = "USD",
    effective: str | None = None,
) -> str:
    """A FOCUS file of March; the effective cost is the billed one if it is not given."""
    return FOCUS + "".join(
        f"{cost},{payer},{currency},2026-04-01T00:00:00Z,2026-03-01T00:00:00Z,Usage,2026-03-{day + 1:02}T00:00:00Z,"
        f"2026-03-{day:02}T00:00:00Z,{cost},{effective or cost},{provider},{cost},{provider},{provider},"
        f"Compute,VM,{account}\n"
        for cost, day in costs
    )


def azure(*costs: tuple[str, int], subscription: str = "s1") -> str:
    """An actual cost export of March, which tells no billing account."""
    return AZURE + "".join(f"{subscription},03/{day:02}/2026,VM,m1,Usage,24,{cost},EUR\n" for cost, day in costs)


LEGACY = (("100", 1), ("-5", 2), ("-10", 3), ("0.0000001", 4), ("20", 1))  # 105.0000001 in all


@dataclass
class Bills:
    """A bucket of exports of one account, and a consumer of it. `account` is its short form; a lake may have many."""

    house: House
    account: str
    bucket: FakeBucket = field(init=False)
    intake: Intake = field(init=False)

    def __post_init__(self) -> None:
        self.bucket = self.house.bucket(now=NOON)
        self.intake = self.consumer()

    def consumer(self, lake: Lake | None = None) -> Intake:
        return self.house.intake(self.bucket, layouts=LAYOUTS, lake=lake)

    def deliver_cur(self, prefix: str, content: str, delivery: str = "d1") -> ObjectEvent:
        """Put a delivery of a CUR of March; returns the event of its manifest."""
        self.bucket.now += timedelta(hours=1)
        folder = f"{prefix}/cur/20260301-20260401"
        key = f"{folder}/{delivery}/cur-00001.csv.gz"
        self.bucket.put(key, gzip.compress(content.encode(), mtime=0))
        manifest = {"assemblyId": delivery, "reportKeys": [key]}
        return self.bucket.put(f"{folder}/{delivery}/cur-Manifest.json", json.dumps(manifest))

    def deliver_focus(self, prefix: str, content: str, delivery: str = "e1") -> ObjectEvent:
        """Put a delivery of a FOCUS export of March; returns the event of its manifest."""
        self.bucket.now += timedelta(hours=1)
        key = f"{prefix}/focus/data/BILLING_PERIOD=2026-03/focus-00001.csv.gz"
        self.bucket.put(key, gzip.compress(content.encode(), mtime=0))
        manifest = {"executionId": delivery, "dataFiles": [f"s3://{self.bucket.name}/{key}"]}
        return self.bucket.put(
            f"{prefix}/focus/metadata/BILLING_PERIOD=2026-03/focus-Manifest.json", json.dumps(manifest)
        )

    def load(self, *events: ObjectEvent) -> None:
        for event in events:
            outcome = self.intake.process([event])[0]
            assert outcome.loaded, (outcome.label, outcome.reason)

    def put(self, key: str, content: str) -> None:
        """Put a plain file, and load it."""
        self.load(self.bucket.put(key, content))

    def export(self, name: str) -> str:
        """The name of a delivered export by its prefix, or of a folder with its dataset."""
        return f"s3://{self.bucket.name}/{name}" if "#" in name else f"export://{self.bucket.name}/{name}"

    # -- what is in the lake -----------------------------------------------------------------------------

    def total(self, metric: str = "billed_cost") -> Decimal | None:
        """What counts of the bucket's charges, of all currencies: each test has one."""
        sql = f"SELECT sum({metric}) FROM charges WHERE load_id IN (SELECT load_id FROM ledger WHERE bucket = ?)"
        return self.house.lake.rows(sql, [self.bucket.name])[0][0]  # type: ignore[no-any-return]

    def aside(self) -> int:
        sql = "SELECT count(*) FROM set_aside_charges WHERE load_id IN (SELECT load_id FROM ledger WHERE bucket = ?)"
        return int(self.house.lake.rows(sql, [self.bucket.name])[0][0])

    def overlaps(self) -> list[dict[str, Any]]:
        sql = "FROM export_overlaps WHERE billing_account_id = ? AND metric = 'billed_cost'"
        found: list[dict[str, Any]] = self.house.lake.query(sql, [self.account]).to_pylist()
        return found
