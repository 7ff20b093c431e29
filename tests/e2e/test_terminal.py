"""What people see on a terminal of 80 columns, and what a pipe gets."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios

import pytest

from tests.e2e.commands import Billstream

LINES, COLUMNS = 40, 80
BILL = """date,user,service,credits,cost,currency
2026-01-02,ada@example.com,Search,1.5,0.30,CHF
2026-01-03,bob@example.com,Search,2.5,0.50,CHF
2026-01-04,bob@example.com,Search,x,0.50,CHF
"""


@pytest.fixture(scope="module")
def billstream(tmp_path_factory: pytest.TempPathFactory) -> Billstream:
    """A lake with a file that has a bad record, and one that cannot be read and has a long name."""
    folder = tmp_path_factory.mktemp("terminal")
    made = Billstream(folder / "home")
    (folder / "bill.csv").write_text(BILL)
    (folder / f"{'broken_' * 20}.csv").write_bytes(b"\x00\x01")
    made.run("load", str(folder), expect=1)
    return made


def on_terminal(billstream: Billstream, *arguments: str) -> list[str]:
    """Run a command on a terminal of 80 columns; the lines that it wrote, without their colours."""
    pid, terminal = pty.fork()
    if pid == 0:
        command = [sys.executable, "-m", "billstream.cli.main", *arguments]
        os.execve(sys.executable, command, billstream.env())  # noqa: S606 - no shell is the point
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    written = b""
    try:
        while chunk := os.read(terminal, 65536):
            written += chunk
    except OSError:  # the other end is closed: the command has ended
        pass
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    text = re.sub(r"\x1b\[[0-9;]*m", "", written.decode())
    assert os.waitstatus_to_exitcode(status) == 0, text
    return text.replace("\r\n", "\n").splitlines()


def test_one_wide_row_is_one_value_a_line(billstream: Billstream) -> None:
    lines = on_terminal(billstream, "sql", "SELECT * FROM charges WHERE x_user_id LIKE 'ada%' LIMIT 1")
    values = dict(line.split(maxsplit=1) for line in lines if len(line.split(maxsplit=1)) == 2)
    assert values["x_user_id"].strip() == "ada@example.com"
    assert values["billed_cost"].strip() == "0.3"
    assert max(map(len, lines)) <= COLUMNS


def test_columns_of_several_wide_rows_are_elided_in_the_middle_and_counted(billstream: Billstream) -> None:
    lines = on_terminal(billstream, "sql", "SELECT * FROM charges ORDER BY charge_period_start")
    assert "load_id" in "".join(lines)
    assert "2026-01-02T00:00" in "".join(lines)
    assert "…" in "".join(lines)
    assert re.fullmatch(r"\d+ columns \(3 shown\)", lines[-1])
    assert max(map(len, lines)) <= COLUMNS


def test_a_result_that_fits_is_shown_whole(billstream: Billstream) -> None:
    lines = on_terminal(billstream, "sql", "SELECT x_user_id, billed_cost FROM charges ORDER BY ALL")
    assert [line.split() for line in lines if "@" in line] == [
        ["│", "ada@example.com", "│", "0.3", "│"],
        ["│", "bob@example.com", "│", "0.5", "│"],
    ]


def test_the_quarantine_is_readable(billstream: Billstream) -> None:
    lines = on_terminal(billstream, "quarantine", "list")
    assert "  1 of 3 records do not fit; the others are loaded." in lines
    assert any(
        re.fullmatch(r"  loaded \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, 2 rows loaded, 1 rejected", x) for x in lines
    )
    assert lines[-1].startswith("2 entries.")


def test_the_profiles_are_readable(billstream: Billstream) -> None:
    lines = on_terminal(billstream, "profile", "list")
    assert any(line.split() == ["focus", "FOCUS", "1.0", "cost", "and", "usage"] for line in lines)
    assert max(map(len, lines)) <= COLUMNS


def test_in_a_pipe_a_record_is_one_line(billstream: Billstream) -> None:
    quarantined = billstream.run("quarantine", "list").splitlines()
    assert len(quarantined) == 1 + 2
    profiles = billstream.run("profile", "list").splitlines()
    assert profiles[0].split()[:2] == ["profile", "title"]
    names = [line.split()[0] for line in profiles[1:]]
    assert len(names) == len(set(names))
    assert "focus" in names
