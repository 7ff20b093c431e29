"""The settings: defaults, the environment, and secrets that stay secret."""

import io
import json
import re
import threading
from importlib.metadata import version
from pathlib import Path

import duckdb
import pytest
import structlog
from pydantic import SecretStr, ValidationError

from billstream.cli import settings_table
from billstream.common.errors import Fatal, Misconfigured
from billstream.common.outputs import refuse_feedback
from billstream.common.policies import DuplicatePolicy, LogFormat, RemovalPolicy
from billstream.common.runtime import configure_logs, process_name
from billstream.common.settings import Settings
from billstream.common.variables import unknown_variables
from billstream.consumer.layouts.interest import BillingFiles
from billstream.consumer.layouts.layout import Layouts

PASSWORD = "s3cret-pässword"
CATALOG = f"postgresql://billstream:{PASSWORD}@db:5432/lake"


def test_nothing_has_to_be_set() -> None:
    settings = Settings.from_environment()
    assert (settings.home, settings.bucket, settings.queue_name) == (Path("var"), "billing", "billstream")
    assert settings.catalog_url == "var/catalog.sqlite"
    assert settings.data_location == "var/data"
    assert (settings.insights, settings.spool) == (Path("var/insights"), Path("var/spool"))
    assert settings.include[:2] == ("*.csv", "*.csv.gz")
    assert settings.on_removed is RemovalPolicy.RETRACT
    assert settings.on_duplicate_content is DuplicatePolicy.WARN
    assert settings.log_format is LogFormat.AUTO


def test_everything_under_the_home_moves_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLSTREAM_HOME", "/srv/billstream")
    settings = Settings.from_environment()
    places = {settings.catalog_url, settings.data_location, str(settings.insights), str(settings.spool)}
    assert places == {f"/srv/billstream/{name}" for name in ("catalog.sqlite", "data", "insights", "spool")}


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CATALOG": CATALOG,
        "DATA_PATH": "s3://lake/data/",
        "INSIGHTS_DIR": "/insights",
        "SPOOL_DIR": "/spool",
        "INCLUDE": " *.csv , exports/*.txt,",
        "ON_REMOVED": "keep",
        "BATCH_FILES": "7",
        "BATCH_SECONDS": "0.5",
        "MEMORY_LIMIT": "512MB",
        "LOG_FORMAT": "json",
    }.items():
        monkeypatch.setenv(f"BILLSTREAM_{name}", value)
    settings = Settings.from_environment()
    assert settings.catalog_url == CATALOG
    assert (settings.data_location, settings.insights, settings.spool) == (
        "s3://lake/data/",
        Path("/insights"),
        Path("/spool"),
    )
    assert settings.include == ("*.csv", "exports/*.txt")
    assert (settings.on_removed, settings.batch_files, settings.batch_seconds) == (RemovalPolicy.KEEP, 7, 0.5)
    assert (settings.memory_limit, settings.log_format) == ("512MB", LogFormat.JSON)


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_a_variable_that_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"BILLSTREAM_{name.upper()}", "")
    assert Settings.from_environment() == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POLL_SECONDS", "21"),
        ("POLL_SECONDS", "soon"),
        ("BATCH_FILES", "0"),
        ("BATCH_BYTES", "0"),
        ("BATCH_SECONDS", "0"),
        ("BATCH_SECONDS", "nan"),
        ("MAX_RECEIVES", "0"),
        ("BREAKER_SHARE", "2"),
        ("AGGREGATE_SECONDS", "-1"),
        ("MEMORY_LIMIT", "lots"),
        ("MEMORY_LIMIT", "2GB'; DROP TABLE charges; --"),
        ("THREADS", "-1"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("ON_REMOVED", "delete"),
        ("ON_DUPLICATE_CONTENT", "maybe"),
        ("INCLUDE", " , "),
    ],
)
def test_a_value_that_is_not_understood_is_named_and_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"BILLSTREAM_{name}", value)
    with pytest.raises(Fatal, match=rf"not usable:\n  BILLSTREAM_{name}: "):
        Settings.from_environment()


