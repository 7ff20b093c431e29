"""The estates that chaos befalls: one on one host, one for a fleet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.estate import Estate, running_estate
from tests.servers.aws import aws_environment
from tests.servers.proxy import running_proxy


@pytest.fixture(params=["sqlite", "postgres"])
def estate(request: pytest.FixtureRequest, ministack_url: str, tmp_path: Path) -> Iterator[Estate]:
    """SQLite and a folder, or PostgreSQL and S3; S3 and SQS are reached by way of a proxy."""
    fleet = request.param == "postgres"
    server = request.getfixturevalue("postgres") if fleet else None
    url = request.getfixturevalue("postgres_url") if fleet else None
    with (
        aws_environment("ministack", ministack_url) as aws,
        running_proxy(ministack_url) as proxy,
        running_estate(tmp_path / "home", aws, proxy, server, url) as estate,
    ):
        yield estate
