"""Which rules of quality a file is judged by, and what becomes of a file that breaks one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from billstream.consumer.decode.scan import Scan
from billstream.consumer.decode.staged import StagedLoad
from billstream.consumer.quality import About, Rule


def judging(rules: Sequence[Rule], scans: Iterable[Scan]) -> tuple[Rule, ...]:
    """Return the rules about columns that at least one of the files feeds."""
    fed = [scan.binding.values.keys() for scan in scans]
    about_rows = [rule for rule in rules if rule.about is About.ROWS]
    return tuple(rule for rule in about_rows if any(names >= {*rule.columns} for names in fed))


def judged(loads: Mapping[str, StagedLoad], rules: Sequence[Rule], scans: Iterable[Scan]) -> dict[str, StagedLoad]:
    """Return loads with what they break of the rules that are about columns of their own file."""
    fed = {file.load_id: scan.binding.values.keys() for scan in scans for file in scan.files}
    columns = {rule.name: {*rule.columns} for rule in rules}
    return {
        load_id: replace(load, failing={name: n for name, n in load.failing.items() if fed[load_id] >= columns[name]})
        if load.failing and load_id in fed
        else load
        for load_id, load in loads.items()
    }
