"""Passwords of the catalog and keys of AWS are in no output, log, file or process list, whatever goes wrong."""

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import psutil
import pytest
import structlog

from billstream.cli import commands
from billstream.common import retries
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.e2e.commands import Billstream
from tests.faults.waiting import PATIENCE, until
from tests.servers.postgres import PostgresServer
from tests.servers.relay import running_relay

CORE = "Q7ZX9K"  # in every password; no output may have any part of it that is as long as three characters
PASSWORDS = {"plain": CORE, "special": f"p'{CORE}\"/@:%#?&=+ é\\"}
PARTS = [CORE[i : i + 3] for i in range(len(CORE) - 2)]
KEY = f"{CORE}/wJalrXUtnFEMI+K7MDENGbPxRfiCY"

Place = dict[str, str]  # host, port, database, user

VALID: dict[str, Callable[[Place, str], str]] = {
    "user info": lambda at, pw: "postgresql://{user}:{pw}@{host}:{port}/{database}".format(**at, pw=quote(pw, safe="")),
    "option": lambda at, pw: "postgres://{user}@{host}:{port}/{database}?password={pw}".format(
        **at, pw=quote(pw, safe="")
    ),
    "options only": lambda at, pw: (
        "postgresql://?host={host}&port={port}&dbname={database}&user={user}&password={pw}&sslpassword={pw}".format(
            **at, pw=quote(pw, safe="")
        )
    ),
}
FAILURES: dict[str, Callable[[Place], tuple[Place, str]]] = {
    "wrong password": lambda at: (at, ""),
    "missing database": lambda at: ({**at, "user": "keeper", "database": "nosuch"}, ""),
    "not a lake": lambda at: ({**at, "user": "keeper"}, ""),
    "no server": lambda at: ({**at, "port": "1"}, ""),
    "unknown host": lambda at: ({**at, "host": "nosuch.invalid"}, ""),
    "bad value": lambda at: (at, "sslmode=nope"),
    "no TLS": lambda at: (at, "sslmode=require"),
    "unknown option": lambda at: (at, f"pasword={CORE}"),
    "bad port": lambda at: ({**at, "port": "port"}, ""),
    "bad percent": lambda at: ({**at, "database": "%zz"}, ""),
}
REFUSED = [
    "host={host} port={port} user={user} password={pw} dbname={database}",
    "dbname={database} password = '{pw} x'",
    "Server={host};Port={port};Pwd={pw}",
    "jdbc:postgresql://{host}:{port}/{database}?user={user}&password={pw}",
    "postgresql+psycopg://{user}:{pw}@{host}:{port}/{database}",
    "mysql://{user}:{pw}@{host}/{database}",
    "postgres:dbname={database} password={pw}",
    "postgresql:/{user}:{pw}@{host}/{database}",
    "{user}:{pw}@{host}:{port}/{database}",
    "postgresql://{user}:{pw}#x@{host}:{port}/{database}",
    "postgresql://{user}:12#{pw}@{host}:{port}/{database}",
    "postgresql://{user}:12/{pw}@{host}:{port}/{database}",
    "postgresql://{user}:12?{pw}@{host}:{port}/{database}",
    "postgresql://{user}:%{pw}@{host}:{port}/{database}",
    "postgresql://{user}:{pw}@{host}:notaport/{database}",
]
COMMANDS = [
    ("init",),
    ("init", "--data-moved"),
    ("consume", "--drain"),
    ("aggregate", "--once"),
    ("rebuild",),
    ("load", "."),
    ("sql", "FROM duckdb_secrets()"),
    ("connect",),
    ("settings",),
    ("sweep", "--dry-run"),
    ("replay", "--dry-run", "--all"),
    ("verify",),
    ("quarantine", "list"),
    ("changes",),
    ("profile", "list"),
    ("dlq",),
]

Run = Callable[..., str]


@pytest.fixture(scope="module")
def place(postgres: PostgresServer) -> Iterator[Place]:
    """A database that is no lake yet, and the user `keeper` with each of the passwords."""
    postgres.start()
    url = urlsplit(postgres.create_database())
    postgres.execute("CREATE ROLE keeper LOGIN SUPERUSER")
    yield {"host": str(url.hostname), "port": str(url.port), "database": url.path[1:], "user": "billstream"}
    postgres.start()
    postgres.execute(f"DROP DATABASE {url.path[1:]} WITH (FORCE)")
    postgres.execute("DROP ROLE keeper")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run a command in this process; its whole output. A catalog that is away is asked once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BILLSTREAM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(retries, "patiently", lambda call, *_, **__: call())
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)

    def run(*command: str, catalog: str, form: str = "json") -> str:
        monkeypatch.setenv("BILLSTREAM_CATALOG", catalog)
        monkeypatch.setenv("BILLSTREAM_LOG_FORMAT", form)
        monkeypatch.setattr(sys, "argv", ["billstream", *command])
        try:
            commands.run(None)
        except SystemExit:
            pass
        except Exception as error:  # noqa: BLE001 - as Python itself ends a process
            sys.excepthook(type(error), error, error.__traceback__)
        structlog.reset_defaults()
        return "".join(capfd.readouterr())

    yield run
    assert_no_secret("\n".join(f"{path}\n{content(path)}" for path in tmp_path.rglob("*")))


