"""The servers that other tests rely on are real, do what billstream needs of them, and stop."""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote_plus, urlsplit

import duckdb
import duckdb_extensions
import psutil
import pytest

from tests.servers import localstack
from tests.servers.aws import AwsEnvironment
from tests.servers.localstack import running_localstack
from tests.servers.ministack import Emulator, EmulatorError, running_emulator
from tests.servers.postgres import PostgresServer, running_postgres

KEY = "year=2026/a b+c.csv"


def answers(url: str) -> bool:
    address = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((str(address.hostname), int(address.port or 0))) == 0


def duckdb_with_lake() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for name in ("ducklake", "postgres_scanner", "httpfs"):
        duckdb_extensions.import_extension(name, con=connection)
        connection.execute(f"LOAD {name}")
    return connection


def use_s3(connection: duckdb.DuckDBPyConnection, aws: AwsEnvironment) -> None:
    connection.execute(
        "CREATE SECRET s3 (TYPE s3, KEY_ID $key, SECRET $secret, REGION $region, ENDPOINT $endpoint, "
        "URL_STYLE 'path', USE_SSL false)",
        {
            "key": aws.access_key,
            "secret": aws.secret_key,
            "region": aws.region,
            "endpoint": urlsplit(aws.endpoint_url).netloc,
        },
    )


def write_and_read(connection: duckdb.DuckDBPyConnection, catalog_url: str, data_path: str) -> list[tuple[int]]:
    connection.execute(f"ATTACH 'ducklake:postgres:{catalog_url}' AS lake (DATA_PATH '{data_path}')")
    connection.execute("CREATE TABLE lake.numbers AS SELECT i FROM range(5000) t(i)")
    connection.execute("DELETE FROM lake.numbers WHERE i >= 1000")
    total = connection.execute("SELECT sum(i)::BIGINT FROM lake.numbers").fetchall()
    connection.execute("DETACH lake")
    return total


