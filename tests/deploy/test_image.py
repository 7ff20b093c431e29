"""The parts of the image that need no container engine: what is removed from it, its bill of materials, its steps."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGE = REPOSITORY / "deploy" / "image"
DOCKERFILE = (REPOSITORY / "deploy" / "Dockerfile").read_text()
LOCK = REPOSITORY / "requirements" / "runtime.txt"
CSV = "date,user,service,region,cost,currency\n2026-03-01,u,s,r,5,USD\n"
LEAST_SAVED = 80_000_000
CLIENTS = "import boto3; [boto3.client(s, region_name='eu-west-1') for s in ('s3', 'sqs', 'sns', 'sts', 'cloudwatch')]"


def script(name: str) -> ModuleType:
    spec = spec_from_file_location(name, IMAGE / f"{name}.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def locked() -> dict[str, str]:
    """The packages of the lock that this environment has, by name."""
    names = re.findall(r"^([A-Za-z0-9._-]+)==", LOCK.read_text(), re.MULTILINE)
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # of another platform
            continue
    return found


def linked(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of the lock alone, as the image has them, in hard links."""
    folder = tmp_path_factory.mktemp("image") / "site-packages"
    for name in locked():
        for file in importlib.metadata.files(name) or ():
            source = Path(str(file.locate()))
            if ".." not in file.parts and source.is_file() and "__pycache__" not in file.parts:
                linked(source, folder / file)
    return folder


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_every_command_works_without_what_is_removed(site: Path, tmp_path: Path) -> None:
    before = size(site)
    removed = script("slim").slim(site)
    assert size(site) == before - removed
    assert removed > LEAST_SAVED, f"only {removed} of {before} bytes"

    (tmp_path / "bill.csv").write_text(CSV)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{site}:{REPOSITORY}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "BILLSTREAM_HOME": str(tmp_path / "home"),
    }

    def python(*arguments: str) -> str:
        # -S: no packages but those of the image.
        done = subprocess.run(
            [sys.executable, "-S", *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    python("-c", CLIENTS)
    for command in (["load", "bill.csv"], ["aggregate", "--once"]):
        python("-m", "billstream.cli.main", *command)
    assert "5" in python("-m", "billstream.cli.main", "sql", "SELECT sum(billed_cost) FROM charges", "--format", "csv")
    assert (tmp_path / "home" / "insights" / "dashboard.html").is_file()


def test_what_is_removed_is_there(site: Path) -> None:
    """A pattern that finds nothing would be a mistake, or a package that has changed."""
    slim = script("slim")
    untouched = Path(str(importlib.metadata.distribution("pyarrow").locate_file("")))
    empty = [pattern for pattern in slim.PATTERNS if not any(True for _ in untouched.glob(pattern))]
    assert set(empty) <= {"numpy/**/*.a"}
    assert {folder.name for folder in (site / "botocore" / "data").iterdir() if folder.is_dir()} <= slim.SERVICES
    assert {folder.name for folder in (untouched / "botocore" / "data").iterdir()} >= slim.SERVICES


def test_another_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "pip").mkdir()
    done = subprocess.run([sys.executable, IMAGE / "slim.py", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Nothing was removed" in done.stderr
    assert (tmp_path / "pip").is_dir()


def test_the_bill_of_materials_names_every_package_of_the_lock() -> None:
    sbom = script("sbom")
    bill = sbom.bill(LOCK.read_text(), "billstream", "0.2.0")
    assert json.dumps(bill) == json.dumps(sbom.bill(LOCK.read_text(), "billstream", "0.2.0"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])
    named = {one["name"]: one for one in bill["components"]}
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in locked()} <= set(named)
    assert len(bill["components"]) == len(re.findall(r"^\S+==", LOCK.read_text(), re.MULTILINE))
    for one in bill["components"]:
        assert one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}"
        assert any(it["name"] == "billstream:lock:sha256" for it in one["properties"]), one["name"]
    hashes = sum(it["name"] == "billstream:lock:sha256" for one in bill["components"] for it in one["properties"])
    assert hashes == LOCK.read_text().count("--hash=sha256:")
    with pytest.raises(ValueError, match="not a line of a lock"):
        sbom.bill("duckdb>=1\n", "billstream", "0.2.0")


def test_the_steps_of_the_image_are_valid_shell_and_their_files_are_there() -> None:
    steps = re.findall(r"^RUN (.+?)$", DOCKERFILE.replace("\\\n", " "), re.MULTILINE)
    assert len(steps) == 5
    for step in steps:
        subprocess.run(["/bin/sh", "-n", "-c", step], check=True)
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for source in sources.split():
            assert (REPOSITORY / source).exists(), source
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert not {"deploy", "deploy/image", "requirements"} & set(ignored)


def test_the_image_says_what_it_is() -> None:
    final_stage = DOCKERFILE.rpartition("FROM ")[2]
    for label in ("title", "description", "licenses", "version", "revision", "created"):
        assert f"org.opencontainers.image.{label}=" in final_stage
    assert "--platform linux/amd64,linux/arm64" in DOCKERFILE
    assert "ARG BASE_IMAGE=" in DOCKERFILE.partition("FROM ")[0], "a digest can be given, and holds for both stages"
