"""Causes: the slice of the charges that explains a change, price and volume, a sentence, and the SQL of its rows."""
