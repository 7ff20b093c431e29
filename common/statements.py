"""SQL texts that stand in files of their own, beside the code that runs them."""

from functools import cache
from importlib.resources import files


@cache
def _text(package: str, name: str) -> str:
    return (files(package) / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def statement(package: str, name: str, **identifiers: str | int) -> str:
    """The text of `sql/<name>.sql` of a package; what stands in it in braces is filled in with names of ours.

    Raises:
        KeyError: the text has a brace that no identifier was given for.
    """
    return _text(package, name).format_map(identifiers)
