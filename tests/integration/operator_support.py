"""The operator's commands inside the test's own process, over a lake in a temporary folder."""

import json
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from typer.testing import CliRunner

from billstream.cli.commands import app
from billstream.common.errors import BillstreamError
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.e2e.billing import BillingFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    import pytest

    from tests.servers.aws import AwsEnvironment


@dataclass(frozen=True)
class Commands:
    """Runs commands over one open lake; `settings` are those that they find in the environment."""

    lake: Lake

    @property
    def settings(self) -> Settings:
        return Settings.from_environment()

    def run(self, *arguments: str, expect: int = 0) -> str:
        """Run one command to its end; what it wrote to standard output, or the text of the error that ended it."""
        result = CliRunner().invoke(app, list(arguments))
        if isinstance(result.exception, BillstreamError):
            assert expect == 1, f"{arguments} failed: {result.exception}"
            return str(result.exception)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == expect, f"{arguments} ended with {result.exit_code}:\n{result.output}"
        return result.stdout

    def json(self, *arguments: str, expect: int = 0) -> Any:  # noqa: ANN401 - it is JSON
        """What a command says to programs."""
        return json.loads(self.run(*arguments, "--json", expect=expect))

    @contextmanager
    def another_process(self) -> Iterator[Lake]:
        """The same lake as another process sees it, open for writing."""
        with Lake.open(self.settings) as lake:
            yield lake

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.lake.rows(sql)

    def meddle(self, sql: str) -> None:
        """Commit a statement that no code of ours would."""

        def write(con: "duckdb.DuckDBPyConnection") -> None:
            con.execute(sql)

        self.lake.commit(write, claims=[], author="test", message="meddle")

    def states(self) -> dict[str, str]:
        """What the newest line of each object says, by key."""
        return dict(self.rows("SELECT key, state FROM latest_entries"))

    def totals(self) -> dict[str | None, Decimal]:
        """Billed cost by currency."""
        return dict(self.rows("SELECT billing_currency, sum(billed_cost) FROM charges GROUP BY ALL"))


@contextmanager
def commands(
    home: Path, monkeypatch: "pytest.MonkeyPatch", environment: "Mapping[str, str] | None" = None
) -> Iterator[Commands]:
    """Commands with a home and an environment of their own, over a new lake in it.

    They share the lake, which takes longer to open than most of them run. Signals and logs are as before at the end.
    """
    settings = {"BILLSTREAM_POLL_SECONDS": "0", "BILLSTREAM_THREADS": "1", "BILLSTREAM_HOME": str(home)}
    for name, value in {**settings, **(environment or {})}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("billstream.cli.opening.configure_logs", lambda _: None)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Lake.open(Settings.from_environment(), create=True) as lake:
            monkeypatch.setattr("billstream.cli.opening.opened_lake", lambda *_, **__: nullcontext(lake))
            yield Commands(lake)
    finally:
        structlog.reset_defaults()
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)


def put(aws: "AwsEnvironment", *files: BillingFile) -> None:
    for file in files:
        aws.s3.put_object(Bucket=aws.bucket, Key=file.key, Body=file.body)


def forget_notifications(aws: "AwsEnvironment") -> None:
    """Take away what S3 has told the queue: from now on nobody knows of it."""
    while messages := aws.sqs.receive_message(QueueUrl=aws.queue_url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            aws.sqs.delete_message(QueueUrl=aws.queue_url, ReceiptHandle=message["ReceiptHandle"])
