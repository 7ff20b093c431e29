"""A process that maintains the lake of its environment, with limits so small that there is something to do."""

from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.integration.maintenance_support import KEEP_NONE, maintained


def main() -> None:
    """Maintain until nothing is due."""
    with Lake.open(Settings.from_environment()) as lake:
        maintained(lake, KEEP_NONE)


if __name__ == "__main__":
    main()
