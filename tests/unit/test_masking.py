"""Texts leave the process without its secrets, however these are quoted in them."""

import json
import sys
import threading
from urllib.parse import quote, quote_plus

import pytest
import structlog

from billstream.common import masking
from billstream.common.lake.catalog import literal
from billstream.common.masking import MASK, keep_secret, mask_tracebacks, masked
from billstream.common.policies import LogFormat
from billstream.common.runtime import configure_logs
from billstream.common.settings import Settings

SECRETS = ["S3CRET", "p'S3\"CRET", "S3 CRET@/:%", "S3\\CRÉT\t", "S3+CRET&x=1"]


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_kept", set())


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    mask_tracebacks()


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_masked_in_every_form(secret: str) -> None:
    keep_secret(secret)
    libpq = secret.replace("\\", "\\\\").replace("'", "\\'")
    for form in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret), literal(secret), libpq):
        assert masked(f"<{form}>").strip("<'>") == MASK
    for form in (repr(secret), json.dumps(secret), json.dumps(secret, ensure_ascii=False)):
        assert masked(form)[1:-1] == MASK


def test_what_is_public_or_short_is_not_masked() -> None:
    keep_secret("lake", public=["lake", "db"])
    keep_secret("test", shortest=16)
    keep_secret("pw")
    keep_secret("billstream")
    keep_secret(None)
    assert masked("billstream: the latest pw of lake") == "billstream: the latest pw of lake"


def test_secrets_of_the_environment_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "S3CRET")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "K" * 40)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "T" * 400)
    assert masked(f"S3CRET {'K' * 40} {'T' * 400}") == f"{MASK} {MASK} {MASK}"


def test_the_password_of_any_url_is_masked() -> None:
    assert masked("no answer from http://me:S3CRET@proxy:3128/x") == f"no answer from http://me:{MASK}@proxy:3128/x"
    assert masked("s3://bucket/a:b@c http://host:80/a@b") == "s3://bucket/a:b@c http://host:80/a@b"


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", [LogFormat.JSON, LogFormat.CONSOLE])
def test_no_log_line_has_a_secret(form: LogFormat, secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    keep_secret(secret)
    configure_logs(Settings(log_format=form))
    log = structlog.get_logger()

    def fail() -> None:
        local = secret  # a variable of the frame in the traceback
        raise ValueError(f"cannot use {local!r} nor {quote(local)}") from OSError(local)

    try:
        fail()
    except ValueError as error:
        log.exception("it_failed", reason=f"no {secret}", nested={"a": [secret, {"b": (secret,)}]}, error=error)

    err = capsys.readouterr().err
    assert "it_failed" in err
    assert "cannot use" in err
    assert "S3" not in err
    assert "CR" not in err


@pytest.mark.usefixtures("hooks")
def test_no_traceback_has_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    keep_secret("S3CRET")

    def fail() -> None:
        raise ValueError("S3" + "CRET") from OSError("x" + "S3" + "CRET")

    failing = threading.Thread(target=fail)
    failing.start()
    failing.join()
    try:
        fail()
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)

    err = capsys.readouterr().err
    assert err.count(f"ValueError: {MASK}") == 2
    assert "S3CRET" not in err
