"""SQL text that returns exactly the charges behind an amount, with the file of each; for people to run.

The text holds its values as literals. They come from billing files, so whatever they are, they stay inside the quotes;
what cannot be printed is written as chr(), so that the text can be shown, copied and run as it stands.
"""

from datetime import date
from itertools import groupby

from billstream.aggregator.causes.charges import Charges


def rows_sql(charges: Charges) -> str:
    """Return one SELECT over the lake: bucket and key of the file, `amount`, and every column of the charge.

    The sum of `amount` is the reported sum to the last decimal, as long as the charges are the same; a charge without
    this cost has no amount. `billstream sql` runs it, and so does DuckDB after `billstream connect`.
    """
    return (
        "SELECT l.bucket, l.key, c.*\n"
        f"FROM (\n  SELECT {charges.amount} AS amount, *\n  FROM charges\n"
        f"  WHERE {charges.condition(literal).replace(chr(10), chr(10) + '  ')}\n"
        ") AS c\n"
        "LEFT JOIN active_loads AS l ON l.load_id = c.load_id"
    )


def literal(value: str | date) -> str:
    """Return a value as a literal of DuckDB's SQL, in printable characters alone."""
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    parts = []
    for printable, chars in groupby(value, str.isprintable):
        if printable:
            parts.append("'{}'".format("".join(chars).replace("'", "''")))
        else:
            parts.extend(f"chr({ord(char)})" for char in chars)
    return f"({' || '.join(parts)})" if len(parts) > 1 else (parts or ["''"])[0]
