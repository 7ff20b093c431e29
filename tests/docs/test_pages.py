"""Every command and every query of the documentation runs, or its page says why it cannot."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.docs.pages import REPOSITORY, RUNNABLE, SHOWN, Block, blocks, pages, servers, with_output
from tests.docs.session import Session
from tests.servers.aws import aws_environment
from tests.servers.ministack import running_emulator
from tests.servers.postgres import USER, running_postgres

pytestmark = pytest.mark.slow

UPDATE = "UPDATE_DOCS" in os.environ
BLOCKS = [block for page in pages() for block in blocks(page)]
NOT_RUN = [block for block in BLOCKS if "not run" in block.words]
WITH_COMMANDS = [page for page in pages() if any(block.language in RUNNABLE for block in blocks(page))]


def name_of(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def place_of(block: Block) -> str:
    return block.place


@pytest.fixture
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    """A reader's folder, with the servers that the page needs."""
    needed = servers(request.getfixturevalue("page"))
    environment: dict[str, str] = {}
    replacements: dict[str, str] = {}
    made = Session(tmp_path, environment, replacements)
    with ExitStack() as stack:
        if "aws" in needed:
            aws = stack.enter_context(aws_environment("ministack", stack.enter_context(running_emulator())))
            environment |= aws.environment()
            replacements |= {"my-billing-bucket": aws.bucket, "my-lake-bucket": aws.new_bucket()}
            endpoint = aws.endpoint_url.removeprefix("http://")
            local = f"ENDPOINT '{endpoint}', URL_STYLE 'path', USE_SSL false"
            replacements["REGION 'eu-central-1'"] = f"REGION '{aws.region}', {local}"
            replacements["KEY_ID 'AKIA…', SECRET '…'"] = f"KEY_ID '{aws.access_key}', SECRET '{aws.secret_key}'"
        if "postgres" in needed:
            server = stack.enter_context(running_postgres())
            url = server.create_database()
            made.postgres, made.database = server, url.rpartition("/")[2]
            address = url.removeprefix(f"postgresql://{USER}:").rpartition("/")[0]
            password, _, host_and_port = address.partition("@")
            replacements |= {
                "billstream:secret@db.internal:5432/billstream": url.removeprefix("postgresql://"),
                "HOST 'db.internal', PORT 5432": f"HOST '127.0.0.1', PORT {host_and_port.partition(':')[2]}",
                "DATABASE 'billstream'": f"DATABASE '{made.database}'",
                "DATABASE billstream": f"DATABASE {made.database}",
                "PASSWORD 'secret'": f"PASSWORD '{password}'",
            }
        yield made


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_every_block_of_a_page_runs(page: Path, session: Session) -> None:
    printed = ""
    changed: list[tuple[Block, str]] = []
    for block in blocks(page):
        if "output" in block.words:
            if block.code.rstrip() != printed:
                changed.append((block, printed))
        elif block.language in RUNNABLE and "not run" not in block.words:
            printed = clean(session.run(block))
    if UPDATE:
        for block, output in reversed(changed):  # from the end, so that lines keep their numbers
            with_output(block, output)
    else:
        differing = [f"{block.place} shows\n{block.code}\nbut is\n{output}" for block, output in changed]
        assert differing == [], "UPDATE_DOCS=1 writes these outputs anew"


def clean(output: str) -> str:
    return "\n".join(line.rstrip() for line in output.rstrip().splitlines())


@pytest.mark.parametrize("block", NOT_RUN, ids=place_of)
def test_a_block_that_cannot_run_is_listed(block: Block) -> None:
    assert block.words["not run"], f"{block.place} says no reason"
    pytest.skip(f"{block.place} is not run: {block.words['not run']}")


def test_no_block_is_left_out_without_a_word() -> None:
    unknown = [
        block.place for block in BLOCKS if block.language not in RUNNABLE | SHOWN and not block.language.startswith("{")
    ]
    assert unknown == [], "a block is run (bash, sql, python) or shown (text, toml, csv, json)"


def test_the_words_above_blocks_are_known() -> None:
    known = {"not run", "run", "exit", "stopped at", "output"}
    unknown = [(block.place, word) for block in BLOCKS for word in block.words if word not in known]
    assert [found for found in unknown if not found[1].startswith("servers")] == []
