"""Runs as events of OpenLineage, by the classes of its client; imported only where a backend is named.

Each run is two events, as the specification requires a START for each COMPLETE; both are sent after the commit. Names
follow the naming rules of OpenLineage: an object is `s3://bucket` and its key, a local file is `file` and its path. A
DuckLake has no rule there yet: its tables are below the place of its catalog.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, RunEvent, RunState, set_producer
from openlineage.client.event_v2 import Run as RunOfEvent
from openlineage.client.facet_v2 import (
    DatasetFacet,
    InputDatasetFacet,
    OutputDatasetFacet,
    catalog_dataset,
    column_lineage_dataset,
    dataset_version_dataset,
    input_statistics_input_dataset,
    job_type_job,
    output_statistics_output_dataset,
    processing_engine_run,
    schema_dataset,
    tags_run,
)
from openlineage.client.uuid import generate_static_uuid

from billstream.common.errors import Misconfigured
from billstream.common.openlineage.run import Feed, How, Input, Output, Run

MOST_LINKS = 5000
"""Links from fields to columns in one event, about a megabyte; those of further inputs are left out, and it is told."""

LONGEST_NAME = 1000
"""A longer name of a field, which only a broken or hostile header has, is left out."""

_OFF = frozenset({"noop", "console"})


class Backend:
    """The backend that the client's own variables name.

    Args:
        catalog: the address of the lake's catalog, without secrets.
        data_path: where the lake's files are.
        version: that of billstream.
        job_namespace: that of the jobs; None: `billstream`.

    Raises:
        Misconfigured: they name none.
        Exception: the client refuses its configuration.
    """

    def __init__(self, catalog: str, data_path: str, version: str, job_namespace: str | None = None) -> None:
        self._client = OpenLineageClient()
        kind = self._client.transport.kind
        if kind in _OFF:
            raise Misconfigured(
                f"The transport is `{kind}`, which sends nothing. Name one: OPENLINEAGE_URL, or `transport` in the "
                "file of OPENLINEAGE_CONFIG."
            )
        set_producer(f"urn:billstream:{version}")
        self._engine = processing_engine_run.ProcessingEngineRunFacet(version=version, name="billstream")
        self._job_namespace = job_namespace or "billstream"
        self._namespace = lake_namespace(catalog)
        self._catalog = catalog_dataset.CatalogDatasetFacet(
            framework="ducklake",
            type="postgres" if "://" in catalog else "sqlite",
            name="lake",
            warehouseUri=data_path if "://" in data_path else Path(data_path).absolute().as_uri(),
        )

    def send(self, run: Run) -> None:
        """Send the events of a run; blocks. Raises whatever the transport raises."""
        for event in self.events(run):
            self._client.emit(event)

    def events(self, run: Run) -> Iterator[RunEvent]:
        """Yield the events of a run: its START, and its COMPLETE with everything that is known of it."""
        # The same id however often it is made: a backend that has it knows it again.
        told = f"{self._namespace} {run.job} {run.snapshot_id}".encode("utf-8", "backslashreplace")
        run_id = str(generate_static_uuid(run.ended_at, told))
        job_type = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="BILLSTREAM", jobType="JOB")
        job = Job(self._job_namespace, run.job, {"jobType": job_type})
        links, left_out = self._links(run)
        for state, at in ((RunState.START, run.began_at), (RunState.COMPLETE, run.ended_at)):
            ended = state is RunState.COMPLETE
            yield RunEvent(
                eventType=state,
                eventTime=at.isoformat(),
                run=RunOfEvent(run_id, {"processing_engine": self._engine, "tags": _tags(run, left_out)}),
                job=job,
                inputs=[self._input(one) for one in run.inputs] if ended else [],
                outputs=[self._output(one, run, links.get(one.table, {})) for one in run.outputs] if ended else [],
            )

    def _input(self, one: Input) -> InputDataset:
        facets: dict[str, DatasetFacet] = {}
        if one.version is not None:
            facets["version"] = _version(one.version)
        if one.fields:
            facets["schema"] = _schema(dict.fromkeys(one.fields))
        if one.namespace is None:
            facets["catalog"] = self._catalog
        counted: dict[str, InputDatasetFacet] = {}
        if one.rows is not None or one.size_bytes is not None:
            files = None if one.namespace is None else 1
            counted["inputStatistics"] = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
                rowCount=one.rows, size=one.size_bytes, fileCount=files
            )
        return InputDataset(_text(one.namespace or self._namespace), _text(one.name), counted, facets=facets)

    def _output(
        self, one: Output, run: Run, links: Mapping[str, list[column_lineage_dataset.InputField]]
    ) -> OutputDataset:
        facets: dict[str, DatasetFacet] = {"version": _version(str(run.snapshot_id)), "catalog": self._catalog}
        if one.fields:
            facets["schema"] = _schema(one.fields)
        if links:
            columns = {column: column_lineage_dataset.Fields(list(fields)) for column, fields in links.items()}
            facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(columns)
        counted: dict[str, OutputDatasetFacet] = {}
        if one.rows is not None or one.size_bytes is not None:
            counted["outputStatistics"] = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                rowCount=one.rows, size=one.size_bytes
            )
        return OutputDataset(self._namespace, one.table, counted, facets=facets)

    def _links(self, run: Run) -> tuple[dict[str, dict[str, list[column_lineage_dataset.InputField]]], int]:
        """Return what the columns of each output are made of, and of how many inputs that is left out."""
        found: dict[str, dict[str, list[column_lineage_dataset.InputField]]] = {}
        left, left_out = MOST_LINKS, 0
        for one in run.inputs:
            pairs = [
                (output.table, feed)
                for output in run.outputs
                if one.table in {None, output.table}
                for feed in one.feeds or output.feeds
            ]
            left -= sum(len(feed.fields) for _, feed in pairs)
            if left < 0:
                left_out += 1
                continue
            for table, feed in pairs:
                fields = found.setdefault(table, {}).setdefault(feed.column, [])
                fields.extend(self._linked(one, feed))
        return {table: {name: fields for name, fields in of.items() if fields} for table, of in found.items()}, left_out

    def _linked(self, one: Input, feed: Feed) -> Iterator[column_lineage_dataset.InputField]:
        subtype = How(feed.how).value
        for name in feed.fields:
            if name and len(name) <= LONGEST_NAME:
                transformation = column_lineage_dataset.Transformation("DIRECT", subtype, "", masking=False)
                namespace = _text(one.namespace or self._namespace)
                yield column_lineage_dataset.InputField(namespace, _text(one.name), _text(name), [transformation])


def lake_namespace(catalog: str) -> str:
    """Return the namespace of the lake's tables: the place of its catalog, whoever connects to it."""
    scheme, separator, rest = catalog.partition("://")
    if separator and scheme == "postgresql":
        return f"ducklake://{rest.rpartition('@')[2]}"
    return f"ducklake://{Path(catalog).absolute()}"


def _tags(run: Run, links_left_out: int) -> tags_run.TagsRunFacet:
    tags = {"snapshot_id": run.snapshot_id}
    if run.inputs_left_out:
        tags["inputs_left_out"] = run.inputs_left_out
    if links_left_out:
        tags["inputs_without_column_lineage"] = links_left_out
    return tags_run.TagsRunFacet(
        [tags_run.TagsRunFacetFields(key, str(value), "BILLSTREAM") for key, value in tags.items()]
    )


def _version(version: str) -> dataset_version_dataset.DatasetVersionDatasetFacet:
    return dataset_version_dataset.DatasetVersionDatasetFacet(_text(version))


def _schema(fields: Mapping[str, str | None]) -> schema_dataset.SchemaDatasetFacet:
    named = [
        schema_dataset.SchemaDatasetFacetFields(_text(name), kind, ordinal_position=position)
        for position, (name, kind) in enumerate(fields.items(), 1)
        if name and len(name) <= LONGEST_NAME
    ]
    return schema_dataset.SchemaDatasetFacet(named)


def _text(text: str) -> str:
    """Return a text that any JSON reader takes: half of a surrogate pair, which a key may have, is spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()
