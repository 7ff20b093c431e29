"""The FinOps Foundation's own validator, in an environment of its own: it judges files by the rules of FOCUS 1.2."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = REPOSITORY / ".venv-focus" / "bin" / "python"
MISSING = "no FOCUS validator: `make setup-focus` makes .venv-focus, and needs Python 3.12"
SECONDS = 300

_SUMMARY = re.compile(r"Total: (\d+) \| Pass: (\d+) \| Fail: (\d+) \| Skipped: (\d+)")
_FAILURE = re.compile(r"^\S* ?([A-Za-z]+-[A-Z]-\d+-[A-Z]): FAIL\b", re.MULTILINE)


@dataclass(frozen=True)
class Verdict:
    """The number of rules that hold, and the ids of those that do not."""

    passed: int
    failures: frozenset[str]


def installed() -> bool:
    return PYTHON.exists()


def judged(path: Path) -> Verdict:
    """The verdict on a file. The validator ends with 0 when rules fail, so its words count."""
    # It finds its list of currencies below the folder that it is installed in, and there alone.
    [packages] = PYTHON.parents[1].glob("lib/python3.*/site-packages")
    done = subprocess.run(
        [PYTHON, "-m", "focus_validator.main", "--data-file", path, "--validate-version", "1.2", "--block-download"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=packages,
        check=False,
    )
    summary = _SUMMARY.search(done.stdout)
    assert done.returncode == 0, done.stderr
    assert summary, done.stdout
    failures = frozenset(_FAILURE.findall(done.stdout))
    assert len(failures) == int(summary[3]), done.stdout
    return Verdict(int(summary[2]), failures)
