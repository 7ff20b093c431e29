"""Choices between named behaviours, as settings name them."""

from enum import StrEnum


class RemovalPolicy(StrEnum):
    """Policy for the rows of an object that is removed from the bucket."""

    RETRACT = "retract"
    KEEP = "keep"


class DuplicatePolicy(StrEnum):
    """Policy for an object whose content is already active under another key."""

    WARN = "warn"
    SKIP = "skip"
    LOAD = "load"


class QualityPolicy(StrEnum):
    """Policy for a file with rows that break a rule of quality whose severity is error."""

    WARN = "warn"
    ENFORCE = "enforce"


class LogFormat(StrEnum):
    """Format of the log events on standard error."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"
