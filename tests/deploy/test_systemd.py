"""The systemd units: systemd itself reads them, and finds them locked down."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from billstream.common.settings import Settings

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
OK = 2.0  # `systemd-analyze security` calls up to 2.0 OK, and everything above at least MEDIUM
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


def run(*arguments: str | Path) -> str:
    assert ANALYZE
    done = subprocess.run([ANALYZE, *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with a program that exists, and the instance of the template."""
    for file in UNITS.iterdir():
        text = file.read_text().replace("/opt/billstream/bin/billstream", "/bin/true")
        (tmp_path / file.name.replace("@.", "@1.")).write_text(text)
    return tmp_path


@needs_systemd
def test_systemd_reads_every_unit(units: Path) -> None:
    for unit in sorted([*units.glob("*.service"), *units.glob("*.timer")]):
        said = run("verify", "--man=no", "--recursive-errors=no", unit)
        ours = [line for line in said.splitlines() if str(unit) in line or unit.name in line]
        assert ours == [], said
    broken = units / "broken.service"
    broken.write_text((units / "billstream-sweep.service").read_text().replace("ProtectHome=", "ProtectHouse="))
    assert "ProtectHouse" in run("verify", "--man=no", "--recursive-errors=no", broken)


@needs_systemd
def test_every_service_is_locked_down(units: Path) -> None:
    for unit in sorted(units.glob("*.service")):
        said = run("security", "--offline=yes", "--no-pager", unit)
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
        assert found, said
        assert float(found[1]) <= OK, said


def test_the_services_are_what_the_product_expects() -> None:
    assert [unit.name for unit in SERVICES] == [
        "billstream-aggregator.service",
        "billstream-consumer@.service",
        "billstream-maintain.service",
        "billstream-publisher@.service",
        "billstream-sweep.service",
    ]
    for unit in SERVICES:
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
        parser.read(unit)
        service = parser["Service"]
        assert service["User"] == "billstream"
        assert service["StateDirectory"] == "billstream"
        assert service["UMask"] == "0077"
        if service["Type"] == "exec":
            assert float(service["TimeoutStopSec"]) > Settings.model_fields["grace_seconds"].default
            assert service["RestartPreventExitStatus"] == "78"
