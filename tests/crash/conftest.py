"""The lakes that processes are killed over: one on one host, one for a fleet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.aws import aws_environment
from tests.worlds import World, new_world


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, ministack_url: str, tmp_path: Path) -> Iterator[World]:
    """SQLite and a folder, or PostgreSQL and S3."""
    catalog = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with aws_environment("ministack", ministack_url) as aws, new_world(tmp_path / "home", aws, catalog) as world:
        yield world
