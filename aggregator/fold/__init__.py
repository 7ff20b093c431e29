"""The fold: read the changed charges once, sum them for every rollup, add the sums to the aggregate tables."""
