"""Learned maturity: the age at which a day has nearly all of its final amount."""

import numpy as np

from billstream.aggregator.anomalies.panel import Floats

DEFAULT_AGE = 2
"""Age in days that is taken until enough days are settled."""
ENOUGH_DAYS = 5
TYPICAL, WORST = 0.97, 0.90


def learned_maturity(ratios: Floats) -> int:
    """Return the age in days from which a source's days are complete.

    Args:
        ratios: amount seen at an age (columns, from age 0) over the final amount, for settled days (rows); NaN where
            the day was not seen at that age or has no final amount.

    Returns:
        The smallest age at which the median has 97 % and the worst tenth 90 % of the final amount; the number of
        columns where no age has; `DEFAULT_AGE` where fewer than five days are settled.
    """
    settled = ratios[~np.isnan(ratios).all(axis=1)]
    if len(settled) < ENOUGH_DAYS:
        return DEFAULT_AGE
    for age in range(settled.shape[1]):
        seen = settled[:, age][~np.isnan(settled[:, age])]
        if len(seen) >= ENOUGH_DAYS and np.median(seen) >= TYPICAL and np.quantile(seen, 0.1) >= WORST:
            return age
    return int(settled.shape[1])