class TestNotifications:
    def test_put_overwrite_and_delete_arrive_on_the_queue(self, aws: AwsEnvironment) -> None:
        first = aws.s3.put_object(Bucket=aws.bucket, Key=KEY, Body=b"1")["ETag"].strip('"')
        second = aws.s3.put_object(Bucket=aws.bucket, Key=KEY, Body=b"22")["ETag"].strip('"')
        aws.s3.delete_object(Bucket=aws.bucket, Key=KEY)

        records = aws.take_records(3)

        assert {record["s3"]["bucket"]["name"] for record in records} == {aws.bucket}
        encoded = {record["s3"]["object"]["key"] for record in records}
        assert {unquote_plus(key) for key in encoded} == {KEY}
        assert encoded <= {"year%3D2026/a+b%2Bc.csv", "year%3D2026/a%20b%2Bc.csv"}  # MiniStack as AWS; LocalStack
        created = [record for record in records if record["eventName"] == "ObjectCreated:Put"]
        assert {(record["s3"]["object"]["eTag"], record["s3"]["object"]["size"]) for record in created} == {
            (first, 1),
            (second, 2),
        }
        removed = [record for record in records if record["eventName"].startswith("ObjectRemoved:")]
        assert len(removed) == 1

    def test_a_message_nobody_acknowledges_ends_in_the_dead_letter_queue(self, aws: AwsEnvironment) -> None:
        aws.sqs.purge_queue(QueueUrl=aws.queue_url)
        aws.sqs.send_message(QueueUrl=aws.queue_url, MessageBody="poison")
        deadline = time.monotonic() + 120
        dead: list[str] = []
        while not dead and time.monotonic() < deadline:
            aws.sqs.receive_message(QueueUrl=aws.queue_url, VisibilityTimeout=0)
            answer = aws.sqs.receive_message(QueueUrl=aws.dlq_url)
            dead = [message["Body"] for message in answer.get("Messages", [])]
        assert dead == ["poison"]

    def test_the_environment_leads_a_client_that_knows_nothing_else_here(
        self, aws: AwsEnvironment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        program = (
            "import boto3, os; q = boto3.client('sqs'); "
            "url = q.get_queue_url(QueueName=os.environ['BILLSTREAM_QUEUE_NAME'])['QueueUrl']; "
            "q.send_message(QueueUrl=url, MessageBody='hello'); "
            "boto3.client('s3').head_bucket(Bucket=os.environ['BILLSTREAM_BUCKET'])"
        )
        subprocess.run([sys.executable, "-c", program], check=True)


class TestLake:
    def test_postgres_is_a_catalog_with_local_data(self, postgres_url: str, tmp_path: Path) -> None:
        with duckdb_with_lake() as connection:
            assert write_and_read(connection, postgres_url, str(tmp_path / "data")) == [(499_500,)]
        assert list((tmp_path / "data").rglob("*.parquet"))

    def test_postgres_is_a_catalog_with_data_in_s3(self, postgres_url: str, aws: AwsEnvironment) -> None:
        bucket = aws.new_bucket()
        with duckdb_with_lake() as connection:
            use_s3(connection, aws)
            assert write_and_read(connection, postgres_url, f"s3://{bucket}/data/") == [(499_500,)]
        assert aws.s3.list_objects_v2(Bucket=bucket, Prefix="data/")["KeyCount"] > 0


class TestPostgres:
    def test_each_database_is_fresh_and_asks_for_the_password(
        self, postgres: PostgresServer, postgres_url: str
    ) -> None:
        database = postgres_url.rpartition("/")[2]
        assert postgres.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database) == "0"
        wrong = re.sub(":[^:/]+@", ":wrong@", postgres_url)
        with duckdb_with_lake() as connection, pytest.raises(duckdb.Error, match="password"):
            connection.execute(f"ATTACH '{wrong}' AS pg (TYPE postgres)")

    def test_stop_cuts_a_transaction_off_and_start_finds_only_what_was_committed(
        self, postgres: PostgresServer, postgres_url: str
    ) -> None:
        with duckdb_with_lake() as connection:
            connection.execute(f"ATTACH '{postgres_url}' AS pg (TYPE postgres)")
            connection.execute("CREATE TABLE pg.paid (n INTEGER)")
            connection.execute("INSERT INTO pg.paid VALUES (1)")
            connection.execute("BEGIN")
            connection.execute("INSERT INTO pg.paid VALUES (2)")
            postgres.stop()
            assert not postgres.running
            assert not answers(postgres_url)
            with pytest.raises(duckdb.Error):
                connection.execute("COMMIT")
        postgres.start()
        assert postgres.execute("SELECT n FROM paid", postgres_url.rpartition("/")[2]) == "1"

    def test_a_killed_server_recovers(self, postgres: PostgresServer, postgres_url: str) -> None:
        database = postgres_url.rpartition("/")[2]
        postgres.execute("CREATE TABLE paid AS SELECT 1 AS n", database)
        postgres.kill()
        assert not answers(postgres_url)
        postgres.start()
        assert postgres.execute("SELECT n FROM paid", database) == "1"

    def test_the_server_is_gone_after_the_block(self) -> None:
        with running_postgres() as server:
            url = server.url("postgres")
            assert answers(url)
        assert not answers(url)


class TestMiniStack:
    def test_the_server_is_gone_after_the_block(self) -> None:
        with running_emulator() as url:
            assert answers(url)
        assert not answers(url)

    def test_only_this_machine_can_reach_it(self, ministack_url: str) -> None:
        assert listening_addresses(ministack_url) == {"127.0.0.1"}

    def test_a_failed_start_shows_the_log(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = tmp_path / "ministack"
        broken.mkdir()
        (broken / "__init__.py").write_text("raise RuntimeError('no such luck')")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        with pytest.raises(EmulatorError, match="no such luck"):
            Emulator(tmp_path).start()

    def test_a_missing_extra_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
        with pytest.raises(EmulatorError, match=r"billstream\[demo\]"):
            Emulator(tmp_path).start()


class TestLocalStack:
    @pytest.mark.skipif(not localstack.installed(), reason=localstack.MISSING)
    def test_the_server_is_gone_after_the_block(self) -> None:
        with running_localstack() as server:
            assert answers(server.endpoint_url)
        assert not answers(server.endpoint_url)

    def test_only_this_machine_can_reach_it(self, localstack_url: str) -> None:
        assert listening_addresses(localstack_url) == {"127.0.0.1"}


def listening_addresses(url: str) -> set[str]:
    """The addresses that whoever serves `url` listens on, as the kernel tells."""
    listening = [each.laddr for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    return {address.ip for address in listening if address and address.port == urlsplit(url).port}
