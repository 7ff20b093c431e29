"""Insights: the declared SQL models are run in order, and each section turns its models' rows into a value."""
