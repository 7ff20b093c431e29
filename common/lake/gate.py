"""The gate for SQL that a user writes: one SELECT of the lake, decided on its parsed tree by lists of what is allowed.

DuckDB's own parser makes the tree, so quotes, comments, case, prefixes and common table expressions hide nothing. What
the tree may contain is in `gate.toml`; anything else is refused before DuckDB binds it, because binding
alone already opens files and connections. The lake's views are judged by the same rule when they are named. A
connection that only reads is sealed besides (`engine.seal`).
"""

import json
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import duckdb

from billstream.common.errors import Fatal
from billstream.common.lake.catalog import METADATA
from billstream.common.statements import statement

Node = dict[str, Any]
Scope = frozenset[str]
"""The names of the common table expressions that are visible at a place of the tree."""

_SHOWN = frozenset({'"tables"', '"schemas"', '"databases"', "__show_tables_expanded", ""})

_MORE_THAN_A_ROW = frozenset({"SUBQUERY", "WINDOW", "STAR"})

# Views that Python code makes of its own tables with `connection.register`.
_REGISTERED = "SELECT 1 FROM duckdb_views() WHERE temporary AND NOT internal AND lower(view_name) = ?"


@dataclass(frozen=True)
class Allowed:
    """The content of `gate.toml`."""

    tables: frozenset[str]
    of_lake: frozenset[str]
    values: frozenset[str]
    expressions: frozenset[str]
    parts: frozenset[str]
    settings: frozenset[str]
    refused: dict[str, str]
    """Names of functions with the reason why each is refused."""

    @property
    def functions(self) -> frozenset[str]:
        """Return the names of all functions that are on a list, allowed or not."""
        return self.tables | self.of_lake | self.values | self.refused.keys()


@cache
def allowed() -> Allowed:
    """Return the lists of what a query may consist of."""
    given = tomllib.loads((files("billstream.common.lake") / "gate.toml").read_text())
    refused = {name: why for why, names in given.pop("refused").items() for name in names.split()}
    return Allowed(**{name: frozenset(text.split()) for name, text in given.items()}, refused=refused)


def one_select(con: duckdb.DuckDBPyConnection, query: str) -> duckdb.Statement:
    """Return the query as a statement that only reads tables and views of the attached lake.

    DuckDB executes nothing of the query, and does not bind it.

    Raises:
        Fatal: it is not one SELECT, or it names a function, a table or a setting that is not allowed.
        duckdb.Error: DuckDB cannot parse it, or the catalog does not answer.
    """
    if not _is_text(query):
        raise Fatal("The query is not valid UTF-8; nothing was run.")
    statements = con.extract_statements(query)
    # No EXPLAIN either: `EXPLAIN ANALYZE COPY` writes a file.
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise Fatal(
            "The lake is read-only here, and a query of it runs one SELECT; nothing was run. "
            "To change the lake, load files: billstream load --help"
        )
    tree = _tree(con, query)
    Judgement(con).judge(tree)
    return statements[0]


def one_condition(con: duckdb.DuckDBPyConnection, condition: str) -> None:
    """Accept an expression over the columns of one row, for use within other statements of ours.

    DuckDB executes nothing of it, and does not bind it.

    Raises:
        Fatal: it is not one expression, asks another table, or calls a function that is not allowed.
    """
    found = _tree(con, f"SELECT ({condition}\n)")["statements"][0]["node"]
    alone: Node = {"type": "SELECT_NODE", "modifiers": [], "where_clause": None, "having": None, "qualify": None}
    expressions = found.get("select_list", ())
    if any(found.get(name) != value for name, value in alone.items()) or len(expressions) != 1:
        raise Fatal("It is not one condition.")
    if found["from_table"]["type"] != "EMPTY" or found["group_expressions"] or found["cte_map"]["map"]:
        raise Fatal("It is not one condition.")
    stack: list[Any] = [expressions]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if "class" in node and (node["class"] not in allowed().expressions or node["class"] in _MORE_THAN_A_ROW):
                raise Fatal(f"It has a {str(node['class']).lower()}; it may only calculate with the columns of a row.")
            if (name := str(node.get("function_name", ""))) and _ascii_lower(name) not in allowed().values:
                raise Fatal(f"It calls {name}(), which is not on the list of functions that only calculate.")
            node = list(node.values())
        if isinstance(node, list):
            stack.extend(node)


