"""Questions about this host: versions, settings, folders, disks."""

import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import duckdb

from billstream import __version__
from billstream.cli.doctor.check import Check, Verdict
from billstream.cli.settings_table import current
from billstream.common.lake.catalogs import catalog_from_url
from billstream.common.lake.migrations import newest
from billstream.common.lake.sqlite_catalog import SqliteCatalog
from billstream.common.settings import Settings
from billstream.common.variables import unknown_variables

_PACKAGES = (
    "duckdb-extension-ducklake",
    "duckdb-extension-sqlite-scanner",
    "duckdb-extension-postgres-scanner",
    "duckdb-extension-httpfs",
    "boto3",
    "pyarrow",
    "pydantic",
)
_SHORT_BYTES, _TIGHT_BYTES = 200 * 1024**2, 2 * 1024**3
_OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO


def versions() -> Iterator[Check]:
    """Yield the versions; a warning where an extension is not DuckDB's own version."""
    installed = {name: _version(name) for name in _PACKAGES}
    engine = duckdb.__version__
    others = [
        name for name, found in installed.items() if name.startswith("duckdb-extension") and found not in {None, engine}
    ]
    missing = [name for name, found in installed.items() if found is None]
    details = {
        "billstream": __version__,
        "schema": newest(),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "duckdb": engine,
        **installed,
    }
    found = f"billstream {__version__}, schema {newest()}, duckdb {engine}, Python {details['python']}"
    if others or missing:
        what = ", ".join(others or missing)
        yield Check(
            "versions",
            Verdict.FAIL,
            f"{found}; not of DuckDB's version, or missing: {what}",
            f"Install billstream again, so that all of them are of version {engine}.",
            details,
        )
        return
    yield Check("versions", Verdict.OK, found, details=details)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def settings_in_use(settings: Settings) -> Iterator[Check]:
    """Yield the settings that are not at their defaults, secrets masked, and variables that have no effect."""
    changed = {name: value for name, value, _ in current(settings) if name in os.environ and value}
    unknown = unknown_variables(os.environ, Settings.model_fields)
    found = f"{len(changed)} settings are set" + (f": {', '.join(sorted(changed))}" if changed else "")
    if unknown:
        names = ", ".join(f"{name} (meant: {near})" if near else name for name, near in sorted(unknown.items()))
        yield Check("settings", Verdict.WARN, f"{found}; no effect: {names}", "Correct or remove them.", changed)
        return
    yield Check("settings", Verdict.OK, found, details=changed)


def folders(settings: Settings) -> Iterator[Check]:
    """Yield each folder of the settings: whether it can be used, who else may read it, and the room on its disk."""
    for variable, folder, private in _named(settings):
        yield _folder(variable, folder, private=private)


def _named(settings: Settings) -> Iterator[tuple[str, Path, bool]]:
    catalog = catalog_from_url(settings.catalog_url)
    if isinstance(catalog, SqliteCatalog):
        yield "BILLSTREAM_CATALOG", catalog.path.absolute().parent, True
    if settings.data_bucket is None:
        yield "BILLSTREAM_DATA_PATH", Path(settings.data_location).absolute(), True
    yield "BILLSTREAM_SPOOL_DIR", settings.spool.absolute(), False
    if settings.insights_url is None:
        yield "BILLSTREAM_INSIGHTS_DIR", settings.insights.absolute(), False


def _folder(variable: str, folder: Path, *, private: bool) -> Check:
    name = f"folder of {variable}"
    there = next(place for place in (folder, *folder.parents) if place.exists())
    mode, free = stat.S_IMODE(there.stat().st_mode), shutil.disk_usage(there).free
    details = {"path": str(folder), "exists": folder == there, "mode": f"{mode:04o}", "free_bytes": free}
    found = f"{folder}, {free / 1024**3:,.1f} GiB free"
    if not (there.is_dir() and os.access(there, os.R_OK | os.W_OK | os.X_OK, effective_ids=True)):
        advice = f"Give {there} to the user {os.geteuid()}, who runs billstream, or set {variable} to another place."
        return Check(name, Verdict.FAIL, f"{folder} cannot be written by this user", advice, details)
    if free < _SHORT_BYTES:
        return Check(name, Verdict.FAIL, f"{found}: the disk is full", "Make room: nothing can be committed.", details)
    if free < _TIGHT_BYTES:
        return Check(name, Verdict.WARN, f"{found}: little room is left", "Make room before it is full.", details)
    if private and folder == there and mode & _OTHERS_MAY:
        advice = f"Other accounts of this host may look into it. To end that, run: chmod go= '{folder}'"
        return Check(name, Verdict.WARN, f"{found}, mode {mode:04o}", advice, details)
    missing = "" if folder == there else " (not made yet)"
    return Check(name, Verdict.OK, f"{found}{missing}", details=details)
