"""The pages of the documentation as a list of code blocks, each with what its page says about running it.

Words in a comment line directly above a block (`% word: value` in MyST, `<!-- word: value -->` in Markdown):

* `not run: reason`: the block cannot run in a test; the test lists it with the reason.
* `run: duckdb` or `run: psql`: who runs an SQL block; `billstream sql` where nothing is said.
* `exit: 1`: the exit code that the block ends with; 0 where nothing is said.
* `stopped at: text`: the block runs until it is stopped; the test stops it when it has logged this text.
* `output`: the block is what the block before it prints. UPDATE_DOCS=1 writes it anew.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"

RUNNABLE = frozenset({"bash", "sql", "python"})
SHOWN = frozenset({"text", "yaml", "toml", "csv", "json", "html"})
DIRECTIVE = re.compile(r"\{[\w-]+\}")

_WORD = re.compile(r"(?:% ?|<!-- )([a-z ]+?)(?:: (.*?))?(?: -->)?$")
_SERVERS = re.compile(r"^% servers: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block. `line` is the 1-based line of its fence; `first` and `last` bound its content."""

    page: Path
    line: int
    language: str
    code: str
    words: dict[str, str]

    @property
    def place(self) -> str:
        """The page and the line, for people."""
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


def pages() -> list[Path]:
    """Return every page that people read, README first."""
    return [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


def servers(page: Path) -> frozenset[str]:
    """Return the servers that the page's blocks need (`% servers: aws, postgres`)."""
    found = _SERVERS.search(page.read_text("utf-8"))
    return frozenset(found[1].split(", ")) if found else frozenset()


def blocks(page: Path) -> list[Block]:
    """Return every fenced block of a page in order."""
    text = page.read_text("utf-8")
    lines = text.split("\n")
    found = []
    for token in MarkdownIt().parse(text):
        if token.type != "fence" or token.map is None:
            continue
        start = token.map[0]
        found.append(Block(page, start + 1, token.info.strip(), token.content, _words(lines[:start])))
    return found


def with_output(block: Block, output: str) -> None:
    """Write what a block printed into its page."""
    lines = block.page.read_text("utf-8").split("\n")
    shown = block.code.rstrip("\n").split("\n") if block.code else []
    lines[block.line : block.line + len(shown)] = output.rstrip("\n").split("\n")
    block.page.write_text("\n".join(lines), "utf-8")


def _words(above: list[str]) -> dict[str, str]:
    """Read the comment lines directly above a fence, from the nearest upwards."""
    words: dict[str, str] = {}
    for line in reversed(above):
        match = _WORD.match(line.strip())
        if line.strip() and not match:
            break
        if match:
            words[match[1]] = match[2] or ""
    return words
