"""billstream: from a bucket of billing CSVs to numbers a company can act on.

`open_lake` is the public Python interface: it opens a lake for queries, read-only by default. Errors are of the class
`BillstreamError`. All other modules are internal and may change in any release.

The folders `cli`, `consumer`, `aggregator`, `maintenance`, `backups`, `publishing` and `common` stand at the top of
the repository; this package holds links to them, so that what is installed is one package and takes no other name.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billstream.common.errors import BillstreamError
    from billstream.common.settings import Settings
    from billstream.public import OpenLake, open_lake

__all__ = ["BillstreamError", "OpenLake", "Settings", "__version__", "open_lake"]

__version__: str
"""The installed version; `0+unknown` where the source is used without an installation."""

_HOMES = {
    "BillstreamError": "billstream.common.errors",
    "OpenLake": "billstream.public",
    "Settings": "billstream.common.settings",
    "open_lake": "billstream.public",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used: `import billstream` alone costs next to nothing."""
    if name == "__version__":
        value: object = _version()
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value  # the next use does not come here
    return value


def _version() -> str:
    # Imported here: it costs more than the rest of this module, and `billstream consume` hears no signal before.
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version("billstream")
    except PackageNotFoundError:
        return "0+unknown"
