"""Identifiers of loads, ledger entries and refreshes."""

import os
import time


def new_id() -> str:
    """A UUID of version 7 (RFC 9562) as 32 hexadecimal digits: unique, and growing with time.

    Ids of one time stand together, so the minimum and maximum that Parquet keeps of `load_id` tell which few
    files hold a load.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = milliseconds << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return f"{value:032x}"
