"""The aggregator: snapshot, changes, aggregates, insights, files.

It folds what came and went in the lake into the aggregate tables, and publishes what they say.
"""
