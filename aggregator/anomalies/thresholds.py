"""The thresholds of the detector, together in one value."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """When a day is out of the ordinary. Amounts are in units of the series' currency, days are whole UTC days.

    A day is a finding only when it passes the score, the share and the floor together.
    """

    score: float = 5.0
    """Distance from the expected amount, in scales of the usual error. It is the `page` tier."""
    share: float = 0.25
    """Distance from the expected amount, as a share of it."""
    floor: float = 5.0
    """Distance from the expected amount in money, a day."""
    smallest_scale: float = 0.03
    """The usual error is at least this share of the expected amount."""
    window: int = 56
    """Days that the baseline is learned from; whole weeks."""
    history: int = 28
    """Days of a series before anything of it is judged at the start of the data."""
    young: int = 14
    """Days after a series starts in which it is not judged: it has been announced as new."""
    accept: int = 7
    """Days in a row after which an incident's level is the usual one."""
    silent: int = 3
    """Days in a row without any amount after which a fall is a series that is gone."""
    weekly_score: float = 4.0
    """Level test: distance of the last week from the median of six weeks, in scales of the usual weekly change."""
    weekly_share: float = 0.08
    """Level test: the same distance as a share; and the distance from the three weeks before, at their usual growth."""
    weekly_floor: float = 10.0
    """Level test: the same distance in money, a week."""
    weekly_days: int = 6
    """Level test: days of the last week that lie above their own weekday's median."""
    weekly_each: float = 0.06
    """Level test: how far each of these days lies above, as a share."""
    weekly_noise: float = 0.5
    """Level test: the usual weekly change is at least so much of the usual error of a day."""
    page_share: float = 0.10
    """Level test: a week so far above the usual one, as a share, is of the `page` tier."""
    quiet_dates: frozenset[tuple[int, int]] = frozenset({(12, 24), (12, 25), (12, 26), (12, 31), (1, 1)})
    """Month and day of public holidays: a fall on them is expected."""
