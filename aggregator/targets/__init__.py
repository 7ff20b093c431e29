"""Targets: the places where insights are published."""
