"""No pandas: billstream does not need it, and where it is installed, DuckDB imports it into every process."""

raise ImportError("the tests of billstream run without pandas; only the pages of docs/ have examples with it")
