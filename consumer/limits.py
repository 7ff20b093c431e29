"""Limits that an operator may name in an option: the command line shows them before it loads the code behind."""

FASTEST = 500
"""Messages in a second that a redrive moves at most: SQS's own limit for a move."""

MAX_SHARE = 0.1
"""Share of the active objects of a bucket that may be retracted in one go: more are gone by a mistake, mostly."""
