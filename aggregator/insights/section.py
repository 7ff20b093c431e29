"""A section of the insights: from rows to a value, and from the value to a part of each page."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from billstream.aggregator.insights.models import Model, Reading


@dataclass(frozen=True)
class Section:
    """One insight: read → value → render.

    A new one is one module that declares it, its SQL in `sql/`, its parts of the pages in `templates/`, and its line in
    `sections.SECTIONS`.

    Attributes:
        module: the `__name__` of the module that declares it; SQL and templates are beside it.
        name: the field of `insights.json`, and the name of `templates/<name>.html.j2` and `templates/<name>.md.j2`.
        value: the type of the value; it becomes part of the JSON Schema.
        read: makes the value, after the models have run.
        models: the SQL models, in the order in which they run; they may need models of the sections before.
    """

    module: str
    name: str
    value: Any
    read: Callable[[Reading], object]
    models: tuple[Model, ...] = ()

    def template(self, ending: str) -> str:
        """Return the name of its template: the package that has it, a colon, and the file."""
        return f"{self.module.rpartition('.')[0]}:{self.name}{ending}"
