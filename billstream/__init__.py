"""billstream: from a bucket of billing CSVs to numbers a company can act on.

The rooms `cli`, `consumer`, `aggregator` and `common` stand at the top of the repository; this package holds links to
them, so that what is installed is one package and takes no other name.
"""

from importlib.metadata import version

__version__ = version("billstream")
