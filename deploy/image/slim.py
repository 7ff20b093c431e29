"""Remove from an installation what no process of billstream reads: python3 slim.py SITE_PACKAGES.

Run by the Dockerfile, before the venv is copied into the image. It needs no package, and prints what it saved.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

SERVICES = {"cloudwatch", "s3", "signin", "sns", "sqs", "sso", "sso-oidc", "sts"}
"""The services of AWS that billstream, or botocore for its credentials, makes a client of."""

PATTERNS = (
    "pip",
    "pip-*.dist-info",
    "*/tests",
    "*/*/tests",
    "numpy/*/include",
    "numpy/**/*.a",
    "numpy/**/*.pyi",
    # Arrow: the wire protocol, the object stores and the file formats that nobody opens; DuckDB reads S3 by itself.
    "pyarrow/include",
    "pyarrow/includes",
    "pyarrow/src",
    "pyarrow/*.p[xy][xid]",
    "pyarrow/libarrow_flight.so*",
    "pyarrow/libarrow_python_flight.so*",
    "pyarrow/libarrow_s3.so*",
    "pyarrow/_flight.*",
    "pyarrow/_s3fs.*",
    "pyarrow/_gcsfs.*",
    "pyarrow/_azurefs.*",
    "pyarrow/_hdfs.*",
    "pyarrow/_orc.*",
    "pyarrow/_dataset_orc.*",
    "pyarrow/_substrait.*",
    "pyarrow/_pyarrow_cpp_tests.*",
    # The libraries beside them ask for `.so.NUMBER`; these two names are for those who link against Arrow.
    "pyarrow/libarrow_python.so",
    "pyarrow/libarrow_python.so.*.*.*",
    "pyarrow/libarrow_python_parquet_encryption.so",
    "pyarrow/libarrow_python_parquet_encryption.so.*.*.*",
)


def superfluous(site: Path) -> Iterator[Path]:
    """Yield the files and folders to remove."""
    for pattern in PATTERNS:
        yield from site.glob(pattern)
    data = site / "botocore" / "data"
    yield from (service for service in data.iterdir() if service.is_dir() and service.name not in SERVICES)


def slim(site: Path) -> int:
    """Remove them; return the bytes."""
    removed = 0
    for path in list(superfluous(site)):
        if path.is_dir() and not path.is_symlink():
            removed += sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
            shutil.rmtree(path)
        elif path.exists():
            removed += path.lstat().st_size
            path.unlink()
    return removed


if __name__ == "__main__":
    (place,) = (Path(argument) for argument in sys.argv[1:])
    if not (place / "pyarrow").is_dir():
        sys.exit(f"{place} has no pyarrow, so it is not the site-packages of billstream. Nothing was removed.")
    sys.stdout.write(f"removed {slim(place) // 1_000_000} MB from {place}\n")