def test_every_value_that_is_not_understood_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLSTREAM_THREADS", "x")
    monkeypatch.setenv("BILLSTREAM_POLL_SECONDS", "y")
    monkeypatch.setenv("BILLSTREAM_CATALOG", CATALOG)
    with pytest.raises(Fatal) as fatal:
        Settings.from_environment()
    assert {line.split(":")[0].strip() for line in str(fatal.value).splitlines()[1:]} == {
        "BILLSTREAM_THREADS",
        "BILLSTREAM_POLL_SECONDS",
    }
    assert PASSWORD not in str(fatal.value)


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("MEMORY_LIMIT", "512Mi", "512MiB"),
        ("MEMORY_LIMIT", "512M", "512MB"),
        ("MEMORY_LIMIT", "2g", "2GB"),
        ("MEMORY_LIMIT", "1.5GiB", "1.5GiB"),
        ("MEMORY_LIMIT", "2 GB", "2GB"),
        ("MEMORY_LIMIT", "2147483648", "2147483648B"),
        ("BATCH_BYTES", "64MiB", 64 * 1024 * 1024),
        ("BATCH_BYTES", "64Mi", 64 * 1024 * 1024),
        ("BATCH_BYTES", "1k", 1000),
        ("BATCH_BYTES", "1.5GiB", 1_610_612_736),
        ("BATCH_BYTES", "12345", 12345),
        ("POLL_SECONDS", "5s", 5),
        ("BATCH_SECONDS", "500ms", 0.5),
        ("GRACE_SECONDS", "2m", 120.0),
        ("SWEEP_SECONDS", "1d", 86400.0),
        ("AGGREGATE_SECONDS", "1.5h", 5400.0),
        ("LOG_LEVEL", "INFO", "info"),
        ("ON_REMOVED", "Keep", "keep"),
    ],
)
def test_values_are_understood_as_people_write_them(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, meant: object
) -> None:
    monkeypatch.setenv(f"BILLSTREAM_{name}", value)
    assert getattr(Settings.from_environment(), name.lower()) == meant


def test_memory_in_every_form_is_memory_for_duckdb() -> None:
    for form in ("512Mi", "512M", "1g", "1.5GiB", "2147483648"):
        con = duckdb.connect(config={"memory_limit": Settings(memory_limit=form).memory_limit})
        assert con.execute("SELECT current_setting('memory_limit')").fetchone()
        con.close()


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name not in {"catalog", "queue_url"}])
def test_a_wrong_value_is_explained_by_an_example_and_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"BILLSTREAM_{name.upper()}", "ftp://S3CRET:/*")  # only a setting that is a text takes it
    if name in {"queue_name", "bucket", "include", "export_layouts", "buckets"}:
        return
    with pytest.raises(Misconfigured) as refusal:
        Settings.from_environment()
    assert re.fullmatch(
        rf"  BILLSTREAM_{name.upper()}: must .+\. Example: `.+`.*\.", str(refusal.value).splitlines()[1]
    )
    assert "S3CRET" not in str(refusal.value)


@pytest.mark.parametrize(
    "location",
    ["https://x/y", "http://x", "gs://a/b", "az://c", "abfss://d@x/y", "file:///tmp/x", "S3://lake/x", "s3a://l/x",
     "s3:/lake/x", "s3://", "s3:///x", "hdfs://x", "s3://lake/x?y=1", "ftp://x"],
)  # fmt: skip
def test_a_data_path_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch, location: str) -> None:
    monkeypatch.setenv("BILLSTREAM_DATA_PATH", location)
    with pytest.raises(Misconfigured, match="BILLSTREAM_DATA_PATH: must be a folder of this host, or an S3 prefix"):
        Settings.from_environment()


