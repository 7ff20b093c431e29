"""What a profile maps of the things that a bill may tell beside its costs, and what it leaves out."""

import re
from collections.abc import Iterator
from enum import StrEnum

from billstream.consumer.profiles.model import Profile, Source
from billstream.consumer.profiles.names import normalised

DIMENSIONS = (
    "provider_name",
    "billing_account_id",
    "billing_account_name",
    "sub_account_id",
    "sub_account_name",
    "region_id",
    "service_name",
    "sku_id",
    "resource_id",
    "resource_name",
    "resource_type",
    "x_user_id",
    "tags",
    "charge_category",
    "charge_class",
    "pricing_category",
    "commitment_discount_id",
    "commitment_discount_type",
    "commitment_discount_status",
    "invoice_id",
    "billing_period_start",
)
"""The columns of `charges` of which every built-in profile says whether its vendor tells them."""

_OF_ITS_CURRENCY = "{currency}"


class Telling(StrEnum):
    """What a profile says of one dimension."""

    MAPPED = "mapped"
    NOT_TOLD = "not told"
    RESCUED = "rescued"
    UNSAID = "unsaid"


def telling(profile: Profile, column: str) -> Telling:
    """Return whether a profile maps a column of `charges`, and if not, why."""
    if column in profile.columns:
        return Telling.MAPPED
    if column in profile.not_told:
        return Telling.NOT_TOLD
    return Telling.RESCUED if column in profile.only_rescued else Telling.UNSAID


def left_unmapped(profile: Profile) -> list[str]:
    """Return the vendor's known columns from which no column of `charges` is made, named in [not_mapped] or not."""
    patterns = [_pattern(name) for source in profile.columns.values() for name in _names_of(source)]
    patterns += [re.compile(f"{re.escape(prefix.casefold())}.+") for prefix in _prefixes(profile)]
    return [
        name
        for name in profile.known
        if not any(p.fullmatch(normalised(name)) or p.fullmatch(name.casefold()) for p in patterns)
    ]


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(".+".join(re.escape(normalised(part)) if part else "" for part in name.split(_OF_ITS_CURRENCY)))


def _names_of(source: Source) -> Iterator[str]:
    """Yield every header name that a source mentions."""
    yield from (*source.names, *source.by)
    cases = (*source.cases.values(), source.otherwise)
    listed = [part for part in cases if isinstance(part, tuple)]
    for operand in (*source.first, *source.sum, *source.product, *(operand for part in listed for operand in part)):
        yield from (*operand.names, *operand.unless, *operand.where)


def _prefixes(profile: Profile) -> Iterator[str]:
    for source in profile.columns.values():
        yield from source.prefixed
