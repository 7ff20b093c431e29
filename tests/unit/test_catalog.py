"""Which catalog a setting names, and that its password shows nowhere."""

from pathlib import Path
from urllib.parse import quote

import pytest

from billstream.common.errors import Fatal
from billstream.common.lake.catalog import literal
from billstream.common.lake.catalogs import catalog_from_url
from billstream.common.lake.postgres_catalog import PostgresCatalog
from billstream.common.lake.sqlite_catalog import SqliteCatalog


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("var/catalog.sqlite", "var/catalog.sqlite"),
        ("/srv/it's here/c.db", "/srv/it's here/c.db"),
        ("sqlite:///var/c.db", "var/c.db"),
        ("sqlite:////srv/c.db", "/srv/c.db"),
        (" /srv/c.db\n", "/srv/c.db"),
        ("./lake:1.db", "lake:1.db"),
        ("/mnt/env=prod/user:1@host/c.db", "/mnt/env=prod/user:1@host/c.db"),
        ("C/key of host/password.sqlite", "C/key of host/password.sqlite"),
    ],
)
def test_a_path_is_an_sqlite_catalog(url: str, path: str) -> None:
    catalog = catalog_from_url(url)
    assert catalog == SqliteCatalog(Path(path))
    assert (catalog.description, catalog.host_local) == (path, True)


@pytest.mark.parametrize(
    ("url", "hosts", "ports", "description"),
    [
        ("postgresql://me:s3cret@db:6543/lake", "db", "6543", "postgresql://me@db:6543/lake"),
        ("postgres://me:s3cret@db/lake", "db", "5432", "postgresql://me@db:5432/lake"),
        (" postgresql://me:s3cret@db/lake\n", "db", "5432", "postgresql://me@db:5432/lake"),
        ("postgresql://me@db/lake?password=s3cret", "db", "5432", "postgresql://me@db:5432/lake"),
        ("postgresql://?host=db&port=1&user=me&password=s3cret&dbname=lake", "db", "1", "postgresql://me@db:1/lake"),
        ("postgresql:///lake?host=db&user=me&password=s3cret", "db", "5432", "postgresql://me@db:5432/lake"),
        ("postgresql://me:s3cret@/lake?hostaddr=127.0.0.1", "127.0.0.1", "5432", "postgresql://me@127.0.0.1:5432/lake"),
        ("postgresql://me:s3cret@[::1]:1/lake", "::1", "1", "postgresql://me@[::1]:1/lake"),
        ("postgresql://me:s3cret@[::1]/lake", "::1", "5432", "postgresql://me@[::1]:5432/lake"),
        ("postgresql://me:s3cret@a:1,b:2/lake", "a,b", "1,2", "postgresql://me@a:1,b:2/lake"),
        ("postgresql://me:s3cret@a,b/lake", "a,b", "5432", "postgresql://me@a:5432,b:5432/lake"),
        ("postgresql://me:s3cret@a:1,b/lake", "a,b", "1,5432", "postgresql://me@a:1,b:5432/lake"),
        ("postgresql://me:s3cret@%2Frun%2Fpg/lake", "/run/pg", "5432", "postgresql://me@%2Frun%2Fpg:5432/lake"),
        ("postgresql://me:s3cret@/lake?host=/run/pg", "/run/pg", "5432", "postgresql://me@%2Frun%2Fpg:5432/lake"),
        ("postgresql://u%40x:s3cret@db/the%20lake", "db", "5432", "postgresql://u%40x@db:5432/the%20lake"),
        ("postgresql://db/lake", "db", "5432", "postgresql://postgres@db:5432/lake"),
        ("postgresql://:s3cret@db/lake", "db", "5432", "postgresql://postgres@db:5432/lake"),
        ("postgresql:///?service=lake&password=s3cret", "", "", "postgresql:///?service=lake"),
        ("postgresql://me:s3cret@db/lake?service=x", "db", "", "postgresql://me@db/lake"),
    ],
)
def test_a_postgres_url_is_read_in_every_form(url: str, hosts: str, ports: str, description: str) -> None:
    catalog = catalog_from_url(url)

    assert isinstance(catalog, PostgresCatalog)
    assert (catalog.description, catalog.host_local) == (description, False)
    assert (",".join(catalog.url.hosts), ",".join(catalog.url.ports)) == (hosts, ports)
    secret, attach = catalog.attach_sql(["READ_ONLY"])
    assert ("PASSWORD 's3cret'" in secret) == ("s3cret" in url)
    assert attach == "ATTACH 'ducklake:postgres:' AS lake (READ_ONLY, META_SECRET 'billstream_catalog')"
    assert "s3cret" not in f"{catalog!r} {catalog} {' '.join(catalog.connect_sql([]))}"


@pytest.mark.parametrize("text", ["a b", "it's", 'say "x"', "back\\slash", "50%", "a+b", "ü", "p/w@#?&=:[]"])
def test_every_part_and_option_is_decoded_once_and_quoted(text: str) -> None:
    coded = quote(text, safe="")
    catalog = catalog_from_url(f"postgresql://{coded}:{coded}@db/{coded}?application_name={coded}&sslrootcert={coded}")

    assert isinstance(catalog, PostgresCatalog)
    assert {catalog.url.user, catalog.url.password, catalog.url.database} == {text}
    assert catalog.url.options["application_name"] == catalog.url.options["sslrootcert"] == text
    assert catalog.attach_sql([])[0].count(literal(text)) == 5


