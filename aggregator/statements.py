"""The aggregator's SQL texts: the files of `aggregator/sql`, by name."""

from functools import partial

from billstream.common import statements

statement = partial(statements.statement, __name__)
