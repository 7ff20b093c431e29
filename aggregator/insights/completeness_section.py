"""The section of completeness: what has arrived of each source, up to when it is whole, and which months are closed."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date

from billstream.aggregator.completeness import arrivals
from billstream.aggregator.completeness.maturity import DEFAULT_MATURITY, Habit
from billstream.aggregator.completeness.states import Statuses, basis_of, days_of, months_of, rounded, stale_of
from billstream.aggregator.completeness.values import Completeness, SilentAccount
from billstream.aggregator.insights.models import Model, Reading
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.values import Source

MOST_ACCOUNTS = 5
NOT_RECORDED = "No arrivals are recorded: the last complete day comes from the times of the loads."

SILENT_ACCOUNTS = Model(
    arrivals.__name__,
    "silent_accounts",
    "currency, provider, account",
    given=lambda reading: [reading.version, reading.today],
)
PERIOD_STATES = Model(
    arrivals.__name__, "period_states", "issuer, month", given=lambda reading: [reading.snapshot_id, reading.today]
)
ISSUERS = Model(
    arrivals.__name__,
    "issuers",
    "provider, issuer",
    # Charges are read only where an issuer lists billing periods.
    given=lambda reading: [reading.snapshot_id, reading.today, bool(reading.rows(PERIOD_STATES))],
)


def read_completeness(reading: Reading) -> tuple[Completeness, ...]:
    """Return the completeness of every source, the one with the most charges first."""
    statuses, accounts = _statuses(reading), _silent_accounts(reading)
    return tuple(
        _of_source(
            source,
            reading.habits.get((source.currency, source.provider)),
            reading.today,
            statuses.get(source.provider, {}),
            accounts.get((source.currency, source.provider), []),
        )
        for source in reading.sources
    )


def _of_source(
    source: Source,
    habit: Habit | None,
    today: date,
    statuses: Statuses,
    accounts: list[tuple[int, SilentAccount]],
) -> Completeness:
    allowed = habit.maturity_days + habit.usual_step if habit else 0
    silent = [account for behind, account in accounts if behind > allowed]
    return Completeness(
        provider=source.provider,
        currency=source.currency,
        learned=habit is not None and habit.learned and not source.monthly,
        maturity_days=habit.maturity_days if habit else DEFAULT_MATURITY,
        shares=tuple(rounded(share) for share in habit.shares) if habit else (),
        settled_days=len(habit.settled) if habit else 0,
        watched_since=habit.watched_since if habit else None,
        heard_on=habit.heard_on if habit else None,
        last_complete_day=source.last_complete_day,
        stale=stale_of(habit, today) if habit and not source.monthly else None,
        silent_accounts=tuple(silent[:MOST_ACCOUNTS]),
        silent_account_count=len(silent),
        days=days_of(habit, source.last_complete_day, today) if habit and not source.monthly else (),
        months=months_of(habit, source.last_complete_day, today, statuses) if habit else (),
        basis=basis_of(habit) if habit else NOT_RECORDED,
    )


def _statuses(reading: Reading) -> Mapping[str | None, dict[date, str]]:
    """The billing periods of each provider, of the issuers that its charges name, and of the one with its own name."""
    listed: dict[str, dict[date, str]] = defaultdict(dict)
    for row in reading.rows(PERIOD_STATES):
        if row["issuer"]:
            listed[row["issuer"]][row["month"]] = row["status"]
    named: dict[str | None, set[str]] = defaultdict(set)
    for row in reading.rows(ISSUERS):
        named[row["provider"]].add(row["issuer"])
    found: dict[str | None, dict[date, str]] = {}
    for provider in {source.provider for source in reading.sources}:
        for issuer in sorted(named[provider] | {(provider or "").strip().lower()}):
            for month, status in listed.get(issuer, {}).items():
                # Of several issuers one may still change its charges.
                months = found.setdefault(provider, {})
                if months.get(month, "closed") == "closed":
                    months[month] = status
    return found


def _silent_accounts(reading: Reading) -> Mapping[tuple[str | None, str | None], list[tuple[int, SilentAccount]]]:
    found: dict[tuple[str | None, str | None], list[tuple[int, SilentAccount]]] = defaultdict(list)
    for row in reading.rows(SILENT_ACCOUNTS):
        account = SilentAccount(account=row["account"], newest_day=row["newest_day"])
        found[row["currency"], row["provider"]].append((row["days_behind"], account))
    return found


COMPLETENESS = Section(
    __name__,
    "completeness",
    tuple[Completeness, ...],
    read_completeness,
    (SILENT_ACCOUNTS, PERIOD_STATES, ISSUERS),
)
