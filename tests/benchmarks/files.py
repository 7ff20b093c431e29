"""Billing files to measure with: which columns they have, and how they are written.

The values repeat as they do in real bills: a few currencies and services, some hundred users, thousands of resources.
Costs have ten decimals, as AWS writes them. No engine has to keep the order of the rows.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import duckdb

Kind = Literal["text", "cost", "time"]

HOUR = "TIMESTAMP '2026-01-01' + INTERVAL (i % 2000) HOUR"
ISO = "'%Y-%m-%dT%H:%M:%SZ'"
EMPTY = "NULL"


@dataclass(frozen=True)
class Column:
    """One column: how a peer has to read it, and the SQL of the value in row `i`."""

    kind: Kind
    value: str


@dataclass(frozen=True)
class Shape:
    """Some files of one form."""

    name: str
    files: int
    rows: int
    columns: dict[str, Column]
    gzip: bool = False

    @property
    def words(self) -> str:
        """What a table calls it."""
        return f"{self.files} x {self.rows:,} rows, {len(self.columns)} columns"

    def of_kind(self, kind: Kind) -> list[str]:
        """Return the names of the columns of a kind."""
        return [name for name, column in self.columns.items() if column.kind == kind]

    def tiny(self) -> "Shape":
        """Return the same with so few rows that a measurement says nothing, and a test is quick."""
        return replace(self, files=min(self.files, 3), rows=min(self.rows, 50))

    def write(self, folder: Path) -> None:
        """Write the files into a new folder."""
        folder.mkdir(parents=True)
        columns = ", ".join(f'{column.value} AS "{name}"' for name, column in self.columns.items())
        suffix, packing = (".csv.gz", ", COMPRESSION gzip") if self.gzip else (".csv", "")
        with duckdb.connect() as con:
            for number in range(self.files):
                con.execute(
                    f"COPY (SELECT {columns} FROM range({self.rows}) t(i)) TO '{folder}/{number:05}{suffix}' "
                    f"(FORMAT csv, HEADER{packing})"
                )

    def pattern(self, folder: Path) -> str:
        """Return the glob of the files in a folder."""
        return f"{folder}/*.csv.gz" if self.gzip else f"{folder}/*.csv"


def text(value: str) -> Column:
    """Return a column of text."""
    return Column("text", value)


def cost(most: int, decimals: int = 10) -> Column:
    """Return a column of amounts below `most`."""
    return Column("cost", f"(random() * {most})::DECIMAL(18, {decimals})")


def time(value: str) -> Column:
    """Return a column of times in UTC, written as FOCUS and AWS do."""
    return Column("time", f"strftime({value}, {ISO})")


PLAIN = {
    "ChargePeriodStart": time(HOUR),
    "BillingCurrency": text("'USD'"),
    "BilledCost": cost(100),
    "EffectiveCost": cost(100),
    "ConsumedQuantity": cost(1000, 3),
    "ConsumedUnit": text("'Hours'"),
    "ServiceName": text("'Service ' || (i % 20)"),
    "RegionId": text("'eu-west-' || (i % 4)"),
    "x_UserId": text("'user' || (i % 500)"),
    "x_ServiceTier": text("['free', 'pro', 'team'][1 + i % 3]"),
}

# FOCUS 1.0 as the official sample has it: all 43 columns, tags as JSON in quotes, a description with a comma in it, and
# cells that are empty in most rows or in all. The last five columns are the vendor's own: no profile knows them.
FOCUS = {
    "AvailabilityZone": text("CASE WHEN i % 3 = 0 THEN 'us-west-2' || ['a', 'b'][1 + i % 2] END"),
    "BilledCost": cost(10),
    "BillingAccountId": text("'1234567890123'"),
    "BillingAccountName": text("'SunBird'"),
    "BillingCurrency": text("'USD'"),
    "BillingPeriodEnd": time("TIMESTAMP '2026-02-01'"),
    "BillingPeriodStart": time("TIMESTAMP '2026-01-01'"),
    "ChargeCategory": text("CASE WHEN i % 97 = 0 THEN 'Tax' ELSE 'Usage' END"),
    "ChargeClass": text(EMPTY),
    "ChargeDescription": text("'$0.0' || (i % 90) || ' per GB, first ' || (i % 50) || ' TB / month of storage used'"),
    "ChargeFrequency": text("'Usage-Based'"),
    "ChargePeriodEnd": time(f"{HOUR} + INTERVAL 1 HOUR"),
    "ChargePeriodStart": time(HOUR),
    "CommitmentDiscountCategory": text("CASE WHEN i % 10 = 0 THEN 'Spend' END"),
    "CommitmentDiscountId": text("CASE WHEN i % 10 = 0 THEN 'arn:aws:savingsplans::1234567890123:sp/' || (i % 40) END"),
    "CommitmentDiscountName": text(EMPTY),
    "CommitmentDiscountStatus": text("CASE WHEN i % 10 = 0 THEN 'Used' END"),
    "CommitmentDiscountType": text("CASE WHEN i % 10 = 0 THEN 'Savings Plan' END"),
    "ConsumedQuantity": cost(1000),
    "ConsumedUnit": text("['GB', 'Hours', 'Requests'][1 + i % 3]"),
    "ContractedCost": cost(10),
    "ContractedUnitPrice": cost(1),
    "EffectiveCost": cost(10),
    "InvoiceIssuerName": text("'Amazon Web Services, Inc.'"),
    "ListCost": cost(10),
    "ListUnitPrice": cost(1),
    "PricingCategory": text("CASE WHEN i % 10 = 0 THEN 'Committed' ELSE 'Standard' END"),
    "PricingQuantity": cost(1000),
    "PricingUnit": text("['GB', 'Hours', 'Requests'][1 + i % 3]"),
    "ProviderName": text("'AWS'"),
    "PublisherName": text("'Amazon Web Services, Inc.'"),
    "RegionId": text("['us-west-2', 'eu-central-1', 'us-east-1'][1 + i % 3]"),
    "RegionName": text("['US West (Oregon)', 'EU (Frankfurt)', 'US East (N. Virginia)'][1 + i % 3]"),
    "ResourceId": text("'arn:aws:ec2:us-west-2:347410479675:instance/i-' || md5((i % 5000)::VARCHAR)[:17]"),
    "ResourceName": text(EMPTY),
    "ResourceType": text("CASE WHEN i % 4 = 0 THEN 'instance' END"),
    "ServiceCategory": text("['Compute', 'Storage', 'Networking'][1 + i % 3]"),
    "ServiceName": text("'Amazon Service ' || (i % 60)"),
    "SkuId": text("upper(md5((i % 900)::VARCHAR)[:16])"),
    "SkuPriceId": text("upper(md5((i % 900)::VARCHAR)[:16]) || '.JRTCKXETXF.6YS6EN2CT7'"),
    "SubAccountId": text("(51738928782 + i % 70)::VARCHAR"),
    "SubAccountName": text("'Atlas Nimbus ' || (i % 70)"),
    "Tags": text(
        'CASE WHEN i % 5 < 4 THEN \'{"application": "app-\' || (i % 80) || \'", "environment": "\' || '
        "['dev', 'prod'][1 + i % 2] || '\", \"business_unit\": \"Unit ' || (i % 9) || '\"}' END"
    ),
    "x_Operation": text("['RunInstances', 'GetObject', 'PutObject'][1 + i % 3]"),
    "x_UsageType": text("'USW2-BoxUsage:m' || (i % 7) || '.large'"),
    "x_CostCategories": text("CASE WHEN i % 5 = 0 THEN '{\"team\": \"t' || (i % 12) || '\"}' END"),
    "x_Discounts": text(EMPTY),
    "x_ServiceCode": text("'AmazonS' || (i % 60)"),
}

# Attributes of products and tags, of which a legacy report has a column for each: empty in nearly all rows.
PRODUCT = """availability availabilityZone capacitystatus clockSpeed currentGeneration databaseEngine datatransferout
dedicatedEbsThroughput deploymentOption description durability ecu enhancedNetworkingSupported eventType feeCode
feeDescription fromLocationType gpu gpuMemory group groupDescription instanceFamily instanceTypeFamily
intelAvxAvailable intelTurboAvailable licenseModel marketoption maxIopsvolume maxThroughputvolume maxVolumeSize memory
messageDeliveryFrequency messageDeliveryOrder minVolumeSize networkPerformance normalizationSizeFactor operatingSystem
physicalProcessor preInstalledSw processorArchitecture processorFeatures provisioned queueType requestType routingTarget
routingType storage storageClass storageMedia tenancy toLocation toLocationType transferType usageFamily vcpu version
volumeApiName volumeType"""

CUR = {
    "identity/LineItemId": text("md5(i::VARCHAR) || md5((i + 1)::VARCHAR)[:20]"),
    "identity/TimeInterval": text(f"strftime({HOUR}, {ISO}) || '/' || strftime({HOUR} + INTERVAL 1 HOUR, {ISO})"),
    "bill/InvoiceId": text("'1234567890'"),
    "bill/InvoicingEntity": text("'Amazon Web Services, Inc.'"),
    "bill/BillingEntity": text("'AWS'"),
    "bill/BillType": text("'Anniversary'"),
    "bill/PayerAccountId": text("'123456789012'"),
    "bill/BillingPeriodStartDate": time("TIMESTAMP '2026-01-01'"),
    "bill/BillingPeriodEndDate": time("TIMESTAMP '2026-02-01'"),
    "lineItem/UsageAccountId": text("(51738928782 + i % 70)::VARCHAR"),
    "lineItem/LineItemType": text("CASE WHEN i % 10 = 0 THEN 'SavingsPlanCoveredUsage' ELSE 'Usage' END"),
    "lineItem/UsageStartDate": time(HOUR),
    "lineItem/UsageEndDate": time(f"{HOUR} + INTERVAL 1 HOUR"),
    "lineItem/ProductCode": text("'AmazonS' || (i % 60)"),
    "lineItem/UsageType": text("'USW2-BoxUsage:m' || (i % 7) || '.large'"),
    "lineItem/Operation": text("['RunInstances', 'GetObject', 'PutObject'][1 + i % 3]"),
    "lineItem/AvailabilityZone": text("CASE WHEN i % 3 = 0 THEN 'us-west-2b' END"),
    "lineItem/ResourceId": text("'i-' || md5((i % 5000)::VARCHAR)[:17]"),
    "lineItem/UsageAmount": cost(1000),
    "lineItem/NormalizationFactor": text("CASE WHEN i % 3 = 0 THEN '4.0' END"),
    "lineItem/NormalizedUsageAmount": cost(4000),
    "lineItem/CurrencyCode": text("'USD'"),
    "lineItem/UnblendedRate": cost(1),
    "lineItem/UnblendedCost": cost(10),
    "lineItem/BlendedRate": cost(1),
    "lineItem/BlendedCost": cost(10),
    "lineItem/LineItemDescription": text("'$0.0' || (i % 90) || ' per GB, first ' || (i % 50) || ' TB / month'"),
    "lineItem/TaxType": text(EMPTY),
    "lineItem/LegalEntity": text("'Amazon Web Services, Inc.'"),
    "product/ProductName": text("'Amazon Service ' || (i % 60)"),
    "product/instanceType": text("CASE WHEN i % 3 = 0 THEN 'm' || (i % 7) || '.large' END"),
    "product/location": text("['US West (Oregon)', 'EU (Frankfurt)', 'US East (N. Virginia)'][1 + i % 3]"),
    "product/locationType": text("'AWS Region'"),
    "product/operation": text("['RunInstances', 'GetObject', 'PutObject'][1 + i % 3]"),
    "product/productFamily": text("['Compute Instance', 'Storage', 'API Request'][1 + i % 3]"),
    "product/regionCode": text("['us-west-2', 'eu-central-1', 'us-east-1'][1 + i % 3]"),
    "product/servicecode": text("'AmazonS' || (i % 60)"),
    "product/sku": text("upper(md5((i % 900)::VARCHAR)[:16])"),
    "product/usagetype": text("'USW2-BoxUsage:m' || (i % 7) || '.large'"),
    **{
        f"product/{name}": text(EMPTY if n % 4 else f"CASE WHEN i % 20 = {n % 20} THEN 'value {n}' END")
        for n, name in enumerate(PRODUCT.split())
    },
    "pricing/currency": text("'USD'"),
    "pricing/publicOnDemandCost": cost(10),
    "pricing/publicOnDemandRate": cost(1),
    "pricing/RateCode": text("upper(md5((i % 900)::VARCHAR)[:16]) || '.JRTCKXETXF.6YS6EN2CT7'"),
    "pricing/RateId": text("(1000000 + i % 900)::VARCHAR"),
    "pricing/term": text("'OnDemand'"),
    "pricing/unit": text("['GB', 'Hrs', 'Requests'][1 + i % 3]"),
    "reservation/ReservationARN": text(EMPTY),
    "reservation/EffectiveCost": Column("cost", EMPTY),
    "savingsPlan/SavingsPlanARN": text(
        "CASE WHEN i % 10 = 0 THEN 'arn:aws:savingsplans::123456789012:sp/' || (i % 40) END"
    ),
    "savingsPlan/SavingsPlanRate": Column("cost", "CASE WHEN i % 10 = 0 THEN random()::DECIMAL(18, 10) END"),
    "savingsPlan/SavingsPlanEffectiveCost": Column("cost", "CASE WHEN i % 10 = 0 THEN random()::DECIMAL(18, 10) END"),
    "resourceTags/user:Name": text("CASE WHEN i % 3 = 0 THEN 'host-' || (i % 5000) END"),
    "resourceTags/user:team": text("CASE WHEN i % 5 < 4 THEN 'team ' || (i % 12) END"),
    "resourceTags/user:env": text("['dev', 'prod'][1 + i % 2]"),
    **{f"resourceTags/user:tag{n}": text(f"CASE WHEN i % 10 = {n} THEN 'v' || (i % 100) END") for n in range(5)},
}

SHAPES = {
    shape.name: shape
    for shape in (
        Shape("small", 400, 1_000, PLAIN),
        Shape("small gzip", 400, 1_000, PLAIN, gzip=True),
        Shape("large", 10, 500_000, PLAIN),
        Shape("FOCUS", 4, 250_000, FOCUS),
        Shape("CUR gzip", 4, 100_000, CUR, gzip=True),
    )
}
