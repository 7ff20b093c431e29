"""From a file on local disk to rows of `charges` in a staged Parquet file, before any transaction opens."""

from billstream.consumer.decode.plain import PlainText, plain_text
from billstream.consumer.decode.staged import COSTS, Covered, Staged, StagedLoad
from billstream.consumer.decode.staging import Staging
from billstream.consumer.decode.tabular import Tabular, open_tabular

__all__ = ["COSTS", "Covered", "PlainText", "Staged", "StagedLoad", "Staging", "Tabular", "open_tabular", "plain_text"]
