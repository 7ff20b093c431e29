"""Identifiers are unique, grow with time, and are UUIDs of version 7."""

import time
import uuid

from billstream.common.ids import new_id


def test_an_id_is_a_uuid_of_version_7_in_32_hexadecimal_digits() -> None:
    found = new_id()
    parsed = uuid.UUID(hex=found)
    assert (parsed.hex, len(found), parsed.version, parsed.variant) == (found, 32, 7, uuid.RFC_4122)


def test_an_id_tells_the_millisecond_it_was_made_in() -> None:
    before = time.time_ns() // 1_000_000
    told = int(new_id()[:12], 16)
    assert before <= told <= time.time_ns() // 1_000_000


def test_ids_of_later_milliseconds_are_greater() -> None:
    found = []
    for _ in range(5):
        found.append(new_id())
        time.sleep(0.002)
    assert found == sorted(found)


def test_ids_are_unique_within_a_millisecond() -> None:
    assert len({new_id() for _ in range(20_000)}) == 20_000
