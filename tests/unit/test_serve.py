"""Who may read what `billstream serve` shows, and the page that follows what is published."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from billstream.aggregator.pages.render import HTML_NAME, JSON_NAME
from billstream.cli import opening
from billstream.cli.serve import commands
from billstream.cli.serve.access import Access, access_of
from billstream.cli.serve.published import Published
from billstream.common.errors import Fatal, Misconfigured, WrongUsage
from billstream.common.settings import Settings

TOKEN = "0123456789abcdef"
LOCAL = Access("127.0.0.1", 80)


@pytest.mark.parametrize(
    ("address", "ip", "port"),
    [("127.0.0.1:8787", "127.0.0.1", 8787), ("localhost:0", "127.0.0.1", 0), ("[::1]:80", "::1", 80)],
)
def test_loopback_needs_no_token(address: str, ip: str, port: int) -> None:
    access = access_of(address, {})
    assert (access.ip, access.port, access.token) == (ip, port, None)


@pytest.mark.parametrize("address", ["0.0.0.0:80", "[::]:80", "10.0.0.1:80", "128.0.0.1:80"])
def test_any_other_address_needs_a_token(address: str) -> None:
    with pytest.raises(WrongUsage, match="--token-from"):
        access_of(address, {"T": TOKEN})
    assert access_of(address, {"T": TOKEN}, token_from="T").token == TOKEN


@pytest.mark.parametrize("address", ["", "8787", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "a:80"])
def test_an_address_that_cannot_be_read_is_named(address: str) -> None:
    with pytest.raises(WrongUsage, match="IP:PORT"):
        access_of(address, {})


@pytest.mark.parametrize("value", ["", "short", " " * 20, "ä" * 20])
def test_a_token_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(Misconfigured, match="DASHBOARD_TOKEN"):
        access_of("127.0.0.1:80", {"DASHBOARD_TOKEN": value}, token_from="DASHBOARD_TOKEN")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "127.0.0.1:99", "[::1]", "[::1]:80", "10.1.2.3", "costs.test:8"]
)
def test_an_address_and_a_given_name_are_this_server(host: str) -> None:
    assert access_of("127.0.0.1:80", {}, names=["Costs.test"]).may_name(host)


@pytest.mark.parametrize(
    "host", ["", "evil.test", "localhost.evil.test", "127.0.0.1.evil.test", "[evil]", "evil.test:127"]
)
def test_the_name_of_a_stranger_is_not(host: str) -> None:
    assert not LOCAL.may_name(host)


def test_the_token_is_taken_in_three_places_and_is_not_in_the_cookie() -> None:
    access = Access("10.0.0.1", 80, TOKEN)
    nothing = {"header": "", "query": "", "cookie": ""}
    for good in ({"header": f"Bearer {TOKEN}"}, {"query": TOKEN}, {"cookie": access.cookie}):
        assert access.may_read(**(nothing | good))
    for bad in (
        {},
        {"header": TOKEN},
        {"header": "Bearer "},
        {"query": f"{TOKEN}x"},
        {"cookie": TOKEN},
        {"query": "é"},
    ):
        assert not access.may_read(**(nothing | bad))
    assert TOKEN not in access.cookie
    assert TOKEN not in repr(access)


def test_only_plain_files_of_the_publication_are_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    folder = tmp_path / "insights"
    folder.mkdir()
    (folder / JSON_NAME).symlink_to(secret)
    (folder / HTML_NAME).mkdir()
    published = Published(folder)
    assert published.answer(JSON_NAME) is None
    assert published.answer(HTML_NAME) is None
    with pytest.raises(Fatal, match="billstream aggregate"):
        published.check()


def test_a_page_of_another_making_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / HTML_NAME).write_text("<body><script>alert(1)</script></body>")
    answer = Published(tmp_path).answer(HTML_NAME)
    assert answer is not None
    assert "script-src" not in answer.policy
    assert b'id="live"' not in answer.body


def test_without_the_extra_the_command_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(commands, "EXTRA", ("a_module_that_is_absent",))
    # The log of this process stays as it is.
    monkeypatch.setattr(opening, "settings_with_logs", lambda: Settings(home=tmp_path))
    result = CliRunner().invoke(commands.app, [])
    assert isinstance(result.exception, Misconfigured)
    assert "pip install 'billstream[serve]'" in str(result.exception)
