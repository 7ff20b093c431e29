"""SQL texts that stand in files of their own, in the folder `sql` beside the code that runs them."""

from functools import cache
from importlib.resources import files


def statement(module: str, name: str, /, **identifiers: str | int) -> str:
    """Return the text of `sql/<name>.sql` beside a module, its braces filled in with identifiers of ours.

    Args:
        module: the `__name__` of the module that runs it.
        name: the file's name; with a slash where the folder has folders.
        identifiers: names from code only, never from a file, a key or a message.

    Raises:
        KeyError: the text has a brace that no identifier was given for.
    """
    return _text(module.rpartition(".")[0], name).format_map(identifiers)


@cache
def _text(package: str, name: str) -> str:
    return files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
