"""The Dockerfile as data: its stages, and the instructions of each as they are written."""

import re
from dataclasses import dataclass, field
from pathlib import Path

DOCKERFILE = Path(__file__).resolve().parents[2] / "deploy" / "Dockerfile"


@dataclass
class Stage:
    """One stage: its name, and its instructions with their arguments, in order."""

    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)


def read_stages(text: str) -> list[Stage]:
    """Return the stages. Comments go and continued lines are joined, as the builder does it."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        name, _, arguments = line.partition(" ")
        if name == "FROM":
            stages.append(Stage(arguments.partition(" AS ")[2]))
        elif stages:  # an ARG before the first FROM names the base
            stages[-1].steps.append((name, arguments.strip()))
    return stages
