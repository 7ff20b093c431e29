"""Copies of the lake for others: followers and exports."""
