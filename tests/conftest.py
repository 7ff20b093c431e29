"""Fixtures for every test: a clean environment, and real servers that start when the first test asks for them.

Under pytest-xdist each worker has servers of its own. They start in a second or two, and a test that stops or breaks
one disturbs nobody else.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from billstream.common.lake import Lake, engine
from billstream.common.metrics.catalogue import CATALOGUE
from billstream.common.metrics.instruments import Gauge
from billstream.common.settings import Settings
from tests.first_on_path import sitecustomize
from tests.integration.intake_support import House
from tests.servers import localstack
from tests.servers.aws import AwsEnvironment, aws_environment
from tests.servers.ministack import running_emulator
from tests.servers.postgres import PostgresServer, running_postgres

REPOSITORY = Path(__file__).resolve().parents[1]
FOREIGN_PREFIXES = ("AWS_", "BILLSTREAM_", "OPENLINEAGE_")
FOREIGN_NAMES = ("USE_LOCALSTACK", "LOCALSTACK_HOST", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")

# What every process of the tests runs first, and this one as well. Processes are as those of users besides, who have no
# pandas: where it is, as for docs/, DuckDB imports it into each of them, for a third of a CPU second.
FIRST_ON_PATH = str(REPOSITORY / "tests" / "first_on_path")
if FIRST_ON_PATH not in os.environ.get("PYTHONPATH", ""):
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [FIRST_ON_PATH, os.environ.get("PYTHONPATH")]))
engine.CONFIG.update(sitecustomize.CONFIG)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that needs LocalStack, so that `-m "not localstack"` leaves them out."""
    for item in items:
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if "localstack_url" in getattr(item, "fixturenames", ()) or parameters.get("aws") == "localstack":
            item.add_marker(pytest.mark.localstack)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Number what is bytes: compressed ones may hold the time of their making, and workers must agree on names."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(autouse=True)
def _no_logger_outlives_its_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command that runs in this process sets up the logs, whose loggers would keep the standard error of its test."""
    configure = structlog.configure
    monkeypatch.setattr(structlog, "configure", lambda **how: configure(**how | {"cache_logger_on_first_use": False}))
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a developer has set, the tests reach neither real AWS nor a lake of theirs, and print as elsewhere."""
    for name in list(os.environ):
        if name.startswith(FOREIGN_PREFIXES) or name in FOREIGN_NAMES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def no_gauge_known() -> Iterator[None]:
    """Gauges are of the process: a test begins and ends with none known, whatever others have published in it."""
    gauges = [one for one in CATALOGUE if isinstance(one, Gauge)]
    for one in gauges:
        one.forget()
    yield
    for one in gauges:
        one.forget()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Sample billing files of many vendors, kept beside the repository."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no sample billing files at ../shared/data")
    return folder


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A real lake, and consumers that share it, for all tests of a module."""
    settings = Settings(home=tmp_path_factory.mktemp("lake"), threads=2)
    with Lake.open(settings, create=True) as lake:
        made = House(lake, settings)
        with made.stack:
            yield made


@pytest.fixture(scope="session")
def ministack_url() -> Iterator[str]:
    """Endpoint of a MiniStack that runs as long as the tests do."""
    with running_emulator() as url:
        yield url


@pytest.fixture(scope="session")
def localstack_url() -> Iterator[str]:
    """Endpoint of a LocalStack that runs as long as the tests do."""
    if not localstack.installed():
        pytest.skip(localstack.MISSING)
    with localstack.running_localstack() as server:
        yield server.endpoint_url


@pytest.fixture(params=["ministack", "localstack"])
def aws(request: pytest.FixtureRequest) -> Iterator[AwsEnvironment]:
    """A bucket wired to a queue, on each emulator.

    `@pytest.mark.parametrize("aws", ["ministack"], indirect=True)` limits a test to one of them.
    """
    with aws_environment(request.param, request.getfixturevalue(f"{request.param}_url")) as environment:
        yield environment


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that a test may stop or kill: the next `postgres_url` starts it again."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """URL of a fresh database."""
    postgres.start()
    url = postgres.create_database()
    yield url
    postgres.start()
    postgres.drop_database(url)
