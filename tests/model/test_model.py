"""Whatever happens to a bucket, its queue and its consumers, the lake ends with what the bucket holds.

`MODEL_HISTORIES` says how many histories are told in all; each kind of bucket gets its share of them.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fakes.objects import Sequencer, absent, constant, growing
from tests.model.estate import estate
from tests.model.histories import PAUSES, UNANSWERED, History, Point, drills, histories

SEQUENCERS: dict[str, Sequencer] = {"growing": growing, "constant": constant, "absent": absent}
HISTORIES = int(os.environ.get("MODEL_HISTORIES", "504"))
EXAMPLES = max(1, HISTORIES // (2 * len(SEQUENCERS)))
HAPPENS = {
    "claim refused",
    "duplicate",
    "expired",
    "late or repeated",
    "maintained",
    "renewed",
    "reordered",
    "settled as loaded",
    "settled as quarantined",
    "settled as removed",
    "settled as unchanged",
    "swept after losses",
    *(f"killed {point}" for point in Point),
    *(f"no answer, {point}" for point in UNANSWERED),
    *(f"paused {point}" for point in PAUSES),
}


def test_every_fault_at_every_step_changes_nothing(tmp_path: Path) -> None:
    with estate(tmp_path, growing, versioned=False) as made:
        for history in drills():
            made.play(history)
        assert {name for name in HAPPENS if not made.happened[name]} == set()
        made.check_whole()


@pytest.mark.slow
@pytest.mark.timeout(max(600, 5 * EXAMPLES))
@pytest.mark.parametrize("versioned", [False, True], ids=["unversioned", "versioned"])
@pytest.mark.parametrize("sequencer", SEQUENCERS)
def test_any_history_ends_with_what_the_bucket_holds(tmp_path: Path, sequencer: str, *, versioned: bool) -> None:
    with estate(tmp_path, SEQUENCERS[sequencer], versioned=versioned) as made:

        @settings(max_examples=EXAMPLES, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))
        @given(history=histories)
        def play(history: History) -> None:
            made.play(history)

        play()
        made.check_whole()
        assert made.faults > EXAMPLES // 5, "too few faults to speak of"
