"""The steps of the Dockerfile, run without a container engine: each stage in an overlay of this machine's root.

Run as a program inside a mount namespace of its own, where it is root. It prints one JSON object: what each command
said that was run in the result, as the image's user on a read-only root. All that is written is in a tmpfs, which goes
with the namespace. The base is this machine with the Python that runs the program; its pip settings pass through.
"""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from tests.deploy.dockerfile import DOCKERFILE, read_stages

ABSENT = ("/opt/billstream", "/src", "/var/lib/billstream")
BASE_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
PASSED = ("PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
BILL = "date,user,service,region,cost,currency\n2026-03-01,u,s,r,5,USD\n"
HEALTH_SECONDS = 600  # far more than it takes
# The health check of docker-compose.yml, which a test keeps the same, at another port.
ASK = "import urllib.request as r; r.urlopen('http://127.0.0.1:{port}/healthz', timeout=4)"


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)  # noqa: S607 - of the system


@dataclass
class Root:
    """One stage under construction: a root file system with the settings that its instructions have made."""

    path: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": BASE_PATH, "HOME": "/root"})
    arguments: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)

    def inside(self, path: str) -> Path:
        """Where a path of the image is, seen from outside."""
        return self.path / Path(self.folder, path).relative_to("/")

    def note(self, name: str, said: str) -> None:
        """Take an instruction that runs nothing: the later ones follow it."""
        match name:
            case "ARG":
                key, _, value = said.partition("=")
                self.arguments[key] = value
            case "ENV":
                for word in shlex.split(said):
                    key, _, value = word.partition("=")
                    self.environment[key] = Template(value).substitute(self.arguments | self.environment)
            case "WORKDIR":
                self.folder = said
                self.inside(".").mkdir(parents=True, exist_ok=True)
            case "USER":
                self.user = said
            case "ENTRYPOINT":
                self.entrypoint = json.loads(said)
            case _:
                assert name in {"LABEL", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK"}, name

    def command(self, *command: str, **more: str) -> list[str]:
        """The words that run a command inside, with the environment and the user of the image and nothing else."""
        said = [f"{name}={value}" for name, value in (self.environment | more).items()]
        return ["chroot", f"--userspec={self.user}", str(self.path), "env", "-i", "-C", self.folder, *said, *command]


def new_root(space: Path, name: str) -> Root:
    """Lay an overlay over `/`, with devices and processes, an empty `/tmp`, the base's `python`, and no billstream."""
    upper, work, root = (space / name / part for part in ("upper", "work", "root"))
    for folder in (upper, work, root):
        folder.mkdir(parents=True)
    mount("-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", root)
    mount("--rbind", "/dev", root / "dev")
    mount("-t", "proc", "proc", root / "proc")
    mount("-t", "tmpfs", "-o", "mode=1777", "tmp", root / "tmp")
    for path in ABSENT:
        shutil.rmtree(root / path.lstrip("/"), ignore_errors=True)
    interpreter = Path(sys.executable).resolve()
    for folder in interpreter.relative_to("/").parents:  # it may be in a home: everybody may pass, in this overlay
        (root / folder).chmod((root / folder).stat().st_mode | 0o111)
    python = root / "usr/local/bin/python"
    python.unlink(missing_ok=True)
    python.write_text(f'#!/bin/sh\nexec {interpreter} "$@"\n')
    python.chmod(0o755)
    return Root(root)


def copy(arguments: str, root: Root, context: Path, stages: dict[str, Root]) -> None:
    """COPY: files into a folder, or what is in a folder into another."""
    words = shlex.split(arguments)
    if words[0].startswith("--from="):
        context = stages[words.pop(0).removeprefix("--from=")].path
    *sources, target = words
    into = root.inside(target)
    into.mkdir(parents=True, exist_ok=True)
    for source in sources:
        origin = context / source.lstrip("/")
        what = f"{origin}/." if origin.is_dir() else str(origin)
        subprocess.run(["cp", "-a", what, str(into)], check=True)  # noqa: S607 - of the system


def build(context: Path, space: Path) -> Root:
    """Do every instruction of every stage; return the last root. Ends the program where a step fails."""
    stages: dict[str, Root] = {}
    passed = {name: value for name, value in os.environ.items() if name.upper().startswith(PASSED)}
    for number, stage in enumerate(read_stages(DOCKERFILE.read_text())):
        root = stages[stage.name] = new_root(space, str(number))
        for name, said in stage.steps:
            if name == "COPY":
                copy(said, root, context, stages)
            elif name == "RUN":
                words = root.command("/bin/sh", "-c", said, **passed, **root.arguments)
                if code := subprocess.run(words, check=False).returncode:
                    sys.exit(f"This step ended with {code}: RUN {said}")
            else:
                root.note(name, said)
    return root


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@dataclass
class Trial:
    """Commands in the finished root, and what they said."""

    root: Root
    port: int = field(default_factory=free_port)
    said: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def address(self) -> dict[str, str]:
        return {"BILLSTREAM_METRICS_ADDRESS": f"127.0.0.1:{self.port}"}

    def run(self, *command: str) -> int:
        words = self.root.command(*command, **self.address)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        self.said[" ".join(command)] = {"code": done.returncode, "out": done.stdout, "err": done.stderr}
        return done.returncode

    def billstream(self, *arguments: str) -> None:
        self.run(*self.root.entrypoint, *arguments)

    @contextmanager
    def service(self, *arguments: str) -> Iterator[None]:
        """Run a service for the length of the block, from its first answer on."""
        words = self.root.command(*self.root.entrypoint, *arguments, **self.address)
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            over = time.monotonic() + HEALTH_SECONDS
            asked = ("python", "-c", ASK.format(port=self.port))
            while self.run(*asked) and process.poll() is None and time.monotonic() < over:
                time.sleep(0.5)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=HEALTH_SECONDS)
            self.said["service"] = {"code": process.returncode, "out": "", "err": log}


def try_out(root: Root) -> dict[str, dict[str, Any]]:
    """Run the product in it, with its home and `/tmp` as the only places to write to."""
    home = root.environment["BILLSTREAM_HOME"]
    mount("--bind", root.inside(home), root.inside(home))  # the volume
    mount("-o", "remount,bind,ro", root.path)
    (root.path / "tmp" / "bill.csv").write_text(BILL)
    trial = Trial(root)
    for path in ("/written", "/opt/billstream/written", f"{home}/written", "/tmp/written"):  # noqa: S108 - inside
        trial.run("touch", path)
    trial.run("id", "-un")
    trial.run("cat", "/opt/billstream/sbom.cdx.json")
    trial.billstream("--version")
    trial.billstream("init")
    trial.billstream("load", "/tmp/bill.csv")  # noqa: S108 - inside
    with trial.service("aggregate"):
        # The image names the address for every command: one that is no service leaves it to the service.
        trial.billstream("status")
        trial.billstream("aggregate", "--once")
        trial.billstream("sql", "SELECT sum(billed_cost) AS cost FROM charges", "--format", "csv")
    return trial.said


if __name__ == "__main__":
    context, space = map(Path, sys.argv[1:])
    mount("-t", "tmpfs", "-o", "mode=0755", "space", space)
    sys.stdout.write(json.dumps(try_out(build(context, space))))
