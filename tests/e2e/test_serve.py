"""`billstream serve` as a process: what it answers, to whom, and how it ends."""

import base64
import hashlib
import http.client
import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from billstream.aggregator.pages.render import HTML_NAME, render
from tests.e2e.commands import Billstream
from tests.unit.test_aggregator_pages import full
from tests.unit.test_explorer import cell, cube

TOKEN = "the-token-of-this-test"


class Site:
    """One running server."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        told = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        connection.close()
        return told


def publish(home: Path) -> Path:
    folder = home / "insights"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in render(full().model_copy(update={"cube": cube(cell())})).items():
        (folder / name).write_text(text)
    (folder / "digest.md").write_text("# Digest\n")
    (folder / "other.txt").write_text("not published")
    return folder


@contextmanager
def serving(billstream: Billstream, *arguments: str) -> Iterator[tuple[Site, "subprocess.Popen[str]"]]:
    process = billstream.start("serve", "--address", "127.0.0.1:0", *arguments)
    try:
        assert process.stdout is not None
        told = process.stdout.readline()
        port = urlsplit(told.split()[-1]).port if told else None
        assert port is not None, (billstream.home / "serve.log").read_text()
        yield Site(port), process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Path]]:
    home = tmp_path_factory.mktemp("home")
    folder = publish(home)
    with serving(Billstream(home), "--host", "costs.test") as (found, _):
        yield found, folder


def test_each_published_file_is_served_and_nothing_else(site: tuple[Site, Path]) -> None:
    served, folder = site
    for name, kind in [
        ("insights.json", "application/json"),
        ("insights.schema.json", "application/schema+json"),
        ("insights.md", "text/markdown; charset=utf-8"),
        ("digest.md", "text/markdown; charset=utf-8"),
    ]:
        status, headers, body = served.ask(f"/{name}")
        assert (status, headers["content-type"], body) == (200, kind, (folder / name).read_bytes())
    for path in (
        "/other.txt",
        "/.insights.lock",
        "/../secret",
        "/..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/api/nothing",
    ):
        assert served.ask(path)[0] == 404


def test_the_page_follows_what_is_published_and_its_policy_allows_its_scripts(site: tuple[Site, Path]) -> None:
    served, folder = site
    status, headers, body = served.ask("/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert served.ask(f"/{HTML_NAME}")[2] == body
    scripts = re.findall(rb"<script>(.*?)</script>", body, re.DOTALL)
    assert len(scripts) == 3
    policy = headers["content-security-policy"]
    for script in scripts:
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" in policy
    assert "connect-src 'self'" in policy
    assert "default-src 'none'" in policy
    assert b"Content-Security-Policy" not in body
    assert f'data-tag="{headers["etag"].strip(chr(34))}"'.encode() in body
    # The file itself makes no request.
    assert "connect-src" not in (folder / HTML_NAME).read_text()


def test_an_answer_is_fresh_and_its_tag_says_so(site: tuple[Site, Path]) -> None:
    served, folder = site
    _, headers, _ = served.ask("/digest.md")
    status, again, body = served.ask("/digest.md", If_None_Match=f'"other", W/{headers["etag"]}')
    assert (status, again["etag"], body) == (304, headers["etag"], b"")
    (folder / "digest.md").write_text("# Another\n")
    status, _, body = served.ask("/digest.md", If_None_Match=headers["etag"])
    assert (status, body) == (200, b"# Another\n")
    status, headers, body = served.ask("/digest.md", "HEAD")
    assert (status, headers["content-length"], body) == (200, "10", b"")


def test_the_json_is_listed_and_has_a_route_for_each_field(site: tuple[Site, Path]) -> None:
    served, folder = site
    insights = json.loads((folder / "insights.json").read_text())
    listed = json.loads(served.ask("/api")[2])
    assert listed["fields"] == [f"/api/{name}" for name in insights]
    assert "/digest.md" in listed["files"]
    assert "/other.txt" not in listed["files"]
    assert json.loads(served.ask("/api/currencies")[2]) == insights["currencies"]


def test_nobody_writes_and_no_foreign_name_reads(site: tuple[Site, Path]) -> None:
    served, _ = site
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert served.ask("/insights.json", method)[0] == 405
    assert served.ask("/insights.json", Host="evil.test")[0] == 421
    assert served.ask("/insights.json", Host="costs.test")[0] == 200
    for path in ("/", "/other", "/insights.json"):
        _, headers, _ = served.ask(path)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "server" not in headers


def test_with_a_token_nothing_is_read_without_it_and_a_signal_ends_the_server(tmp_path: Path) -> None:
    publish(tmp_path)
    billstream = Billstream(tmp_path, {"DASHBOARD_TOKEN": TOKEN})
    with serving(billstream, "--token-from", "DASHBOARD_TOKEN") as (served, process):
        for path in ("/", "/insights.json", "/api", "/nothing", "/?token=wrong"):
            status, headers, body = served.ask(path)
            assert (status, headers["www-authenticate"]) == (401, "Bearer")
            assert b"Snapshot" not in body
        assert served.ask("/insights.json", Authorization=f"Bearer {TOKEN}")[0] == 200
        status, headers, _ = served.ask(f"//evil.test?token={TOKEN}")
        assert (status, headers["location"]) == (303, "/evil.test")
        status, headers, _ = served.ask(f"/?token={TOKEN}")
        assert (status, headers["location"]) == (303, "/")
        cookie, *attributes = headers["set-cookie"].split("; ")
        assert {"HttpOnly", "SameSite=lax"} <= set(attributes)
        assert TOKEN not in cookie
        assert served.ask("/", Cookie=cookie)[0] == 200
        # A reader who says nothing more does not keep the server from ending.
        with socket.create_connection(("127.0.0.1", served.port)) as idle:
            idle.sendall(b"GET / HTTP/1.1\r\n")
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
    assert TOKEN not in (tmp_path / "serve.log").read_text()


def test_what_cannot_be_served_is_said(tmp_path: Path) -> None:
    billstream = Billstream(tmp_path)
    assert "billstream aggregate" in billstream.run("serve", "--address", "127.0.0.1:0", expect=1)
    publish(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert "in use" in billstream.run("serve", "--address", address, expect=78)
