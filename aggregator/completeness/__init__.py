"""Completeness: what arrived of each day and when, the habit of each source, and the days and months that are whole."""