def _is_text(query: str) -> bool:
    """Return False for bytes of a command line that are no UTF-8, which Python keeps in a form of its own."""
    try:
        query.encode()
    except UnicodeEncodeError:
        return False
    return True


def _tree(con: duckdb.DuckDBPyConnection, query: str) -> Node:
    """Return the tree of one SELECT.

    Raises:
        Fatal: DuckDB cannot write it as JSON.
    """
    row = con.execute("SELECT json_serialize_sql(?)", [query]).fetchone()
    try:
        tree = json.loads(row[0]) if row else {}
    except RecursionError:
        tree = {"error_message": "it is nested too deeply"}
    if tree.get("error") is not False or len(tree["statements"]) != 1:
        raise Fatal(f"This SELECT cannot be checked, so nothing was run: {tree.get('error_message', 'no tree')}.")
    return dict(tree)


@dataclass
class Judgement:
    """The judgement of one query, and of the views that it names.

    Raises:
        Fatal: macros of the lake hide functions of DuckDB.
    """

    con: duckdb.DuckDBPyConnection

    def __post_init__(self) -> None:
        self._allowed = allowed()
        found = self._metadata("relations")
        self._lake = {(schema, name) for schema, name, _, current in found if current}
        self._views = [((schema, name), sql) for schema, name, sql, _ in found if sql is not None]
        hiding = {name for (name,) in self._metadata("macros")} & self._allowed.functions
        if hiding:
            raise Fatal(
                f"The lake has macros that hide functions of DuckDB ({', '.join(sorted(hiding))}), so no result could "
                "be trusted; nothing was run. billstream makes no macros: drop them with DuckDB."
            )

    def _metadata(self, question: str) -> list[tuple[Any, ...]]:
        return self.con.execute(statement(__name__, question, metadata=METADATA)).fetchall()

    def judge(self, tree: Node) -> None:
        """Walk the whole tree and the views that it names.

        Raises:
            Fatal: something in it is not allowed.
        """
        # A stack instead of recursion: a query may be nested more deeply than Python's own calls may be.
        stack: list[tuple[Any, Scope]] = [(tree, frozenset())]
        while stack:
            node, scope = stack.pop()
            if isinstance(node, list):
                stack.extend((child, scope) for child in node)
            elif isinstance(node, dict):
                stack.extend((view, frozenset()) for view in self._checked(node, scope))
                stack.extend(_children(node, scope))

    def _checked(self, node: Node, scope: Scope) -> Iterator[Node]:
        """Check one node, and yield the tree of the view that it names for the first time."""
        kind = node.get("type")
        if "class" in node:
            known = node["class"] in self._allowed.expressions
        else:  # that of a constant is a description of its SQL type
            known = not isinstance(kind, str) or kind in self._allowed.parts
        if not known:
            raise _refusal(str(node.get("class", kind)), "this part of SQL is not on the list of what only reads")
        if kind == "TABLE_FUNCTION":
            self._check_table_function(node["function"])
        elif "function_name" in node:
            self._check_function(node)
        elif kind == "SHOW_REF" and node["table_name"] not in _SHOWN:
            raise _refusal(f"SHOW {node['table_name']}", "it shows more than the lake")
        elif kind == "BASE_TABLE":
            yield from self._views_named(_lower(node, "catalog_name", "schema_name", "table_name"), scope)

    def _check_table_function(self, call: Node) -> None:
        catalog, schema, name = _lower(call, "catalog", "schema", "function_name")
        of_lake = (catalog, schema) in {("", "lake"), ("lake", "main"), ("lake", "")}
        of_duckdb = catalog in {"", "system"} and schema in {"", "main"}
        if not (of_lake and name in self._allowed.of_lake) and not (of_duckdb and name in self._allowed.tables):
            raise self._refused(name, "it is none of the table functions that only read the lake")

    def _check_function(self, call: Node) -> None:
        catalog, schema, name = _lower(call, "catalog", "schema", "function_name")
        if name == "current_setting" and _constant(call["children"]) in self._allowed.settings:
            return
        # A schema may also be a column: `service_name.upper()` is `upper(service_name)`.
        if name not in self._allowed.values or catalog not in {"", "system"} or schema == "lake":
            raise self._refused(name, "it is not on the list of functions that only calculate")

    def _refused(self, name: str, otherwise: str) -> Fatal:
        return _refusal(f"{name}()", self._allowed.refused.get(name, otherwise))

    def _views_named(self, name: tuple[str, ...], scope: Scope) -> Iterator[Node]:
        """Yield the trees of a view that is named for the first time, nothing for any other relation of the lake."""
        catalog, schema, table = name
        if not catalog and not schema and table in scope:
            return
        place = ("main" if not schema or (not catalog and schema == "lake") else schema, table)
        if catalog in {"", "lake"} and place in self._lake:
            # Older definitions too: AT takes a view as it was. Each is judged once, whoever names it.
            named = [view for view in self._views if view[0] == place]
            self._views = [view for view in self._views if view[0] != place]
            yield from (_tree(self.con, sql) for _, sql in named)
        elif not self._describes(catalog, schema, table):
            full = ".".join(part for part in name if part)
            raise _refusal(full, "it is no table or view of the lake; SHOW TABLES lists them")

    def _describes(self, catalog: str, schema: str, table: str) -> bool:
        """Return whether it is a view of DuckDB that describes the lake, or one that this program has registered."""
        if schema:
            return catalog in {"", "lake", "system"} and schema == "information_schema"
        if catalog:
            return False
        return table in self._allowed.tables or self.con.execute(_REGISTERED, [table]).fetchone() is not None


