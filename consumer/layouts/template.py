"""Templates of keys: a closed language that becomes one regular expression, matched in linear time.

| segment | stands for |
|---|---|
| `{export}` | the first segment of every template: any number of leading segments, also zero |
| `{name}` | a segment that repeats the last one of the export |
| `{delivery}` | one segment, the folder of one delivery |
| `{name}_{run}` | the last one of the export, and the id of one run, which is a whole delivery; a text may follow |
| `{yyyymmdd-yyyymmdd}` | one segment: the first and the last day of the period, or the day after the last |
| `{yyyy-mm}`, `{yyyy}` and `{mm}` | the month of the period; a text may stand before them, such as `BILLING_PERIOD=` |
| all else | itself; `*` in it is any text within the segment |

Case counts in folders that stand for themselves, and nowhere else: AWS writes `BILLING_PERIOD=` and `billing_period=`.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date

from billstream.consumer.layouts.place import Place

_PLACEHOLDER = re.compile(r"([^{}*]*)\{(yyyymmdd-yyyymmdd|yyyy-mm|yyyy|mm)\}")
# `[0-9]` and not `\d`, which other scripts' digits match. A year has four digits, a month after a hyphen two.
_PERIODS = {
    "yyyymmdd-yyyymmdd": r"(?P<first>[0-9]{8})-(?P<last>[0-9]{8})",
    "yyyy-mm": r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})",
    "yyyy": r"(?P<year>[0-9]{4})",
    "mm": r"(?P<month>[0-9]{1,2})",
}
_SEGMENTS = {"{name}": "(?P<name>[^/]*)", "{delivery}": "(?P<delivery>[^/]+)"}
# An id, and nothing behind it: two parts of one run, such as `…_0` and `…_1`, are not two runs.
_ID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}|[0-9a-fA-F]{8}"
_RUN = re.compile(r"\{name\}_\{run\}([^{}*]*)")
_COMPLETE = (["yyyymmdd-yyyymmdd"], ["yyyy-mm"], ["mm", "yyyy"])


@dataclass(frozen=True)
class Template:
    """One template: `pattern` matches its last `count` segments, those after `{export}`.

    `ending` is the text with which they end, in lower case: it rules out most keys at the least cost. Empty: any text.
    """

    text: str
    count: int
    pattern: re.Pattern[str]
    ending: str = ""

    @classmethod
    def parse(cls, text: str) -> "Template":
        """Read a template.

        Raises:
            ValueError: it is not valid; the error names the reason.
        """
        first, *segments = text.split("/")
        if first != "{export}" or not segments or not all(segments):
            raise ValueError(f"{text!r} must begin with {{export}}/ and have no empty segment")
        parts, periods = [], []
        for segment in segments:
            if segment in _SEGMENTS:
                parts.append(_SEGMENTS[segment])
            elif placeholder := _PLACEHOLDER.fullmatch(segment):
                periods.append(placeholder[2])
                parts.append(f"(?i:{re.escape(placeholder[1])}){_PERIODS[placeholder[2]]}")
            elif run := _RUN.fullmatch(segment):
                parts.append(f"(?P<name>[^/]*)_(?P<delivery>{_ID})(?i:{re.escape(run[1])})")
            elif "{" in segment or "}" in segment:
                raise ValueError(f"{text!r} has a segment that is not understood: {segment!r}")
            else:
                parts.append(glob_pattern(segment) if "*" in segment else re.escape(segment))
        if sorted(periods) not in _COMPLETE:
            raise ValueError(f"{text!r} must name the period once, as one of {{yyyymmdd-yyyymmdd}}, {{yyyy-mm}}, …")
        ending = re.split("[*}]", segments[-1])[-1].lower()
        try:
            return cls(text, len(segments), re.compile("/".join(parts)), ending if ending.isascii() else "")
        except re.error as error:  # a group that is there twice
            raise ValueError(f"{text!r} has a placeholder twice: {error}") from error

    def match(self, key: str) -> Place | None:
        """Return the place that the key names, None if it does not match."""
        last = key[-len(self.ending) :] if self.ending else ""
        # Of ASCII alone: other letters, such as the long s, match one of it where case does not count.
        if last.isascii() and last.lower() != self.ending:
            return None
        # Split off from the end, so that the pattern never searches for the place where it begins.
        tail = "/".join(key.rsplit("/", self.count)[-self.count :])
        found = self.pattern.fullmatch(tail)
        if found is None:
            return None
        prefix, groups = key[: len(key) - len(tail)], found.groupdict()
        if "name" in groups and not f"/{prefix}".endswith(f"/{groups['name']}/"):
            return None
        # No export has a folder that a file system would take for another one.
        if "./" in f"{key}/" and not {".", ".."}.isdisjoint(key.split("/")):
            return None
        period = _period(groups)
        return Place(prefix, period, groups.get("delivery")) if period else None


def glob_pattern(pattern: str) -> str:
    """Return a regular expression for a pattern in which `*` is any text within a segment; case does not count.

    Each piece between stars is taken where it is found first, and is never tried elsewhere (an atomic group): however
    many stars there are, no key makes the search go back.
    """
    first, *rest = (re.escape(piece) for piece in pattern.split("*"))
    if not rest:
        return f"(?i:{first})"
    pieces = "".join(f"(?>[^/]*?{piece})" for piece in rest[:-1])
    return f"(?i:{first}{pieces}[^/]*{rest[-1]})"


def _period(groups: dict[str, str]) -> str | None:
    """Return the period that the groups name: `yyyy-mm` for a whole month, else its days; None for no dates."""
    try:
        if "first" not in groups:
            return f"{date(int(groups['year']), int(groups['month']), 1):%Y-%m}"
        first, last = (date(int(day[:4]), int(day[4:6]), int(day[6:])) for day in (groups["first"], groups["last"]))
    except ValueError:
        return None
    if first > last:
        return None
    end = date(first.year, first.month, calendar.monthrange(first.year, first.month)[1])
    # AWS names the day after the last one, Microsoft the last one.
    whole = first.day == 1 and (last == end or (last - end).days == 1)
    return f"{first:%Y-%m}" if whole else f"{groups['first']}-{groups['last']}"
