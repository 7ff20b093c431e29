"""Forecast of a month's end from complete days, with an interval from the method's own past errors."""
