"""Metrics and health of a process: what is measured, and the small server that shows it.

A process has one set of metrics, as it has one log. They are declared in `catalogue`, written where the work is done,
and read by a scrape. Without `BILLSTREAM_METRICS_ADDRESS` nothing is kept and nothing listens.
"""