@pytest.mark.parametrize("name", ["HOME", "SPOOL_DIR", "PROFILES_DIR", "EXPORTS_DIR"])
def test_a_folder_is_no_url(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"BILLSTREAM_{name}", "s3://lake/folder")
    with pytest.raises(Misconfigured, match=f"BILLSTREAM_{name}: must be a folder or file of this host, not a URL"):
        Settings.from_environment()


def test_the_insights_are_in_a_folder_or_in_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLSTREAM_INSIGHTS_DIR", "s3://site/costs/")
    assert Settings.from_environment().insights_url == "s3://site/costs/"
    monkeypatch.setenv("BILLSTREAM_INSIGHTS_DIR", "site/costs")
    settings = Settings.from_environment()
    assert (settings.insights_url, settings.insights) == (None, Path("site/costs"))
    monkeypatch.setenv("BILLSTREAM_INSIGHTS_DIR", "https://site/costs")
    with pytest.raises(Misconfigured, match="BILLSTREAM_INSIGHTS_DIR: must be a folder of this host, or an S3 prefix"):
        Settings.from_environment()


# -- variables that no setting reads -------------------------------------------------------------------------


@pytest.mark.parametrize("name", [f"BILLSTREAM_{name.upper()}" for name in Settings.model_fields])
def test_a_misspelt_variable_is_named_with_the_nearest_right_one(name: str) -> None:
    swapped = name[:-3] + name[-2] + name[-3] + name[-1]
    slips = {name[:-1], name + "S", name[:13] + name[14:], name.replace("_", "-"), swapped}
    for slip in slips - {f"BILLSTREAM_{field.upper()}" for field in Settings.model_fields}:
        if slip.startswith("BILLSTREAM_"):
            assert unknown_variables([slip], Settings.model_fields)[slip] is not None, slip
    assert unknown_variables([name, name.lower()], Settings.model_fields) == {}


def test_what_platforms_set_is_no_slip() -> None:
    links = ["SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_80_TCP", "PORT_80_TCP_ADDR",
             "PORT_80_TCP_PORT", "PORT_80_TCP_PROTO", "CONSUMER_SERVICE_HOST", "CONSUMER_PORT_9_UDP"]  # fmt: skip
    names = [*(f"BILLSTREAM_{link}" for link in links), "BILLSTREAM_POSTGRES_PASSWORD", "OTHER_BUCKET", "BILLSTREAM"]
    assert unknown_variables(names, Settings.model_fields) == {}


def test_a_variable_unlike_any_setting_is_named_alone() -> None:
    assert unknown_variables(["BILLSTREAM_ZZZZZ"], Settings.model_fields) == {"BILLSTREAM_ZZZZZ": None}


# -- the lake's own files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("location", ["s3://billing", "s3://billing/", "s3://billing/lake/", "s3://billing/a/b"])
def test_a_data_path_in_the_billing_bucket_is_refused(location: str) -> None:
    with pytest.raises(Misconfigured, match="which is also a bucket of the billing files"):
        refuse_feedback(Settings(data_path=location))
    with pytest.raises(Misconfigured, match="which is also a bucket of the billing files"):
        refuse_feedback(Settings(data_path=location, bucket="first", buckets=("second", "billing")))


@pytest.mark.parametrize("location", ["s3://billing-lake/", "s3://lake/billing/", "var/data", "/billing/data"])
def test_other_data_paths_are_not(location: str) -> None:
    refuse_feedback(Settings(data_path=location))


def test_what_is_below_the_data_path_is_never_a_bill() -> None:
    settings = Settings(data_path="s3://lake/data")
    assert not settings.includes("data/main/charges/a.parquet", "lake")
    assert settings.includes("data-2026/a.parquet", "lake")
    assert settings.includes("data/main/charges/a.parquet", "billing")
    assert not Settings(data_path="s3://lake").includes("a.parquet", "lake")
    assert not BillingFiles(settings, Layouts.load(None, ("all",))).includes("data/x/metadata/Manifest.json", "lake")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().batch_files = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("key", "included"),
    [
        ("bill.csv", True),
        ("2026/03/BILL.CSV", True),
        ("bill.csv.gz", True),
        ("a\nb.csv", True),
        (".csv", True),
        ("bill.csv.zip", True),
        ("bill.csv.zst", True),
        ("bill.snappy.parquet", True),
        ("bill.xlsx", False),
        ("bill.csv.tmp", False),
        ("folder/", False),
        ("folder.csv/", False),
        ("", False),
        ("manifest.json", False),
    ],
)
def test_keys_are_included_by_pattern_whatever_their_case(key: str, *, included: bool) -> None:
    assert Settings().includes(key) is included


