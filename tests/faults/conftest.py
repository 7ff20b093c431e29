"""A lake whose S3 and SQS are reached by way of a proxy that makes them fail on demand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from billstream.common.lake import engine
from tests.servers.aws import AwsEnvironment, aws_environment
from tests.servers.proxy import Proxy, running_proxy
from tests.worlds import World, new_world


@pytest.fixture(scope="module")
def no_file_is_remembered() -> Iterator[None]:
    """Whoever reads is a process that has not read before: the lake of a test would read from memory what is lost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(engine.CONFIG, "enable_external_file_cache", "false")
        yield


@pytest.fixture
def aws(ministack_url: str) -> Iterator[AwsEnvironment]:
    """Faults come from the proxy, whatever is behind it; so the emulator that is fast will do."""
    with aws_environment("ministack", ministack_url) as environment:
        yield environment


@pytest.fixture
def proxy(ministack_url: str) -> Iterator[Proxy]:
    """What billstream takes for AWS."""
    with running_proxy(ministack_url) as proxy:
        yield proxy


@pytest.fixture
def world(aws: AwsEnvironment, proxy: Proxy, tmp_path: Path) -> Iterator[World]:
    """SQLite and a folder."""
    with new_world(tmp_path / "home", aws, AWS_ENDPOINT_URL=proxy.endpoint_url) as world:
        yield world


@pytest.fixture
def fleet(aws: AwsEnvironment, proxy: Proxy, tmp_path: Path, postgres_url: str) -> Iterator[World]:
    """PostgreSQL and S3, the latter by way of the proxy too."""
    with new_world(tmp_path / "home", aws, postgres_url, AWS_ENDPOINT_URL=proxy.endpoint_url) as world:
        yield world
