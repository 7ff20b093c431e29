"""The exit codes: one for each class of error, whichever command raised it."""

from pathlib import Path

import pytest

from billstream.common import errors
from billstream.common.errors import BillstreamError, DataDamaged, Fatal, Misconfigured, Retryable, WrongUsage
from billstream.common.exits import ExitCode, exit_code_of

DOCUMENTED = {"OK": 0, "TROUBLE": 1, "USAGE": 2, "TRY_AGAIN": 75, "CONFIGURATION": 78, "INTERRUPTED": 130}
OPERATE = Path(__file__).resolve().parents[2] / "docs" / "operate.md"


def test_the_codes_do_not_change() -> None:
    assert {code.name: int(code) for code in ExitCode} == DOCUMENTED


@pytest.mark.parametrize("code", list(ExitCode), ids=lambda code: code.name)
def test_each_code_is_documented(code: ExitCode) -> None:
    assert f"| {int(code)} |" in OPERATE.read_text()


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (Misconfigured, ExitCode.CONFIGURATION),
        (WrongUsage, ExitCode.USAGE),
        (Retryable, ExitCode.TRY_AGAIN),
        (DataDamaged, ExitCode.TROUBLE),
        (Fatal, ExitCode.TROUBLE),
        (BillstreamError, ExitCode.TROUBLE),
    ],
)
def test_the_class_decides(kind: type[BillstreamError], code: ExitCode) -> None:
    assert exit_code_of(kind("why")) is code


def test_every_error_has_a_code() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BillstreamError)]
    assert len(kinds) > 10
    assert {exit_code_of(kind("why")) for kind in kinds} <= set(ExitCode)
