"""The SQL that reads the values of the configured tag keys from changed charges."""

from billstream.common.statements import statement
from billstream.common.tag_keys import TagKeys

LONGEST_VALUE = 256
"""Characters of a value that count; the most that any of the large vendors allows."""


def tagged_changes(keys: TagKeys) -> tuple[str, list[str]]:
    """Return the SQL of the changes with the values of these keys in `tags`, and its parameters.

    The value of a name is that of its first key with a value that is not empty, up to 256 characters; else null.
    """
    given: list[str] = []

    def placeholder(value: str) -> str:
        given.append(value)
        return f"${len(given)}"

    every = ", ".join(f"lower({placeholder(key)})" for one in keys.names for key in one.keys)
    values = []
    for one in keys.names:
        places = ", ".join(f"list_position(entry_keys, lower({placeholder(key)}))" for key in one.keys)
        values.append(f"{placeholder(one.name)}, left(entries[coalesce({places})].value, {LONGEST_VALUE})")
    return statement(__name__, "tagged", keys=every, values=", ".join(values)), given
