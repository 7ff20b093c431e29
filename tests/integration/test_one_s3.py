"""The contract of the two S3 clients, boto3 and DuckDB's: what one obeys, the other obeys; one fault, one class."""

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import duckdb
import pytest
import structlog
from botocore.config import Config
from typer.testing import CliRunner

from billstream.cli.commands import app
from billstream.common import aws
from billstream.common.errors import Misconfigured, Retryable
from billstream.common.lake import Lake
from billstream.common.lake.engine import load_extensions
from billstream.common.lake.failures import translate
from billstream.common.lake.reader import SnapshotReader
from billstream.common.lake.storage import S3Storage
from billstream.common.settings import Settings
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.s3.objects import S3Objects
from tests.servers.aws import AwsEnvironment
from tests.servers.proxy import (
    Exchange,
    Fault,
    Proxy,
    Request,
    Rule,
    error,
    reset,
    running_proxy,
    silent,
    truncated,
    unanswered,
)

ALWAYS = 100


class Clients:
    """Both clients, as the product makes them from the environment; impatient, so that faults do not take long."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self.storage = S3Storage(f"s3://{bucket}/lake")
        self.con = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        load_extensions(self.con, ["httpfs"])
        self.con.execute("SET http_retries = 0; SET http_timeout = 1")

    def write(self) -> None:
        self._run("COPY (SELECT 1 AS a) TO 's3://{}/lake/x.parquet' (FORMAT parquet)")

    def read(self) -> None:
        self._run("FROM read_parquet('s3://{}/lake/x.parquet')")

    def fetch(self, folder: Path) -> None:
        client = aws.s3_client()
        event = ObjectEvent(
            kind=EventKind.CREATED, bucket=self.bucket, key="lake/x.parquet", event_name="ObjectCreated:Put"
        )
        S3Objects(client).fetch(event, folder / uuid4().hex)

    def _run(self, sql: str) -> None:
        self.storage.prepare(self.con)
        try:
            self.con.execute(sql.format(self.bucket)).fetchall()
        except duckdb.Error as problem:
            raise translate(problem, "trying") from problem


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore waits for nothing between two attempts, and for an answer for one second."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    monkeypatch.setattr(
        "billstream.common.aws.session.Config", lambda **options: Config(**(options | {"read_timeout": 1}))
    )


@pytest.fixture
def world(ministack_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Proxy, Clients]]:
    """MiniStack behind a proxy, with one bucket, and both clients."""
    environment = AwsEnvironment("ministack", ministack_url)
    bucket = environment.new_bucket()
    with running_proxy(ministack_url) as proxy:
        for name, value in (environment.environment() | {"AWS_ENDPOINT_URL": proxy.endpoint_url}).items():
            monkeypatch.setenv(name, value)
        yield proxy, Clients(bucket)


# -- faults --------------------------------------------------------------------------------------------------

PASSING: dict[str, Fault] = {
    "500": error(500, "InternalError"),
    "502": error(502, "BadGateway"),
    "503": error(503, "SlowDown"),
    "429": error(429, "TooManyRequests"),
    "409": error(409, "OperationAborted"),
    "400 that passes": error(400, "RequestTimeout"),
    "reset": reset(),
    "empty reply": unanswered(),
    "time-out": silent(5),
}
REFUSALS: dict[str, tuple[int, str]] = {
    "denied": (403, "AccessDenied"),
    "wrong key": (403, "InvalidAccessKeyId"),
    "wrong secret": (403, "SignatureDoesNotMatch"),
    "expired": (400, "ExpiredToken"),
    "no bucket": (404, "NoSuchBucket"),
    "other region": (301, "PermanentRedirect"),
    "other region too": (400, "AuthorizationHeaderMalformed"),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_fault_that_passes_is_retryable_for_both(world: tuple[Proxy, Clients], fault: Fault, tmp_path: Path) -> None:
    proxy, clients = world
    clients.write()
    for attempt in (clients.write, clients.read, lambda: clients.fetch(tmp_path)):
        rule = proxy.inject(Rule("*Object", fault, ALWAYS))
        with pytest.raises(Retryable):
            attempt()
        assert rule.injected
        rule.times = 0


def test_a_body_that_is_cut_is_retryable_for_both(world: tuple[Proxy, Clients], tmp_path: Path) -> None:
    proxy, clients = world
    clients.write()
    for attempt in (clients.read, lambda: clients.fetch(tmp_path)):
        rule = proxy.inject(Rule("GetObject", truncated(), ALWAYS))
        with pytest.raises(Retryable):
            attempt()
        assert rule.injected
        rule.times = 0


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "http://nowhere.invalid:9000"], ids=["refused", "no name"])
def test_a_server_that_is_not_there_is_retryable_for_both(
    world: tuple[Proxy, Clients], endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    clients = world[1]
    for attempt in (clients.write, clients.read, lambda: clients.fetch(tmp_path)):
        with pytest.raises(Retryable):
            attempt()


@pytest.mark.parametrize(("status", "code"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_of_the_data_path_is_one_whatever_is_done(
    world: tuple[Proxy, Clients], status: int, code: str
) -> None:
    proxy, clients = world
    for attempt in (clients.write, clients.read):
        rule = proxy.inject(Rule("*Object", error(status, code), ALWAYS))
        with pytest.raises(Misconfigured):
            attempt()
        assert rule.injected
        rule.times = 0


# -- settings ------------------------------------------------------------------------------------------------

HOSTS: dict[str, tuple[str, dict[str, str], str]] = {
    "Virginia": ("lake", {"AWS_REGION": "us-east-1"}, "lake.s3.us-east-1.amazonaws.com"),
    "Ireland": ("lake", {"AWS_REGION": "eu-west-1"}, "lake.s3.eu-west-1.amazonaws.com"),
    "the other name": ("lake", {"AWS_DEFAULT_REGION": "eu-west-1"}, "lake.s3.eu-west-1.amazonaws.com"),
    "China": ("lake", {"AWS_REGION": "cn-north-1"}, "lake.s3.cn-north-1.amazonaws.com.cn"),
    "GovCloud": ("lake", {"AWS_REGION": "us-gov-west-1"}, "lake.s3.us-gov-west-1.amazonaws.com"),
    "FIPS": (
        "lake",
        {"AWS_REGION": "us-gov-west-1", "AWS_USE_FIPS_ENDPOINT": "true"},
        "lake.s3-fips.us-gov-west-1.amazonaws.com",
    ),
    "dual-stack": (
        "lake",
        {"AWS_REGION": "eu-west-1", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
        "lake.s3.dualstack.eu-west-1.amazonaws.com",
    ),
    "a bucket with dots": ("my.lake", {"AWS_REGION": "eu-west-1"}, "s3.eu-west-1.amazonaws.com"),
    "a server of our own": ("lake", {"AWS_ENDPOINT_URL": "https://minio.example:9000"}, "minio.example:9000"),
    "only for S3": (
        "lake",
        {"AWS_ENDPOINT_URL_S3": "https://minio.example", "AWS_ENDPOINT_URL": "https://other.example"},
        "minio.example",
    ),
    "endpoints that are ignored": (
        "lake",
        {"AWS_ENDPOINT_URL": "https://x.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        "lake.s3.us-east-1.amazonaws.com",
    ),
    "the profile's endpoint": ("lake", {"AWS_CONFIG_FILE": "endpoint_url = https://a.example"}, "a.example"),
    "the profile's endpoint of S3": (
        "lake",
        {"AWS_CONFIG_FILE": "services = s\n[services s]\ns3 =\n  endpoint_url = https://b.example"},
        "b.example",
    ),
    "the profile's style": (
        "lake",
        {"AWS_CONFIG_FILE": "endpoint_url = https://a.example\ns3 =\n  addressing_style = virtual"},
        "lake.a.example",
    ),
    "empty is not set": (
        "lake",
        {"AWS_REGION": "", "AWS_PROFILE": "", "AWS_ENDPOINT_URL": ""},
        "lake.s3.us-east-1.amazonaws.com",
    ),
}


@pytest.mark.parametrize(("bucket", "environment", "host"), HOSTS.values(), ids=HOSTS)
def test_both_ask_the_host_that_botocore_resolves(
    bucket: str, environment: dict[str, str], host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A proxy on the way hears where each of them wants to go."""
    asked: list[str] = []

    def turn_away(exchange: Exchange) -> None:
        asked.append(exchange.request_in.path.removesuffix(":443"))
        error(502, "BadGateway")(exchange)

    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", **environment}.items():
        monkeypatch.setenv(name, value)
    if settings := environment.get("AWS_CONFIG_FILE"):
        (tmp_path / "config").write_text(f"[default]\n{settings}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with running_proxy("http://127.0.0.1:1") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.endpoint_url)
        proxy.inject(Rule("*", turn_away, ALWAYS))
        clients = Clients(bucket)
        for attempt in (clients.write, lambda: clients.fetch(tmp_path)):
            asked.clear()
            with pytest.raises(Retryable):
                attempt()
            assert set(asked) == {host}


def test_a_host_without_a_proxy_is_asked_directly_by_both(
    world: tuple[Proxy, Clients], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    world[1].write()
    world[1].fetch(tmp_path)
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("AWS_REGION", "us-west-2")  # what is cached of the session is of another environment
    for attempt in (world[1].write, lambda: world[1].fetch(tmp_path)):
        with pytest.raises(Retryable):
            attempt()


def test_an_endpoint_with_a_path_is_asked_with_its_path_by_both(
    world: tuple[Proxy, Clients], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy, clients = world
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"{proxy.endpoint_url}/behind/")
    for attempt in (clients.write, lambda: clients.fetch(tmp_path)):
        rule = proxy.inject(Rule("*Object", error(503, "SlowDown"), ALWAYS, f"/behind/{clients.bucket}/*"))
        with pytest.raises(Retryable):
            attempt()
        assert rule.injected
        rule.times = 0


@pytest.fixture
def private_ca(tmp_path: Path) -> Path:
    if not (openssl := shutil.which("openssl")):
        pytest.skip("no openssl")
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "ca.pem")]
    subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files], check=True)
    return tmp_path / "ca.pem"


