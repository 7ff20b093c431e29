"""SQL texts in files of their own, in the folder `sql` beside the code that runs them."""

from functools import cache
from importlib.resources import files


def statement(module: str, name: str, /, **identifiers: str | int) -> str:
    """Return the text of `sql/<name>.sql` beside a module, with its placeholders in braces filled in.

    Args:
        module: the `__name__` of the module that runs it.
        name: name of the file without `.sql`; it may name a subfolder, as in `fold/moved`.
        identifiers: names of tables and columns that the code defines, never text from a file, a key or a message.

    Raises:
        KeyError: the text has a placeholder without an identifier.
    """
    return _text(module.rpartition(".")[0], name).format_map(identifiers)


@cache
def _text(package: str, name: str) -> str:
    return files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
