"""Compute billstream's aggregate tables from an Iceberg copy of its charges, and compare them with those of the copy.

    spark-submit aggregates.py lake.billstream                        tables of a Spark catalog
    python aggregates.py --remote sc://spark:15002 s3://acme/billstream   folders of tables, over Spark Connect

Ends with 1 if a table of the copy differs, to the last decimal. `--write NAMESPACE` also keeps what was computed.
"""

import argparse
import sys

from pyspark.sql import DataFrame, SparkSession

KEYS = {
    "daily_costs": ("charge_day", "billing_currency"),
    "user_costs": ("charge_day", "billing_currency", "x_user_id"),
    "service_costs": ("charge_day", "billing_currency", "service_name", "x_service_tier", "resource_type"),
    "region_costs": ("charge_day", "billing_currency", "region_id"),
}
"""The grain of each table."""

COSTS = ("billed", "effective", "list", "contracted")
SHOWN = 20


def aggregates(spark: SparkSession, charges: DataFrame) -> dict[str, DataFrame]:
    """Return the aggregate tables of charges by name, with the columns and types that billstream's have.

    Sums of DECIMAL(38, 18) are exact; one with more than 20 digits before the point is an error where Spark is in its
    ANSI mode, and NULL else.
    """
    charges.createOrReplaceTempView("charges_of_the_copy")
    return {name: spark.sql(_statement(keys)) for name, keys in KEYS.items()}


def read(spark: SparkSession, copy: str, table: str) -> DataFrame:
    """Return a table of the copy: of a catalog with its namespace, or of a folder that has a folder for each table."""
    if "/" in copy:
        return spark.read.format("iceberg").load(f"{copy.rstrip('/')}/{table}")
    return spark.table(f"{copy}.{table}")


def differences(computed: DataFrame, stored: DataFrame) -> tuple[DataFrame, DataFrame]:
    """Return the rows that only one of two tables has; a row that one has twice counts twice.

    Maps cannot be compared, and their order means nothing: their sorted entries are compared instead.
    """
    one, other = (_comparable(table.select(*computed.columns)) for table in (computed, stored))
    return one.exceptAll(other), other.exceptAll(one)


def main() -> int:
    """Compute, compare and perhaps write; returns the exit code."""
    parser = argparse.ArgumentParser(description="Compute billstream's aggregates with Spark, and compare them.")
    parser.add_argument("copy", help="catalog.namespace, or the folder of the tables")
    parser.add_argument("--remote", help="a Spark Connect server, such as sc://localhost:15002")
    parser.add_argument("--write", metavar="NAMESPACE", help="keep the tables in this namespace of a Spark catalog")
    chosen = parser.parse_args()
    builder = SparkSession.builder.appName("billstream-aggregates")
    spark = (builder.remote(chosen.remote) if chosen.remote else builder).getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    differ = False
    for name, computed in aggregates(spark, read(spark, chosen.copy, "charges")).items():
        missing, surplus = differences(computed, read(spark, chosen.copy, name))
        missing_rows, surplus_rows = missing.count(), surplus.count()
        print(f"{name}: {computed.count()} groups, {missing_rows} missing, {surplus_rows} that should not be there")
        for told, rows in (("missing", missing), ("should not be there", surplus)):
            for row in rows.limit(SHOWN).collect():
                print(f"  {told}: {row.asDict(recursive=True)}")
        differ |= bool(missing_rows or surplus_rows)
        if chosen.write:
            computed.writeTo(f"{chosen.write}.{name}").using("iceberg").createOrReplace()
    return int(differ)


def _statement(keys: tuple[str, ...]) -> str:
    """Return the SELECT of one table. Quantities are summed by unit first: those of different units never are."""
    grain = ", ".join(keys)
    of_units = ", ".join(f"sum({cost}_cost) AS {cost}_cost, count({cost}_cost) AS {cost}_rows" for cost in COSTS)
    totals = ", ".join(f"sum({cost}_cost) AS {cost}_cost, sum({cost}_rows) AS {cost}_rows" for cost in COSTS)
    return f"""
        WITH told AS (
            SELECT *, CASE WHEN consumed_quantity IS NOT NULL THEN coalesce(consumed_unit, '') END AS unit
            FROM charges_of_the_copy
        ),
        units AS (
            SELECT {grain}, unit, count(*) AS charge_rows, {of_units}, sum(consumed_quantity) AS quantity
            FROM told
            GROUP BY {grain}, unit
        )
        SELECT
            {grain},
            sum(charge_rows) AS charge_rows,
            {totals},
            map_from_entries(collect_list(struct(unit, quantity)) FILTER (WHERE unit IS NOT NULL)) AS consumed_quantity,
            map_from_entries(collect_list(struct(unit, charge_rows)) FILTER (WHERE unit IS NOT NULL)) AS consumed_rows
        FROM units
        GROUP BY {grain}
    """


def _comparable(table: DataFrame) -> DataFrame:
    maps = [name for name, kind in table.dtypes if kind.startswith("map<")]
    return table.selectExpr(
        *(f"array_sort(map_entries({name})) AS {name}" if name in maps else name for name in table.columns)
    )


if __name__ == "__main__":
    sys.exit(main())
