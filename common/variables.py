"""The environment variables of the settings: which are misspelt, and what is wrong with a value.

No text here repeats a value: whoever mixes two variables up may have put a password into the wrong one.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, ValidationError

PREFIX = "BILLSTREAM_"

OTHERS = frozenset({"BILLSTREAM_CRASH_AT", "BILLSTREAM_POSTGRES_PASSWORD", "BILLSTREAM_READER_PASSWORD"})
"""Variables with our prefix that are no settings: of tests, and of the compose file."""

# Kubernetes and Docker tell each container of the services beside it: BILLSTREAM_SERVICE_HOST, BILLSTREAM_PORT_80_TCP.
_LINK = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)?)$")

_MEANINGS = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_parsing": "must be `true` or `false`",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "too_short": "must not be empty",
    "value_error": "{error}",
}


def unknown_variables(environment: Iterable[str], settings: Iterable[str]) -> dict[str, str | None]:
    """Return the variables with our prefix that no setting reads, each with the nearest one that exists.

    Args:
        environment: names of environment variables.
        settings: names of all settings, without prefix.

    Returns:
        Variable to variable; None where no setting has a similar name.
    """
    known = {f"{PREFIX}{name.upper()}" for name in settings}
    found = {}
    for name in sorted(environment):
        upper = name.upper()  # as settings are read
        if upper.startswith(PREFIX) and upper not in known | OTHERS and not _LINK.search(upper):
            found[name] = next(iter(get_close_matches(upper, known, n=1, cutoff=0.8)), None)
    return found


def explanations(error: ValidationError, fields: Mapping[str, FieldInfo]) -> str:
    """Return what is wrong with each variable of settings with these fields, a line each."""
    descriptions = {name: field.description or "" for name, field in fields.items()}
    problems = error.errors(include_input=False, include_url=False)
    return "".join(f"\n  {explanation(problem, descriptions)}" for problem in problems)


def explanation(problem: ErrorDetails, descriptions: Mapping[str, str]) -> str:
    """Return what is wrong with one variable, with an example of a value that is right.

    Args:
        problem: an error of pydantic.
        descriptions: of each setting; it ends with its example.
    """
    name = str(problem["loc"][0]) if problem["loc"] else ""
    context: dict[str, Any] = problem.get("ctx", {})
    meaning = _MEANINGS.get(problem["type"], "is not understood").format(**context)
    example = descriptions.get(name, "").rpartition("Example: ")[2]
    return f"{PREFIX}{name.upper()}: {meaning}." + (f" Example: {example}" if example else "")