def _children(node: Node, scope: Scope) -> Iterable[tuple[Any, Scope]]:
    """Yield what a node contains, each part with the names that are visible there."""
    parts = dict(node)
    for entry in (parts.pop("cte_map", None) or {}).get("map", ()):
        # Each sees the earlier ones; itself only in the recursive half, which is handled where that node is met.
        yield entry["value"], scope
        scope |= {_ascii_lower(entry["key"])}
    if parts.get("type") == "RECURSIVE_CTE_NODE":
        yield parts.pop("right"), scope | {_ascii_lower(parts["cte_name"])}
    if parts.get("type") == "TABLE_FUNCTION":
        # Its name is checked with its place; left are its arguments.
        yield {key: part for key, part in parts.pop("function").items() if key != "function_name"}, scope
    for part in parts.values():
        yield part, scope


def _constant(arguments: list[Node]) -> str:
    """Return the text that is the only argument of a call, or an empty text."""
    if len(arguments) == 1 and arguments[0]["class"] == "CONSTANT":
        return _ascii_lower(str(arguments[0]["value"].get("value", "")))
    return ""


def _lower(node: Node, *keys: str) -> tuple[str, ...]:
    return tuple(_ascii_lower(str(node.get(key) or "")) for key in keys)


def _ascii_lower(name: str) -> str:
    """Return the name as DuckDB compares it: only ASCII letters are the same in both cases."""
    return name.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _refusal(what: str, why: str) -> Fatal:
    return Fatal(
        f"A query of the lake may not use {what}: {why}. Nothing was run. "
        "For more than the lake's tables, attach it in a DuckDB of your own: billstream connect"
    )
