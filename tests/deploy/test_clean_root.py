"""The Dockerfile's steps make an image that works, in a clean root without a container engine."""

import json
import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.clean_root import ASK

# More than a minute of computing comes before the first test, and a busy machine has no minute to give.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2700)]

REPOSITORY = Path(__file__).resolve().parents[2]
# Processes of its own, too: whatever is left ends with it.
NAMESPACE = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
USER = [] if os.geteuid() == 0 else ["--user", "--map-root-user", "--map-auto"]
PROBE = """
mount -t tmpfs -o mode=0755 space "$1" && cd "$1" && mkdir upper work root &&
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" root &&
mount -t proc proc root/proc && touch root/etc/passwd && chroot --userspec=10001:10001 root true
"""
OFFLINE = re.compile("NewConnectionError|NameResolutionError|Network is unreachable|ProxyError")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `docker build` would be given: the repository without what `.dockerignore` names."""
    patterns = (REPOSITORY / ".dockerignore").read_text().split()

    def ignored(folder: str, names: list[str]) -> list[str]:
        below = Path(folder).relative_to(REPOSITORY)
        return [name for name in names if any(_matches(below / name, pattern) for pattern in patterns)]

    target = tmp_path_factory.mktemp("context")
    shutil.copytree(REPOSITORY, target, ignore=ignored, dirs_exist_ok=True, symlinks=True)
    return target


def _matches(path: Path, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatchcase(path.name, pattern.removeprefix("**/"))
    return fnmatchcase(str(path), pattern)


@pytest.fixture(scope="module")
def said(context: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the commands said in the image."""
    space = tmp_path_factory.mktemp("space")
    try:
        probe = [*NAMESPACE, *USER, "sh", "-c", PROBE, "probe", str(space)]
        probed = subprocess.run(probe, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if probed.returncode:
        pytest.skip(f"no overlay in a namespace here: {probed.stderr.strip()}")
    interpreter = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    program = [str(interpreter), "-P", "-m", "tests.deploy.clean_root", str(context), str(space)]
    done = subprocess.run(
        [*NAMESPACE, *USER, *program],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and OFFLINE.search(done.stdout + done.stderr):
        pytest.skip("the packages of the lock are not to be had here")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def out(said: dict[str, Any], command: str) -> str:
    one = said[command]
    assert one["code"] == 0, one
    text: str = one["out"]
    return text


def test_the_product_works_in_the_image(said: dict[str, Any]) -> None:
    version = re.search(r'^version = "(.+)"', (REPOSITORY / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert version[1] in out(said, "billstream --version")
    assert "lake at" in out(said, "billstream init")
    out(said, "billstream load /tmp/bill.csv")
    told = out(said, "billstream sql SELECT sum(billed_cost) AS cost FROM charges --format csv")
    assert float(told.split()[-1]) == 5


def test_a_service_answers_and_one_off_commands_beside_it_do_not_listen(said: dict[str, Any]) -> None:
    (asked,) = [command for command in said if command.startswith("python -c")]
    out(said, asked)
    out(said, "billstream status")
    out(said, "billstream aggregate --once")
    assert said["service"]["code"] == 0, said["service"]
    assert "refresh" in said["service"]["err"]
    check = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["x-health"]["test"]
    assert check == ["CMD", "python", "-c", ASK.format(port=9464)]


def test_only_home_and_tmp_can_be_written(said: dict[str, Any]) -> None:
    assert out(said, "id -un") == "billstream\n"
    for path in ("/written", "/opt/billstream/written"):
        assert "Read-only file system" in said[f"touch {path}"]["err"]
    for path in ("/var/lib/billstream/written", "/tmp/written"):  # noqa: S108 - of the image
        out(said, f"touch {path}")
    assert json.loads(out(said, "cat /opt/billstream/sbom.cdx.json"))["bomFormat"] == "CycloneDX"
