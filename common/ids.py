"""Identifiers of loads, ledger entries and refreshes."""

import os
import time


def new_id() -> str:
    """Return a UUID of version 7 (RFC 9562) as 32 hexadecimal digits: unique, and growing with time.

    Ids of about the same time are close together, so the minimum and maximum of `load_id` in Parquet's statistics show
    which few files contain a load.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = milliseconds << 80 | random
    # The version (4 bits) and the variant (2 bits) overwrite random bits, as RFC 9562 prescribes.
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return f"{value:032x}"
