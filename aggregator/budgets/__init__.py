"""Budgets: read from a TOML file, set against the costs of the lake, with states that remember what was told."""