def test_an_authority_of_our_own_is_trusted_by_both(
    world: tuple[Proxy, Clients], private_ca: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(private_ca, private_ca.with_name("key.pem"))
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    clients = world[1]
    with running_proxy(world[0].endpoint_url, context) as secure:
        monkeypatch.setenv("AWS_ENDPOINT_URL", secure.endpoint_url)
        for attempt in (clients.write, lambda: clients.fetch(tmp_path)):
            with pytest.raises(Misconfigured, match="AWS_CA_BUNDLE"):
                attempt()
        monkeypatch.setenv("AWS_CA_BUNDLE", str(private_ca))
        clients.write()
        clients.fetch(tmp_path)
        assert secure.seen["PutObject"]
        monkeypatch.delenv("AWS_CA_BUNDLE")
        (tmp_path / "config").write_text(f"[default]\nca_bundle = {private_ca}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        clients.write()
        clients.fetch(tmp_path)


# -- the data path at `init` ---------------------------------------------------------------------------------


def settings_on_s3(home: Path, bucket: str) -> Settings:
    return Settings(home=home, threads=1, data_path=f"s3://{bucket}/lake/")


def test_init_tries_the_data_path_and_leaves_nothing_there(
    world: tuple[Proxy, Clients], tmp_path: Path, ministack_url: str
) -> None:
    proxy, clients = world
    Lake.open(settings_on_s3(tmp_path / "s3", clients.bucket), create=True).close()
    assert proxy.seen["PutObject"] == 1
    assert proxy.seen["DeleteObject"] == 1
    assert AwsEnvironment("ministack", ministack_url).s3.list_objects_v2(Bucket=clients.bucket)["KeyCount"] == 0
    Lake.open(Settings(home=tmp_path / "local", threads=1), create=True).close()
    assert [file for file in (tmp_path / "local").rglob("*.parquet") if file.name.startswith("probe")] == []


@pytest.mark.parametrize(
    ("operation", "status", "code", "words"),
    [
        ("PutObject", 403, "AccessDenied", "s3:PutObject"),
        ("PutObject", 404, "NoSuchBucket", "Create the bucket"),
        ("PutObject", 301, "PermanentRedirect", "Set AWS_REGION to the bucket's region"),
        ("PutObject", 400, "ExpiredToken", "renew them"),
        ("GetObject", 403, "AccessDenied", "s3:GetObject"),
        ("DeleteObject", 403, "AccessDenied", "s3:DeleteObject"),
    ],
)
def test_a_data_path_that_is_refused_ends_init_after_one_more_attempt(
    world: tuple[Proxy, Clients], tmp_path: Path, operation: str, status: int, code: str, words: str
) -> None:
    proxy, clients = world
    rule = proxy.inject(Rule(operation, error(status, code), ALWAYS))
    with structlog.testing.capture_logs() as logs, pytest.raises(Misconfigured, match=words) as refused:
        Lake.open(settings_on_s3(tmp_path, clients.bucket), create=True)
    assert rule.injected
    if operation != "DeleteObject":
        assert f"the bucket {clients.bucket} in region us-east-1" in str(refused.value)
        assert [line["event"] for line in logs].count("data_path_refused") == 1
    assert not (tmp_path / "catalog.sqlite").exists()


def test_a_refusal_that_ends_with_fresh_credentials_is_no_end(world: tuple[Proxy, Clients], tmp_path: Path) -> None:
    proxy, clients = world
    rule = proxy.inject(Rule("PutObject", error(403, "AccessDenied"), 1))
    with Lake.open(settings_on_s3(tmp_path, clients.bucket), create=True) as lake:
        assert rule.injected == 1
        assert lake.rows("SELECT count(*) FROM charges") == [(0,)]


def test_what_is_read_together_is_read_again_with_fresh_credentials(
    world: tuple[Proxy, Clients], tmp_path: Path, ministack_url: str
) -> None:
    proxy, clients = world
    AwsEnvironment("ministack", ministack_url).s3.put_object(Bucket=clients.bucket, Key="lake/text", Body=b"kept")
    began: list[int] = []

    def read(snapshot: SnapshotReader) -> int:
        began.append(snapshot.snapshot_id)
        snapshot.rows("CREATE TEMP TABLE texts AS SELECT 1 AS number")
        ((content,),) = snapshot.rows("SELECT content FROM read_text(?)", [f"s3://{clients.bucket}/lake/text"])
        snapshot.rows("INSERT INTO temp.texts SELECT length(?)", [content])
        return snapshot.query("FROM temp.texts").num_rows

    with Lake.open(settings_on_s3(tmp_path, clients.bucket), create=True) as lake:
        rule = proxy.inject(Rule("GetObject", error(403, "AccessDenied"), 4))  # DuckDB asks four times
        assert lake.together(read) == 2
        assert rule.injected == 4
        assert len(began) == 2
        assert lake.rows("SELECT number FROM temp.texts ORDER BY number") == [(1,), (4,)]
        assert lake.snapshot_id() == began[-1]


# -- credentials ---------------------------------------------------------------------------------------------


class Helper:
    """A program that gives credentials: it counts how often it is asked, and may fail."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, seconds: int | None = 3600) -> None:
        self._asked, self._failing = folder / "asked", folder / "failing"
        self._asked.write_text("")
        expiry = (
            "" if seconds is None else f', \\"Expiration\\": \\"$(date -u -d "+{seconds} sec" +%Y-%m-%dT%H:%M:%SZ)\\"'
        )
        script = folder / "helper.sh"
        script.write_text(
            f"#!/bin/sh\necho x >> {self._asked}\n[ -e {self._failing} ] && {{ echo 'sts: time-out' >&2; exit 1; }}\n"
            f"n=$(wc -l < {self._asked} | tr -d ' ')\n"
            f'echo "{{\\"Version\\": 1, \\"AccessKeyId\\": \\"key$n\\", \\"SecretAccessKey\\": \\"s\\"{expiry}}}"\n'
        )
        script.chmod(0o755)
        (folder / "config").write_text(f"[default]\nregion = us-east-1\ncredential_process = {script}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)

    @property
    def asked(self) -> int:
        return len(self._asked.read_text().splitlines())

    def fail(self, *, failing: bool) -> None:
        if failing:
            self._failing.write_text("")
        else:
            self._failing.unlink()


def test_one_session_asks_for_credentials_once(
    world: tuple[Proxy, Clients], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper, clients = Helper(tmp_path, monkeypatch), world[1]
    for _ in range(3):
        clients.write()
        clients.fetch(tmp_path)
        aws.sqs_client()
    assert helper.asked == 1


def test_credentials_that_cannot_be_renewed_now_are_waited_for_by_both(
    world: tuple[Proxy, Clients], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A client renews what ends within ten minutes, and refuses what has ended by the time that it comes.
    helper, clients = Helper(tmp_path, monkeypatch, seconds=60), world[1]
    clients.write()
    asked = helper.asked
    helper.fail(failing=True)
    for attempt in (clients.write, lambda: clients.fetch(tmp_path)):
        with pytest.raises(Retryable, match="could not be renewed"):
            attempt()
    helper.fail(failing=False)
    clients.write()
    clients.fetch(tmp_path)
    assert helper.asked > asked + 2


class OfAnOldKey(Rule):
    """Refuses requests that are signed with one access key."""

    def befalls(self, request: Request) -> bool:
        return "Credential=key1/" in request.headers.get("Authorization", "") and super().befalls(request)


def test_credentials_that_are_refused_are_taken_anew(
    world: tuple[Proxy, Clients], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A helper that names no expiry is asked again only because S3 refuses what it gave."""
    helper = Helper(tmp_path, monkeypatch, seconds=None)
    proxy, clients = world
    with Lake.open(settings_on_s3(tmp_path / "home", clients.bucket), create=True) as lake:
        assert helper.asked == 1
        clients.write()
        rule = proxy.inject(OfAnOldKey("*Object", error(400, "ExpiredToken"), ALWAYS))
        assert lake.rows(f"FROM read_parquet('s3://{clients.bucket}/lake/x.parquet')") == [(1,)]
        assert rule.injected
        assert helper.asked == 2


# -- mistakes in the set-up ----------------------------------------------------------------------------------

SSO = """sso_session = s\nsso_account_id = 1\nsso_role_name = r\nregion = us-east-1
[sso-session s]\nsso_start_url = https://x.example/start\nsso_region = us-east-1"""
MISTAKES: dict[str, tuple[dict[str, str | None], str | None, str]] = {
    "unknown profile": ({"AWS_PROFILE": "nosuch"}, None, "Set AWS_PROFILE"),
    "no scheme": ({"AWS_ENDPOINT_URL": "localhost:4566"}, None, "Set AWS_ENDPOINT_URL"),
    "a user in the endpoint": ({"AWS_ENDPOINT_URL": "http://me:s3cret@127.0.0.1:1"}, None, "Set AWS_ENDPOINT_URL"),
    "not a region": ({"AWS_REGION": "eu west", "AWS_ENDPOINT_URL": None}, None, "Set AWS_REGION"),
    "no such region": ({"AWS_REGION": "eu-wset-1", "AWS_ENDPOINT_URL": None}, None, "Set AWS_REGION"),
    "no certificates": ({"AWS_CA_BUNDLE": "/no/such/file.pem"}, None, "Set AWS_CA_BUNDLE"),
    "broken file": ({}, "broken\n[", "Correct that file"),
    "half of a key": ({"AWS_SECRET_ACCESS_KEY": None}, None, "Set AWS_ACCESS_KEY_ID"),
    "no key": ({"AWS_SECRET_ACCESS_KEY": None, "AWS_ACCESS_KEY_ID": None}, None, "Set AWS_ACCESS_KEY_ID"),
    "failing helper": ({"AWS_ACCESS_KEY_ID": None}, "credential_process = false", "by hand"),
    "no such helper": ({"AWS_ACCESS_KEY_ID": None}, "credential_process = /no/such/helper", "Correct the AWS_"),
    "signed out": ({"AWS_ACCESS_KEY_ID": None}, SSO, "aws sso login"),
    "unknown source": (
        {"AWS_ACCESS_KEY_ID": None},
        "role_arn = arn:aws:iam::1:role/r\nsource_profile = nosuch",
        "AWS is not set up as it should be",
    ),
}
COMMANDS = [
    ["consume", "--drain"],
    ["dlq"],
    ["redrive"],
    ["replay"],
    ["sweep"],
    ["init", "--aws"],
    ["init", "on S3"],
    ["load", "on S3"],
    ["connect", "on S3"],
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    Lake.open(Settings(home=folder, threads=1), create=True).close()
    (folder / "bill.csv").write_text("date,user,service,region,cost,currency\n2026-03-01,u,s,r,5,USD\n")
    return folder


@pytest.mark.parametrize(("environment", "config", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_set_up_is_one_sentence_in_every_command(
    environment: dict[str, str | None],
    config: str | None,
    words: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    usual = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "BILLSTREAM_HOME": str(home),
        "BILLSTREAM_BUCKET": "bills",
    }
    if environment.get("AWS_ACCESS_KEY_ID", "") is None:
        environment = {"AWS_SECRET_ACCESS_KEY": None, **environment}
    for name, value in (usual | environment).items():
        if value is not None:
            monkeypatch.setenv(name, value)
    if config:
        (tmp_path / "config").write_text(f"[default]\n{config}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setattr("billstream.cli.opening.configure_logs", lambda _: None)
    for command in COMMANDS:
        with pytest.MonkeyPatch.context() as patch:
            if command[-1] == "on S3":
                patch.setenv("BILLSTREAM_DATA_PATH", "s3://lake/x/")
                patch.setenv("BILLSTREAM_CATALOG", str(tmp_path / "catalog.sqlite"))
            arguments = [str(home / "bill.csv")] if command[0] == "load" else []
            ended = CliRunner().invoke(app, [part for part in command if part != "on S3"] + arguments)
        assert isinstance(ended.exception, Misconfigured), (command, ended.exception)
        assert words in str(ended.exception), command
        assert "\n" not in str(ended.exception)
        assert "s3cret" not in str(ended.exception)
    assert not (tmp_path / "catalog.sqlite").exists()
