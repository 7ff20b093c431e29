"""Measurements; no test passes or fails by them."""
