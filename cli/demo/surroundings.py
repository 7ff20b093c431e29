"""The environment of a demo: no variable that happens to be set around it may leak in.

A laptop's environment may name a real catalog, a real bucket and real credentials. The demo touches none of them.
"""

import os
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from billstream.common.aws import DEFAULT_REGION

SETTINGS = {
    "BILLSTREAM_POLL_SECONDS": "1",
    "BILLSTREAM_BATCH_SECONDS": "0.5",
    "BILLSTREAM_AGGREGATE_SECONDS": "1",
    "BILLSTREAM_LOG_FORMAT": "json",
    "BILLSTREAM_TAG_KEYS": "team,environment",
    # Whatever the reader uploads: a full quarantine to look at is better than a stopped consumer.
    "BILLSTREAM_BREAKER_CONSECUTIVE": "0",
    "BILLSTREAM_BREAKER_SHARE": "1",
}
BUDGETS = """\
# The budgets of the demo; the first will break. `billstream budgets check` shows them.
[[budget]]
name = "nimbus"
owner = "platform@example.com"
currency = "USD"
amount = "30000"
where = { provider_name = ["Nimbus Cloud"] }
alerts = [ { at = 0.8, of = "actual" }, { at = 1.0, of = "forecast" } ]

[[budget]]
name = "hosting in euros"
owner = "shops@example.com"
currency = "EUR"
amount = "60000"
alerts = [ { at = 1.0, of = "forecast" } ]
"""

_FOREIGN_PREFIXES = ("AWS_", "BILLSTREAM_")
_FOREIGN = {"USE_LOCALSTACK", "LOCALSTACK_HOST", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}


@contextmanager
def surroundings(folder: Path, endpoint_url: str) -> Iterator[None]:
    """Point the environment of this process and its children at the demo alone, for the length of the block."""
    before = dict(os.environ)
    _become({name: value for name, value in before.items() if not _foreign(name)} | _environment(folder, endpoint_url))
    try:
        yield
    finally:
        _become(before)


def access(endpoint_url: str) -> dict[str, str]:
    """Return the variables with which the AWS CLI or an SDK reaches the emulator; it accepts any credentials."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": DEFAULT_REGION,
        "AWS_DEFAULT_REGION": DEFAULT_REGION,
    }


def _environment(folder: Path, endpoint_url: str) -> dict[str, str]:
    return {
        **SETTINGS,
        **access(endpoint_url),
        **dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull),
        "AWS_EC2_METADATA_DISABLED": "true",
        "BILLSTREAM_HOME": str(folder),
        "BILLSTREAM_BUDGETS": str(_written(folder / "budgets.toml", BUDGETS)),
        "PYTHONPATH": _python_path(),
    }


def _written(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def _foreign(name: str) -> bool:
    return name.startswith(_FOREIGN_PREFIXES) or name.upper() in _FOREIGN


def _become(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _python_path() -> str:
    """Return the path on which a child finds this very code, also when it is not installed."""
    root = str(Path(__file__).resolve().parents[2])
    installed = root in sysconfig.get_paths().values()
    return os.pathsep.join(path for path in (os.environ.get("PYTHONPATH"), None if installed else root) if path)
