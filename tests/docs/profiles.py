"""The page of what each built-in profile tells, from the profiles themselves."""

from collections.abc import Iterator

import duckdb

from billstream.common.lake.migrations import apply_migrations
from billstream.common.lake.tables import CHARGES
from billstream.consumer.profiles import Profile, ProfileRegistry
from billstream.consumer.profiles.dimensions import DIMENSIONS, Telling, left_unmapped, telling

_SIGN = {Telling.MAPPED: "yes", Telling.NOT_TOLD: "no", Telling.RESCUED: "rescued", Telling.UNSAID: "?"}
_IN_A_ROW = 7  # dimensions; more do not fit on a page


def built_in_profiles() -> list[Profile]:
    """Return the built-in profiles that read charges."""
    with duckdb.connect() as con:
        apply_migrations(con, 0)
        columns = dict(con.execute("SELECT column_name, column_type FROM (DESCRIBE charges)").fetchall())
    profiles = ProfileRegistry.load(None, columns=columns).profiles
    return [profile for profile in profiles if profile.refuse is None and profile.table == CHARGES]


def profiles_page() -> str:
    """Return the page: tables of the dimensions, then what each profile leaves to `rescued`, with the reasons."""
    profiles = built_in_profiles()
    lines = [
        "# What each profile tells",
        "",
        "Which columns of `charges` each built-in profile fills beside days, costs and quantities.",
        "",
        "* `yes`: the profile maps it; a file may still lack the column.",
        "* `no`: the vendor's files do not tell it, so it is `NULL`.",
        "* `rescued`: the vendor tells it in a form that no column can take; it is in `charges.rescued` alone.",
        "",
    ]
    for first in range(0, len(DIMENSIONS), _IN_A_ROW):
        lines += [*_table(profiles, DIMENSIONS[first : first + _IN_A_ROW]), ""]
    lines += [
        "## Columns that are not mapped",
        "",
        "These columns of the vendors feed no column of `charges`. Their cells are kept in `charges.rescued`.",
        "",
    ]
    for profile in profiles:
        if reasons := list(_reasons(profile)):
            lines += [f"### {profile.name}", "", "| column | why |", "|---|---|", *reasons, ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(profiles: list[Profile], dimensions: tuple[str, ...]) -> Iterator[str]:
    yield f"| profile | {' | '.join(f'`{name}`' for name in dimensions)} |"
    yield "|---" * (len(dimensions) + 1) + "|"
    for profile in profiles:
        yield f"| `{profile.name}` | {' | '.join(_SIGN[telling(profile, name)] for name in dimensions)} |"


def _reasons(profile: Profile) -> Iterator[str]:
    """Yield a line for each column that is left out; a profile that extends another shows its own alone."""
    for name in left_unmapped(profile):
        yield f"| `{name}` | {profile.not_mapped.get(name, '?')} |"
