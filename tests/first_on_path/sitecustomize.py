"""Every Python that a test starts runs this first: it opens lakes as cheaply as the tests' own process does.

DuckDB checks the signature of each extension at every open, for 0.3 CPU seconds in all. Its threads wait for each other
in busy loops, so that two of them need twice the CPU for the same small work, on cores that other tests wait for.
Neither changes a result, and a process that chooses its number of threads has it. Tests about what this spares start
their processes without it: see `tests.e2e.commands.python_path`.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

ENGINE = "billstream.common.lake.engine"
CONFIG = {"allow_unsigned_extensions": "true", "threads": "1"}


class EngineFinder:
    """Finds the engine of billstream where it is, and adds the options once it is loaded."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == ENGINE else None
        if spec and spec.loader:
            load = spec.loader.exec_module

            def load_and_add(module: ModuleType) -> None:
                load(module)
                module.CONFIG.update(CONFIG)

            spec.loader.exec_module = load_and_add  # type: ignore[method-assign]
        return spec


if __name__ == "sitecustomize":
    sys.meta_path.insert(0, EngineFinder)
