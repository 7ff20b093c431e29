"""A process that makes small files in the lake of its environment, and maintains it with limits as small.

    python -m tests.deploy.maintaining

Writes the kinds of steps that were carried out.
"""

import sys

from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.integration.maintenance_support import KEEP_NONE, load, maintained


def main() -> None:
    """Make some small files, and maintain until what was merged is removed, too."""
    with Lake.open(Settings.from_environment()) as lake:
        for number in range(4):
            load(lake, f"small-{number}")
        done = [step for _ in range(3) for step in maintained(lake, KEEP_NONE).done]
    kinds = sorted({type(one.step).__name__ for one in done})
    sys.stdout.write(f"\n{' '.join(kinds)}\n")


if __name__ == "__main__":
    main()