def test_an_option_of_ours_has_a_default_and_may_be_set() -> None:
    catalog = catalog_from_url("postgresql://db/lake?keepalives_idle=5&ssl=true")
    assert isinstance(catalog, PostgresCatalog)
    assert {
        "connect_timeout": "10",
        "keepalives_idle": "5",
        "sslmode": "require",
    }.items() <= catalog.url.options.items()


def test_what_the_url_leaves_out_comes_from_the_variables_of_libpq(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGHOST": "h", "PGPORT": "1", "PGUSER": "u", "PGDATABASE": "d", "PGPASSWORD": "pass"}.items():
        monkeypatch.setenv(name, value)
    catalog = catalog_from_url("postgresql://")
    assert catalog.description == "postgresql://u@h:1/d"
    assert "PASSWORD" not in catalog.attach_sql([])[0], "libpq reads it itself"
    assert catalog_from_url("postgresql://me@db:2/lake").description == "postgresql://me@db:2/lake"


def test_connect_shows_no_password_of_the_url_or_its_options() -> None:
    catalog = catalog_from_url("postgresql://me:s3cret1@db/lake?sslpassword=s3cret2&passfile=/etc/pass&sslmode=require")
    shown = " ".join(catalog.connect_sql(["READ_ONLY"]))
    assert "s3cret" not in shown
    assert "PASSWORD '<password>'" in shown
    assert "SSLMODE 'require'" in shown


@pytest.mark.parametrize(
    "value",
    [
        "postgresql:///lake",
        "postgresql://me:s3cret@db",
        "postgresql://me:s3cret@db/",
        "postgresql://me:s3cret@db:port/lake",
        "postgresql://me:s3cret@db:1:2/lake",
        "postgresql://me:s3cret@[::1/lake",
        "postgresql://me:s3cret@a:1,b:2,c/lake?port=1,2",
        # A character of the password that should have been encoded moves its rest to another part.
        "postgresql://me:s3cret#x@db/lake",
        "postgresql://me:12#s3cret@db/lake",
        "postgresql://me:s3cret/x@db/lake",
        "postgresql://me:12/s3cret@db/lake",
        "postgresql://me:12/s3cret/x@db/lake",
        "postgresql://me:12?s3cret@db/lake",
        "postgresql://me:12?s3cret=x@db/lake",
        "postgresql://me:[s3cret@db/lake@x[",
        "postgresql://me:%s3cret@db/lake",
        "postgresql://me:s3cret%@db/lake",
        "postgresql://me:s3cret%ff@db/lake",
        "postgresql://me:s3cret%00@db/lake",
        "postgresql://me:s3cret\n@db/lake",
        "postgresql://me@db/lake?password=s3cret&foo=bar",
        "postgresql://me@db/lake?pasword=s3cret",
        "postgresql://me@db/lake?password=s3cret&x",
        "postgresql://me@db/lake?replication=s3cret",
        # Values of other tools.
        "mysql://me:s3cret@db/lake",
        "POSTGRESQL://me:s3cret@db/lake",
        "postgresql+psycopg://me:s3cret@db/lake",
        "jdbc:postgresql://db/lake?user=me&password=s3cret",
        "ducklake:postgres:dbname=x password=s3cret",
        "postgres:dbname=x password=s3cret",
        "postgresql:/me:s3cret@db/lake",
        "postgresql//me:s3cret@db/lake",
        "//me:s3cret@db/lake",
        "me:s3cret@db/lake",
        "me:s3/cret@db/lake",
        "host=db user=me password='s3cret x' dbname=lake",
        "dbname=lake password = s3cret",
        "PASSWORD=s3cret",
        "Server=db;User Id=me;Pwd=s3cret",
        "'postgresql://me:s3cret@db/lake'",
        "sqlite:///postgresql://me:s3cret@db/lake",
        "sqlite:me:s3cret",
        "file:c.sqlite?key=s3cret",
        "c.sqlite?key=s3cret",
        "s3://bucket/catalog",
    ],
)
def test_a_value_that_is_none_of_ours_is_refused_without_its_secrets(value: str) -> None:
    with pytest.raises(Fatal, match="BILLSTREAM_CATALOG") as fatal:
        catalog_from_url(value)
    assert "s3" not in str(fatal.value)
    assert fatal.value.__cause__ is None


def test_a_misspelt_option_is_named_by_the_right_one() -> None:
    with pytest.raises(Fatal, match="Did you mean `sslmode`"):
        catalog_from_url("postgresql://me:s3cret@db/lake?sslmod=require")


@pytest.mark.parametrize(("text", "expected"), [("", "''"), ("a", "'a'"), ("it's", "'it''s'"), ("'", "''''")])
def test_a_literal_ends_where_it_should(text: str, expected: str) -> None:
    assert literal(text) == expected
