"""One lake for all round trips."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from billstream.common.settings import Settings
from billstream.consumer.trial.bench import workbench
from tests.profiles.harness import Reader


@pytest.fixture(scope="session")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Read a file as a load does."""
    home: Path = tmp_path_factory.mktemp("round-trips")
    with workbench(Settings(home=home, catalog=None, data_path=None, spool_dir=None)) as bench:
        yield Reader(bench, home)
