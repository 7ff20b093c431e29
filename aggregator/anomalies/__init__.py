"""Anomalies: days of a series whose cost is out of the ordinary, joined to incidents that keep their id."""
