"""The part of Iceberg's REST catalog that a publisher speaks, over a catalog in an SQLite file."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pyiceberg.catalog.rest import CreateTableRequest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchNamespaceError, NoSuchTableError
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.table import CommitTableRequest, Table

TOKEN = "token-of-the-tests"
_REFUSALS = {NoSuchNamespaceError: 404, NoSuchTableError: 404, CommitFailedException: 409}


@contextmanager
def rest_catalog(folder: Path) -> Iterator[str]:
    """URL of a catalog whose warehouse is the folder; it wants `TOKEN`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.catalog = SqlCatalog(  # type: ignore[attr-defined]
            "rest", uri=f"sqlite:///{folder}/rest.db", warehouse=f"file://{folder}/warehouse"
        )
        server.lock = threading.Lock()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.catalog.close()  # type: ignore[attr-defined]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

    def _answer(self, given: dict[str, Any]) -> None:
        status, answer = 200, {}
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            status, answer = 401, _error("NotAuthorizedException", 401)
        else:
            try:
                with self.server.lock:  # type: ignore[attr-defined]
                    answer = self._done(self.server.catalog, given)  # type: ignore[attr-defined]
            except tuple(_REFUSALS) as error:
                status = _REFUSALS[type(error)]
                answer = _error(type(error).__name__, status)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _done(self, catalog: SqlCatalog, given: dict[str, Any]) -> dict[str, Any]:
        match self.command, *self.path.partition("?")[0].strip("/").split("/")[1:]:
            case _, "config":
                return {"defaults": {}, "overrides": {}}
            case "POST", "namespaces":
                catalog.create_namespace(tuple(given["namespace"]))
                return {"namespace": given["namespace"], "properties": {}}
            case _, "namespaces", space:
                return {"namespace": [space], "properties": dict(catalog.load_namespace_properties(space))}
            case "POST", "namespaces", space, "tables":
                absent = {"location": None, "write-order": None, "partition-spec": None}
                wanted = CreateTableRequest.model_validate(absent | given)
                made = catalog.create_table(
                    (space, wanted.name),
                    wanted.table_schema,
                    partition_spec=wanted.partition_spec or UNPARTITIONED_PARTITION_SPEC,
                    properties=wanted.properties,
                )
                return _loaded(made)
            case "POST", "namespaces", space, "tables", name:
                commit = CommitTableRequest.model_validate(given)
                catalog.commit_table(catalog.load_table((space, name)), commit.requirements, commit.updates)
                return _loaded(catalog.load_table((space, name)))
            case _, "namespaces", space, "tables", name:
                return _loaded(catalog.load_table((space, name)))
        raise AssertionError(f"{self.command} {self.path} is not expected")


def _loaded(table: Table) -> dict[str, Any]:
    metadata = json.loads(table.metadata.model_dump_json())
    return {"metadata-location": table.metadata_location, "metadata": metadata, "config": {}}


def _error(kind: str, status: int) -> dict[str, Any]:
    return {"error": {"message": kind, "type": kind, "code": status}}
