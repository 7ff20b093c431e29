"""The published files as they are at this moment, and the dashboard with the script that follows them."""

import base64
import hashlib
import json
import os
import re
import stat
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from billstream.aggregator.alerts.digest import DIGEST_NAME
from billstream.aggregator.pages.render import HTML_NAME, JSON_NAME, MARKDOWN_NAME, SCHEMA_NAME
from billstream.common.errors import Fatal

TYPES = {
    HTML_NAME: "text/html; charset=utf-8",
    JSON_NAME: "application/json",
    SCHEMA_NAME: "application/schema+json",
    MARKDOWN_NAME: "text/markdown; charset=utf-8",
    DIGEST_NAME: "text/markdown; charset=utf-8",
}
"""The files that are served, and nothing else in the folder."""

POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_POLICY_OF_PAGE = re.compile(rb'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_HASH = re.compile(rb"'sha256-[A-Za-z0-9+/]{43}='")


@dataclass(frozen=True)
class Answer:
    """One file as it is served; its tag changes with its content."""

    body: bytes
    kind: str
    tag: str
    policy: str = POLICY


@dataclass(frozen=True)
class Published:
    """The folder of the insights."""

    folder: Path

    def check(self) -> None:
        """Make sure that there is something to serve.

        Raises:
            Fatal: nothing has been published yet.
            OSError: the files may not be read.
        """
        if any(self.read(name) is None for name in (HTML_NAME, JSON_NAME)):
            raise Fatal(
                f"There are no insights in {self.folder} yet, so there is nothing to serve. Run `billstream aggregate "
                "--once`, or set BILLSTREAM_INSIGHTS_DIR to the folder that the aggregator writes to."
            )

    def read(self, name: str) -> bytes | None:
        """Return the content of one of the files, None when it is absent or no plain file.

        Raises:
            OSError: it may not be read.
        """
        try:
            # A link could lead anywhere, and opening a pipe would wait for its writer.
            descriptor = os.open(self.folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            if (self.folder / name).is_symlink():
                return None
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return None
        with os.fdopen(descriptor, "rb") as file:
            return file.read()

    def answer(self, name: str) -> Answer | None:
        """Return one of the files of `TYPES`; the dashboard follows what is published."""
        content = self.read(name)
        if content is None:
            return None
        return _followed(content) if name == HTML_NAME else Answer(content, TYPES[name], _tag(content))

    def field(self, name: str) -> Answer | None:
        """Return one field of `insights.json`, None when it has no such field."""
        fields = self._fields()
        return None if fields is None or name not in fields else _json(fields[name])

    def routes(self) -> Answer | None:
        """Return what can be asked for; None while nothing is published."""
        fields = self._fields()
        if fields is None:
            return None
        present = [f"/{name}" for name in TYPES if (self.folder / name).is_file()]
        return _json({"files": present, "fields": [f"/api/{name}" for name in fields]})

    def _fields(self) -> dict[str, Any] | None:
        content = self.read(JSON_NAME)
        return None if content is None else json.loads(content)


def _followed(page: bytes) -> Answer:
    """Return the page with the script that follows what is published; its policy allows that script, too.

    The policy becomes a header: a page with two policies has to obey both, and its own allows no request.
    """
    script, tag = _script(), _tag(page)
    found = _POLICY_OF_PAGE.search(page)
    if found is None:  # not a page of this version: it is shown, and nothing in it runs
        return Answer(page, TYPES[HTML_NAME], tag, f"{POLICY}; style-src 'unsafe-inline'")
    bare = page[: found.start()] + page[found.end() :]
    end = bare.rfind(b"</body>")
    followed = f'<div id="live" data-tag="{tag}" role="status"></div>\n<script>{script}</script>\n'.encode()
    hashes = [*(each.decode() for each in _HASH.findall(found[1])), _hash(script)]
    policy = f"{POLICY}; script-src {' '.join(hashes)}; style-src 'unsafe-inline'; connect-src 'self'"
    return Answer(bare[:end] + followed + bare[end:], TYPES[HTML_NAME], tag, policy)


def _json(value: object) -> Answer:
    body = json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"
    return Answer(body, TYPES[JSON_NAME], _tag(body))


def _tag(content: bytes) -> str:
    return hashlib.sha256(content + _script().encode()).hexdigest()[:32]


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


@cache
def _script() -> str:
    return (files(__package__) / "live.js").read_text(encoding="utf-8")
