"""Rows of the lake for others: what counts is written down again, in a form that other programs read.

*   `focus/`: files of FOCUS, the FinOps Open Cost and Usage Specification, month by month.

Nothing here writes into the lake.
"""
