"""The KPIs of each currency: which sums each is made of, its formula, and what it needs to be told.

Sources: FOCUS, columns ListCost, ContractedCost, EffectiveCost and CommitmentDiscountStatus, and its supported feature
"commitment usage and under-usage"; the use case "Determine Effective Savings Rate" of the FinOps Foundation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from billstream.aggregator.insights.costs import NotTold, PeriodName, SavingsAmounts
from billstream.aggregator.insights.models import Model, Reading
from billstream.aggregator.insights.periods import in_order
from billstream.aggregator.insights.ratios import share
from billstream.aggregator.insights.savings import read_savings
from billstream.aggregator.insights.section import Section
from billstream.aggregator.kpis.values import Kpi, KpiAmount, KpiName

NOT_TOLD = "not told by this vendor"
Row = Mapping[str, Any]

SUMS = Model(
    __name__,
    "kpi_sums",
    "currency, period",
    needs=("currency_periods",),
    given=lambda reading: [reading.version],
)
UNTOLD = Model(
    __name__, "kpi_untold", "currency, provider, lacks", given=lambda reading: [reading.version, reading.today]
)


@dataclass(frozen=True)
class _Figure:
    """One KPI: the names of its sums in `kpi_sums.sql`, of the rows that tell them, and of the rows it is about."""

    name: KpiName
    formula: str
    numerator: str
    told: str
    about: str
    needs: tuple[str, ...]
    denominator: str | None = None


USAGE = ("charge_category", "effective_cost")
FIGURES = (
    _Figure(
        "contracted_savings_rate",
        "sum(contracted_cost - effective_cost) of used usage, less effective_cost of unused commitments, / "
        "sum(contracted_cost) of the same usage",
        "below_contract_net",
        "contract_rows",
        "used_rows",
        (*USAGE, "contracted_cost"),
        "contracted_cost",
    ),
    _Figure(
        "commitment_coverage",
        "list_cost of usage that a commitment covers / list_cost of usage whose pricing_category is Standard or "
        "Committed, without unused commitments",
        "covered_list",
        "coverage_rows",
        "used_rows",
        ("charge_category", "list_cost", "pricing_category"),
        "coverable_list",
    ),
    _Figure(
        "commitment_coverage_compute",
        "commitment_coverage, of service_category Compute",
        "compute_covered_list",
        "compute_coverage_rows",
        "compute_rows",
        ("charge_category", "list_cost", "pricing_category"),
        "compute_coverable_list",
    ),
    _Figure(
        "commitment_utilisation",
        "effective_cost of used commitments / effective_cost of used and unused commitments",
        "utilised",
        "commitment_told_rows",
        "commitment_rows",
        USAGE,
        "committed",
    ),
    _Figure(
        "prepaid_not_yet_used",
        "billed_cost of purchases whose effective_cost is 0: paid in the period, and borne by the usage of later days",
        "prepaid",
        "purchase_told_rows",
        "purchase_rows",
        ("charge_category",),
    ),
    _Figure(
        "credits",
        "billed_cost of charge_category Credit",
        "credits",
        "category_rows",
        "charge_rows",
        ("charge_category",),
    ),
    _Figure("tax", "billed_cost of charge_category Tax", "tax", "category_rows", "charge_rows", ("charge_category",)),
    _Figure(
        "adjustments",
        "billed_cost of charge_category Adjustment",
        "adjustments",
        "category_rows",
        "charge_rows",
        ("charge_category",),
    ),
    _Figure(
        "corrections",
        "billed_cost of charge_class Correction: of earlier billing periods",
        "corrections",
        "category_rows",
        "charge_rows",
        ("charge_category",),
    ),
)

SAVED: Mapping[KpiName, str] = {
    "effective_savings_rate": "(list_cost - effective_cost - that of unused commitments) / list_cost, of usage",
    "negotiated_savings": "list_cost - contracted_cost, of usage",
    "commitment_savings": "contracted_cost - effective_cost of usage that a commitment covers, less effective_cost of "
    "unused commitments",
    "commitment_waste": "effective_cost of unused commitments",
}
"""KPIs that are savings, by their formula; see `insights.savings`."""


def read_kpis(reading: Reading) -> tuple[Kpi, ...]:
    """Return the KPIs of every currency, the currency with the most charges first."""
    sums: dict[str | None, dict[PeriodName, Row]] = {}
    for row in reading.rows(SUMS):
        sums.setdefault(row["currency"], {})[row["period"]] = row
    savings, found = read_savings(reading), []
    for currency in reading.by_currency:
        untold = [row for row in reading.rows(UNTOLD) if row["currency"] == currency and row["charge_rows"]]
        for name, formula in SAVED.items():
            amounts = {period: _saved(name, told) for period, told in savings[currency].periods.items()}
            found.append(_kpi(name, currency, formula, amounts, savings[currency].not_told))
        for figure in FIGURES:
            periods = {period: _amount(figure, row) for period, row in sums.get(currency, {}).items()}
            lacking = tuple(_not_told(row) for row in untold if row["lacks"] in figure.needs)
            found.append(_kpi(figure.name, currency, figure.formula, periods, lacking))
    return tuple(found)


def _kpi(
    name: KpiName,
    currency: str | None,
    formula: str,
    periods: Mapping[PeriodName, KpiAmount],
    not_told: Sequence[NotTold],
) -> Kpi:
    return Kpi(name=name, currency=currency, formula=formula, periods=in_order(periods), not_told=tuple(not_told))


def _saved(name: str, told: SavingsAmounts) -> KpiAmount:
    """Return a KPI that the savings have already."""
    if name == "effective_savings_rate":
        return KpiAmount(value=told.rate, numerator=told.total, denominator=told.list_cost, covered=told.share)
    amounts = {"negotiated_savings": told.negotiated, "commitment_waste": told.unused, "commitment_savings": None}
    value = amounts[name]
    if name == "commitment_savings" and not (told.commitment is None and told.unused is None):
        with localcontext(prec=80):
            value = (told.commitment or Decimal(0)) - (told.unused or Decimal(0))
    return KpiAmount(value=value, numerator=value, denominator=None, covered=told.share)


def _amount(figure: _Figure, row: Row) -> KpiAmount:
    numerator = _net(row) if figure.numerator == "below_contract_net" else row[figure.numerator]
    covered = share(row[figure.told], row[figure.about])
    if figure.denominator is None:
        return KpiAmount(value=numerator, numerator=numerator, denominator=None, covered=covered)
    denominator = row[figure.denominator]
    # Nothing is covered where something could be, and no charge is: that is told.
    if numerator is None and denominator is not None:
        numerator = Decimal(0)
    value = None if numerator is None else share(numerator, denominator)
    return KpiAmount(value=value, numerator=numerator, denominator=denominator, covered=covered)


def _net(row: Row) -> Decimal | None:
    if row["below_contract"] is None:
        return None
    zero = Decimal(0)
    with localcontext(prec=80):
        unused = (row["committed"] or zero) - (row["utilised"] or zero)
        return Decimal(row["below_contract"] - unused)


def _not_told(row: Row) -> NotTold:
    return NotTold(
        provider=row["provider"],
        lacks=(row["lacks"],),
        charge_rows=row["charge_rows"],
        billed_cost=row["billed_cost"],
        counted=False,
        reason=NOT_TOLD,
    )


KPIS = Section(__name__, "kpis", tuple[Kpi, ...], read_kpis, (SUMS, UNTOLD))
