"""Which catalog a setting names, and that its password shows nowhere."""

from pathlib import Path

import pytest

from billstream.common.errors import Fatal
from billstream.common.lake.catalog import PostgresCatalog, SqliteCatalog, catalog_from_url, literal


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("var/catalog.sqlite", "var/catalog.sqlite"),
        ("/srv/it's here/c.db", "/srv/it's here/c.db"),
        ("sqlite:///var/c.db", "var/c.db"),
        ("sqlite:////srv/c.db", "/srv/c.db"),
    ],
)
def test_a_path_is_an_sqlite_catalog(url: str, path: str) -> None:
    catalog = catalog_from_url(url)
    assert catalog == SqliteCatalog(Path(path))
    assert (catalog.description, catalog.host_local) == (path, True)


def test_a_postgres_url_is_read_with_all_its_parts() -> None:
    catalog = catalog_from_url("postgres://us%40er:p%2Fw%27d@db.example:6543/the%20lake?sslmode=require")
    assert isinstance(catalog, PostgresCatalog)
    assert (catalog.user, catalog.password) == ("us@er", "p/w'd")
    assert (catalog.host, catalog.port, catalog.database) == ("db.example", 6543, "the lake")
    assert {"connect_timeout": "10", "sslmode": "require"}.items() <= dict(catalog.options).items()
    assert not catalog.host_local


def test_a_postgres_url_has_defaults() -> None:
    catalog = catalog_from_url("postgresql://db/lake")
    assert catalog.description == "postgresql://postgres@db:5432/lake"


def test_a_socket_can_be_named_as_an_option() -> None:
    catalog = catalog_from_url("postgresql://me@/lake?host=/run/postgresql")
    assert isinstance(catalog, PostgresCatalog)
    assert catalog.host == "/run/postgresql"
    assert "host" not in dict(catalog.options)


def test_the_password_shows_in_nothing_but_the_secret() -> None:
    catalog = catalog_from_url("postgresql://me:pass'word@db/lake")
    assert "pass" not in f"{catalog!r} {catalog} {catalog.description}"
    secret, attach = catalog.attach_sql(["READ_ONLY"])
    assert "PASSWORD 'pass''word'" in secret
    assert "pass" not in attach
    assert "READ_ONLY" in attach


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///lake",
        "postgresql://me:s3cret@db",
        "postgresql://me:s3cret@db/",
        "postgresql://me:s3cret@db:port/lake",
        "mysql://me:s3cret@db/lake",
        "s3://bucket/catalog",
    ],
)
def test_a_url_that_is_none_of_ours_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(Fatal, match="BILLSTREAM_CATALOG") as fatal:
        catalog_from_url(url)
    assert "s3cret" not in str(fatal.value)


@pytest.mark.parametrize(("text", "expected"), [("", "''"), ("a", "'a'"), ("it's", "'it''s'"), ("'", "''''")])
def test_a_literal_ends_where_it_should(text: str, expected: str) -> None:
    assert literal(text) == expected
