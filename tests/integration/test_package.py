"""What a wheel installs is one package, `billstream`, and no other package's `common` can stand in for a part of it."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.billing import billing_file

REPOSITORY = Path(__file__).resolve().parents[2]
ROOMS = sorted(path.name for path in (REPOSITORY / "billstream").iterdir() if path.is_symlink())
SECONDS = 600  # far more than any of these commands takes
HOSTILE = "raise RuntimeError('another package was imported in place of ours')\n"


def copied_as_the_image_does(target: Path) -> Path:
    """The files that the image is built from, by the COPY lines of its Dockerfile. COPY keeps links as links."""
    for line in (REPOSITORY / "deploy" / "Dockerfile").read_text().splitlines():
        words = line.split()
        if not words or words[0] != "COPY" or words[1].startswith(("--", "requirements")):
            continue
        *names, place = words[1:]
        for name in names:
            source = REPOSITORY / name
            if source.is_dir():
                unwanted = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, target / place, symlinks=True, ignore=unwanted)
            else:
                shutil.copy(source, target / place / source.name)
    return target


def build(source: Path, kind: str, into: Path) -> Path:
    """Build with the pinned setuptools of this environment: nothing is fetched."""
    code = f"import sys; from setuptools import build_meta; print(build_meta.build_{kind}(sys.argv[1]))"
    workplace = shutil.copytree(source, into / f"source-of-{kind}", symlinks=True)  # setuptools leaves files in it
    done = subprocess.run(
        [sys.executable, "-c", code, str(into)],
        cwd=workplace,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return into / done.stdout.splitlines()[-1]


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied_as_the_image_does(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(source, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's files, as `pip install --target` leaves them."""
    target = tmp_path_factory.mktemp("installed")
    shutil.unpack_archive(wheel, target, "zip")
    return target


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder whose packages have the names of our rooms, and fail when they are imported."""
    for name in ROOMS:
        (tmp_path / "hostile" / name).mkdir(parents=True)
        (tmp_path / "hostile" / name / "__init__.py").write_text(HOSTILE)
    return tmp_path / "hostile"


def test_the_wheel_has_one_package_with_all_that_it_reads(wheel: Path) -> None:
    files = contents(wheel)
    (top_level,) = [text for name, text in files.items() if name.endswith(".dist-info/top_level.txt")]
    assert top_level.decode().split() == ["billstream"]
    assert {name.split("/")[0] for name in files} == {"billstream", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}
    tracked = {
        f"billstream/{path.relative_to(REPOSITORY)}"
        for room in ROOMS
        for path in (REPOSITORY / room).rglob("*")
        if path.suffix in {".py", ".sql", ".toml", ".j2", ".css", ".json"}
    }
    assert {Path(name).suffix for name in tracked} >= {".py", ".sql", ".toml", ".j2", ".css"}
    assert tracked - files.keys() == set()
    assert "billstream/py.typed" in files
    assert {name for name in files if Path(name).suffix == ".py"} - tracked == {
        "billstream/__init__.py",
        "billstream/public.py",
    }


def test_the_source_distribution_builds_the_same_wheel(source: Path, wheel: Path, tmp_path: Path) -> None:
    archive = build(source, "sdist", tmp_path)
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "unpacked", filter="data")
    (tmp_path / "again").mkdir()
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    again = build(unpacked, "wheel", tmp_path / "again")
    assert contents(again) == contents(wheel)


def test_the_wheel_takes_nothing_from_another_package_of_the_same_name(
    installed: Path, hostile: Path, tmp_path: Path
) -> None:
    bill = billing_file("bill.csv", seed=1)
    (hostile / "bill.csv").write_bytes(bill.body)
    console = tmp_path / "billstream"  # as pip writes the console command
    console.write_text("import sys\nfrom billstream.cli.main import run\nsys.exit(run())\n")
    home = str(tmp_path / "home")

    def run(*command: str) -> str:
        return outside(command, installed, hostile, BILLSTREAM_HOME=home)

    assert run(str(console), "init").startswith("lake at ")
    assert "loaded" in run(str(console), "load", "bill.csv")
    counted = run("-m", "billstream.cli.main", "sql", "SELECT count(*) AS n FROM charges", "--format", "json")
    assert f'"n": {len(bill.rows)}' in counted or f'"n":{len(bill.rows)}' in counted
    assert run(str(console), "--version") == f"billstream {version_of(installed)}\n"
    told = run("-c", "import billstream; print(billstream.__file__, billstream.__version__)")
    assert told.split() == [str(installed / "billstream" / "__init__.py"), version_of(installed)]


def test_a_source_tree_that_is_not_installed_says_so_of_its_version(source: Path, hostile: Path) -> None:
    told = outside(["-c", "import billstream; print(billstream.__version__)"], source, hostile)
    assert told.strip() == "0+unknown"


def version_of(installed: Path) -> str:
    (metadata,) = installed.glob("billstream-*.dist-info")
    return metadata.name.removesuffix(".dist-info").removeprefix("billstream-")


def outside(command: Sequence[str], ours: Path, hostile: Path, **environment: str) -> str:
    """Run Python in the hostile folder, with it first on the path, `ours`, and the dependencies of this environment.

    The dependencies come without their `.pth` files (`-S`), hence without the editable install of the repository.
    """
    packages = dependencies(hostile.parent / "dependencies")
    done = subprocess.run(
        [sys.executable, "-S", *command],
        cwd=hostile,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, (hostile, ours, packages))),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dependencies(folder: Path) -> Path:
    """Links to everything that is installed in this environment but billstream itself."""
    if not folder.exists():
        folder.mkdir()
        for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
            if "billstream" not in path.name:
                (folder / path.name).symlink_to(path)
    return folder