def content(path: Path) -> str:
    return path.read_bytes().decode("latin-1") if path.is_file() else ""


def assert_no_secret(text: str) -> None:
    assert [part for part in PARTS if part in text] == [], text


def with_options(url: str, options: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{options}" if options else url


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("form", VALID)
def test_no_form_of_the_url_shows_its_password_whatever_fails(
    run: Run, place: Place, postgres: PostgresServer, form: str, password: str
) -> None:
    secret = PASSWORDS[password].replace("'", "''")
    postgres.execute(f"ALTER ROLE keeper PASSWORD E'{secret.replace(chr(92), chr(92) * 2)}'")
    for name, fail in FAILURES.items():
        at, options = fail(place)
        catalog = with_options(VALID[form](at, PASSWORDS[password]), options)
        said = run("verify", catalog=catalog)
        assert "billstream: " in said, f"{name} was no failure"
        assert ("authentication failed" in said) == (name == "wrong password"), f"another failure than {name}: {said}"
        assert_no_secret(said)
        assert_no_secret(run("status", catalog=catalog))


@pytest.mark.parametrize("value", REFUSED)
def test_a_value_that_is_refused_shows_nothing(run: Run, place: Place, value: str) -> None:
    for command in (("init",), ("settings",), ("connect",)):
        assert_no_secret(run(*command, catalog=value.format(**place, pw=CORE)))


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_command_shows_the_password(run: Run, place: Place, form: str) -> None:
    for failure in ("wrong password", "no server"):
        at, _ = FAILURES[failure](place)
        for command in COMMANDS:
            assert_no_secret(run(*command, catalog=VALID["option"](at, CORE), form=form))


def test_a_bug_shows_no_password(run: Run, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    url = VALID["user info"](place, CORE)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"cannot use {url} nor {CORE}")

    monkeypatch.setattr(Lake, "_attach", fail)
    said = run("status", catalog=url)
    assert "Traceback" in said
    assert "RuntimeError: cannot use postgresql://billstream:********@" in said
    assert_no_secret(said)


def test_no_key_of_aws_is_shown(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    monkeypatch.setenv("AWS_SESSION_TOKEN", KEY * 3)
    monkeypatch.setenv("BILLSTREAM_DATA_PATH", "s3://lake/data/")
    for command in (("init",), ("connect",), ("settings",)):
        assert_no_secret(run(*command, catalog=str(tmp_path / "catalog.sqlite")))


def test_a_service_that_loses_its_catalog_shows_no_password(
    place: Place, postgres: PostgresServer, tmp_path: Path
) -> None:
    """As a process of its own: also the list of processes and the files of its home have no password."""
    postgres.execute(f"ALTER ROLE keeper PASSWORD '{CORE}'")
    server = f"postgresql://x@{place['host']}:{place['port']}/{place['database']}"
    with running_relay(server) as relay:
        url = VALID["option"]({**place, "user": "keeper", "port": str(relay.port)}, CORE)
        with Lake.open(Settings(home=tmp_path, catalog=url, threads=1), create=True):
            pass
        service = Billstream(
            tmp_path,
            {"BILLSTREAM_CATALOG": url, "BILLSTREAM_LOG_FORMAT": "json", "BILLSTREAM_AGGREGATE_SECONDS": "0.2"},
        )
        running = service.start("aggregate")
        log = tmp_path / "aggregate.log"
        until(lambda: "aggregates_refreshed" in log.read_text(), "the aggregator does not work")
        processes = [psutil.Process(running.pid), *psutil.Process(running.pid).children(recursive=True)]
        listed = " ".join(word for process in processes for word in process.cmdline())
        postgres.stop()
        until(lambda: "refresh_postponed" in log.read_text(), "the aggregator does not say that it waits")
        postgres.start()
        postgres.execute("ALTER ROLE keeper PASSWORD 'another'")
        # It may have come back in time for the password of before, and would then never be asked again.
        postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'keeper'")
        until(lambda: running.poll() is not None, "a password that is refused later is no end")

    said, _ = running.communicate(timeout=PATIENCE)
    assert "PostgreSQL refuses the user or the password" in log.read_text()
    assert f"keeper@{place['host']}" in log.read_text()
    assert_no_secret(listed + said + "".join(f"{path}{content(path)}" for path in tmp_path.rglob("*")))