def test_patterns_are_shell_patterns_of_whole_keys() -> None:
    settings = Settings(include=("exports/*/data-?.[ct]sv", "ALL"))
    assert settings.includes("exports/a/b/data-1.tsv")
    assert settings.includes("all")
    assert not settings.includes("more/exports/a/data-1.csv")
    assert not settings.includes("exports/a/data-10.csv")


# -- secrets -----------------------------------------------------------------------------------------------


@pytest.fixture
def secretive() -> Settings:
    settings = Settings(catalog=SecretStr(CATALOG), log_format=LogFormat.JSON)
    assert settings.catalog_url == CATALOG  # a cached secret must not show either
    return settings


def test_a_secret_is_in_no_form_of_the_settings(secretive: Settings) -> None:
    table = [" ".join(row) for row in settings_table.current(secretive)]
    forms = [
        repr(secretive),
        str(secretive),
        f"{secretive}",
        secretive.model_dump_json(),
        str(secretive.model_dump()),
        *table,
    ]
    assert [form for form in forms if PASSWORD in form or "s3cret" in form] == []
    assert any("BILLSTREAM_CATALOG ********" in row for row in table)


def test_every_line_says_whose_it_is(secretive: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    monkeypatch.setattr("sys.argv", ["billstream", "consume", "--drain"])
    configure_logs(secretive)
    log = structlog.get_logger("test").bind()
    log.info("one_thing")
    thread = threading.Thread(target=lambda: log.warning("another_thing"))
    thread.start()
    thread.join()
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert len(lines) == 2
    for line in lines:
        assert (line["service"], line["version"]) == ("consumer", version("billstream"))
        assert line["consumer_id"] == process_name("consumer")


def test_a_secret_is_in_no_log_line(secretive: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    configure_logs(secretive)
    log = structlog.get_logger("test").bind()
    log.warning("settings_read", settings=secretive, catalog=secretive.catalog)
    log.error("start_failed", settings=secretive, exc_info=ValueError("something failed"))
    events = [json.loads(line)["event"] for line in written.getvalue().splitlines()]
    assert events == ["settings_read", "start_failed"]
    assert "s3cret" not in written.getvalue()


# -- the table ---------------------------------------------------------------------------------------------


def test_every_setting_has_a_sentence_and_its_row() -> None:
    rows = {variable: (default, meaning) for variable, default, meaning in settings_table.rows()}
    assert rows.keys() == {f"BILLSTREAM_{name.upper()}" for name in Settings.model_fields}
    assert [variable for variable, (_, meaning) in rows.items() if not meaning.endswith(".")] == []
    assert [variable for variable, (_, meaning) in rows.items() if meaning.count("Example: `") != 1] == []
    assert rows["BILLSTREAM_INCLUDE"][0].startswith("*.csv,*.csv.gz,")
    assert rows["BILLSTREAM_ON_REMOVED"][0] == "retract"
    assert rows["BILLSTREAM_CATALOG"][0] == ""


def test_the_markdown_has_a_line_for_each_setting_and_no_broken_cell() -> None:
    lines = settings_table.markdown().splitlines()
    assert len(lines) == len(Settings.model_fields) + 2
    assert [line for line in lines[2:] if line.count("|") != 4] == []


def test_the_current_value_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLSTREAM_BATCH_FILES", "9")
    shown = {variable: value for variable, value, _ in settings_table.current(Settings.from_environment())}
    assert shown["BILLSTREAM_BATCH_FILES"] == "9"
