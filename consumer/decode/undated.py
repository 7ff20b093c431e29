"""The time of records that have none: the rounding and the tax of an invoice, say, are of no day of their own."""

from dataclasses import replace

import duckdb

from billstream.consumer.decode.scan import Scan
from billstream.consumer.profiles.told import Told

_COLUMN = "charge_period_start"
_CHOSEN = {"first": "min", "last": "max"}


def dated(scan: Scan, engine: duckdb.DuckDBPyConnection) -> Scan:
    """Return a scan in which a record without a time has that of the first or last charge of the one file.

    It is the same scan where the profile says nothing about it, or where no record has a time. The times are read once
    more for it, which only a file costs that has a record that does not fit as it is.
    """
    chosen = _CHOSEN.get(scan.binding.profile.records.undated)
    if chosen is None:
        return scan
    scan.prepare(engine)
    times = f"{chosen}({_COLUMN}) FILTER (NOT is_beyond_calendar({_COLUMN}))"
    found = engine.execute(f"SELECT strftime({times}, '%Y-%m-%dT%H:%M:%S.%f%z') FROM {scan.records()}").fetchone()
    if found is None or found[0] is None:
        return scan
    [file] = scan.files
    binding = replace(scan.binding, told={**scan.binding.told, _COLUMN: Told(found[0])})
    return replace(scan, files=[replace(file, binding=binding)])
