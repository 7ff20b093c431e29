"""The settings as a table, made from their definition."""

from collections.abc import Iterator
from enum import Enum
from typing import Any

from pydantic import SecretStr

from billstream.common.masking import MASK, masked
from billstream.common.settings import Settings


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield (variable, default, meaning) of every setting."""
    for name, field in Settings.model_fields.items():
        yield f"BILLSTREAM_{name.upper()}", _text(field.default), field.description or ""


def markdown() -> str:
    """Return the table of settings for the documentation."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for variable, default, meaning in rows():
        shown = f"`{default}`" if default else ""
        lines.append(f"| `{variable}` | {shown} | {meaning} |".replace("  ", " "))
    return "\n".join(lines) + "\n"


def current(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Yield (variable, current value, meaning) of every setting; secrets are masked."""
    for name, field in Settings.model_fields.items():
        yield f"BILLSTREAM_{name.upper()}", _text(getattr(settings, name)), field.description or ""


def _text(value: Any) -> str:  # noqa: ANN401 - any setting
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return masked(",".join(value))
    return masked(str(value))
