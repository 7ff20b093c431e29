"""One answer of a report, and how a question that fails becomes one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from billstream.common.errors import BillstreamError
from billstream.common.masking import masked


class Verdict(StrEnum):
    """How a check came out. `unknown` is one that could not be made, as what it asks is away."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Check:
    """One answer: what was found, what to do about it, and the figures. No text has a secret."""

    name: str
    verdict: Verdict
    found: str
    advice: str = ""
    details: dict[str, Any] = field(default_factory=dict)


Question = Callable[[], Iterator[Check]]


def answered(name: str, question: Question) -> list[Check]:
    """Return the answers to a question; what it raises is an answer, too."""
    answers: list[Check] = []
    try:
        answers.extend(question())
    except BillstreamError as error:  # its text says what to do
        answers.append(Check(name, Verdict.FAIL, masked(str(error))))
    except Exception as error:  # noqa: BLE001 - a report of what is broken must not break
        text = masked(f"{type(error).__name__}: {error}")
        answers.append(Check(name, Verdict.FAIL, text, "This check itself failed: report it, with this text."))
    return answers


def worst(checks: list[Check]) -> Verdict:
    """Return `fail` if anything fails, else `warn` if anything warns or is not known, else `ok`."""
    found = {check.verdict for check in checks}
    if Verdict.FAIL in found:
        return Verdict.FAIL
    return Verdict.WARN if found & {Verdict.WARN, Verdict.UNKNOWN} else Verdict.OK
