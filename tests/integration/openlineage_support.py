"""A backend of OpenLineage on this host, and the rules that its events must keep.

The client carries no JSON schema of the specification. These rules were written from its text and from the client's
classes: what is required, of which type, and that nothing else is there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

from billstream.common.openlineage import sending
from tests.servers.sinks import HttpSink, http_sink

TEXT, NUMBER = {"type": "string", "minLength": 1}, {"type": "integer", "minimum": 0}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


def _facet(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    url = {"type": "string", "pattern": "^https://openlineage.io/spec/facets/[0-9-]+/\\w+.json#/\\$defs/\\w+$"}
    return _object({"_producer": {"const": "urn:billstream:test"}, "_schemaURL": url} | required, optional)


def _facets(**known: dict[str, Any]) -> dict[str, Any]:
    return _object({}, known)


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_STEP = _object(
    {"type": {"enum": ["DIRECT", "INDIRECT"]}},
    {
        "subtype": {"enum": ["IDENTITY", "TRANSFORMATION", "AGGREGATION"]},
        "description": {"type": "string"},
        "masking": {"type": "boolean"},
    },
)
_FIELD = _object({"namespace": TEXT, "name": TEXT, "field": TEXT}, {"transformations": _list(_STEP)})
_OF_DATASETS = _facets(
    version=_facet({"datasetVersion": TEXT}),
    schema=_facet(
        {"fields": _list(_object({"name": TEXT, "ordinal_position": NUMBER}, {"type": TEXT, "fields": {"const": []}}))}
    ),
    catalog=_facet(
        {"framework": TEXT, "type": TEXT, "name": TEXT},
        {"warehouseUri": {"type": "string", "format": "uri"}, "catalogProperties": {"const": {}}},
    ),
    columnLineage=_facet(
        {"fields": {"type": "object", "additionalProperties": _object({"inputFields": _list(_FIELD)})}},
        {"dataset": {"const": []}},
    ),
)
_COUNTED = _facet({}, {"rowCount": NUMBER, "size": NUMBER, "fileCount": NUMBER})
_DATASET = {"namespace": TEXT, "name": TEXT, "facets": _OF_DATASETS}
EVENT = Draft202012Validator(
    _object(
        {
            "eventType": {"enum": ["START", "COMPLETE"]},
            "eventTime": {"type": "string", "format": "date-time"},
            "producer": {"const": "urn:billstream:test"},
            "schemaURL": {"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"},
            "run": _object(
                {
                    "runId": {"type": "string", "format": "uuid"},
                    "facets": _facets(
                        processing_engine=_facet({"version": TEXT}, {"name": TEXT}),
                        tags=_facet({"tags": _list(_object({"key": TEXT, "value": TEXT, "source": TEXT}))}),
                    ),
                }
            ),
            "job": _object(
                {
                    "namespace": TEXT,
                    "name": TEXT,
                    "facets": _facets(
                        jobType=_facet({"processingType": {"const": "BATCH"}, "integration": TEXT}, {"jobType": TEXT})
                    ),
                }
            ),
            "inputs": _list(_object(_DATASET, {"inputFacets": _facets(inputStatistics=_COUNTED)})),
            "outputs": _list(_object(_DATASET, {"outputFacets": _facets(outputStatistics=_COUNTED)})),
        }
    )
)


def checked(event: dict[str, Any]) -> dict[str, Any]:
    """The event, which keeps the rules."""
    EVENT.validate(event)
    assert datetime.fromisoformat(event["eventTime"]).tzinfo
    assert UUID(event["run"]["runId"]).version == 7
    assert urlparse(event["producer"]).scheme
    return event


def runs(sink: HttpSink) -> list[dict[str, Any]]:
    """The COMPLETE event of each run that came, in order; each has its START before it, and says the same of itself."""
    events = [checked(request.body) for request in sink.received]
    starts, ends = events[::2], events[1::2]
    assert [event["eventType"] for event in starts] == ["START"] * len(ends)
    assert [event["eventType"] for event in ends] == ["COMPLETE"] * len(starts)
    assert [event["run"] for event in starts] == [event["run"] for event in ends]
    assert len({event["run"]["runId"] for event in ends}) == len(ends)
    assert all(start["eventTime"] <= end["eventTime"] for start, end in zip(starts, ends, strict=True))
    return ends


def name_backend(monkeypatch: pytest.MonkeyPatch, folder: Path, url: str, *, seconds: float = 5.0) -> None:
    """Name a backend by a file, without the five retries that the client makes of each request."""
    transport = f"transport:\n  type: http\n  url: {url}\n  timeout: {seconds}\n  retry: {{total: 0}}\n"
    (folder / "openlineage.yml").write_text(transport)
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(folder / "openlineage.yml"))


@contextmanager
def backend(monkeypatch: pytest.MonkeyPatch, catalog: str = "/lakes/catalog.sqlite") -> Iterator[HttpSink]:
    """A backend to which all runs of the block are sent; they have come when the block has ended."""
    with http_sink() as sink:
        monkeypatch.setenv("OPENLINEAGE_URL", sink.url)
        with sending(catalog, "/lakes/data", "test"):
            yield sink
