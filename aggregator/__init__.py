"""The aggregator: snapshot → changes → aggregates → insights → targets.

It folds the charges that were inserted into and deleted from the lake into the aggregate tables, and publishes insights
from them.
"""
