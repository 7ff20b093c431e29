"""Rules about exports in a TOML file: for a provider, the datasets or exports in the order in which they count."""

import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from billstream.common.errors import Misconfigured
from billstream.common.ids import new_id
from billstream.common.lake import Lake
from billstream.consumer.exports.coverage import account_of, provider_of
from billstream.consumer.exports.deciding import Decided, follow_rules
from billstream.consumer.exports.exports import Exports
from billstream.consumer.exports.preferences import RULES, Preference

LONGEST_FILE = 1_000_000  # bytes


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    order: list[str] = Field(min_length=1, max_length=100)
    provider: str | None = None
    account: str | None = None
    since: str | None = None
    until: str | None = None


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    prefer: tuple[_Rule, ...] = ()


def month_of(text: str) -> date:
    """Return the first day of a month such as `2026-03`, or of the month of a day.

    Raises:
        ValueError: it is neither.
    """
    return date.fromisoformat(f"{text[:7]}-01" if len(text) <= len("2026-03") else text).replace(day=1)


def read_rules(path: Path, names: dict[str, str], *, author: str) -> list[Preference]:
    """Return the rules of a file, the one that comes first in front.

    Args:
        path: the file.
        names: spellings of providers.
        author: this process.

    Raises:
        Misconfigured: the file cannot be read, or is not valid; the text names the place.
    """
    try:
        if path.stat().st_size > LONGEST_FILE:
            raise _invalid(path, f"it has more than {LONGEST_FILE:,} bytes")
        rules = _Rules.model_validate(tomllib.loads(path.read_text("utf-8")))
        return [_preference(rule, number, names, author) for number, rule in enumerate(rules.prefer)]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "its top"
        raise _invalid(path, f"{where}: {first['msg']}") from error
    except (OSError, ValueError) as error:
        raise _invalid(path, str(error)) from error


def apply_rules(lake: Lake, path: Path, *, author: str) -> Decided:
    """Let the rules of a file hold in the place of those that do.

    Raises:
        Misconfigured: see `read_rules`.
        Retryable: see `prefer`.
    """
    return follow_rules(lake, read_rules(path, Exports().names(lake), author=author), author=author)


def _preference(rule: _Rule, number: int, names: dict[str, str], author: str) -> Preference:
    return Preference(
        preference_id=new_id(),
        source=RULES,
        priority=number,
        preferred=tuple(rule.order),
        provider=provider_of(rule.provider, names),
        account=account_of(rule.account),
        first_month=month_of(rule.since) if rule.since else None,
        last_month=month_of(rule.until) if rule.until else None,
        decided_at=datetime.now(UTC),
        decided_by=author,
    )


def _invalid(path: Path, why: str) -> Misconfigured:
    return Misconfigured(
        f"The rules about exports in {path} (BILLSTREAM_EXPORTS_RULES) are not valid: {why}. The rules that the lake "
        'has stay as they are. A rule is [[prefer]] with order = ["focus", "aws_cur"], and if you like provider, '
        "account, since and until (2026-03); repair the file or unset the variable."
    )
