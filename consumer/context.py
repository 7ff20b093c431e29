"""The tools that the road works with: the lake, the object store, and the policies of this process."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from billstream.common import openlineage
from billstream.common.ids import new_id
from billstream.common.lake import Lake
from billstream.common.policies import DuplicatePolicy
from billstream.consumer.commit.breaker import Breaker
from billstream.consumer.commit.ledger import EntryBuilder
from billstream.consumer.decode import Staged, Staging, Tabular
from billstream.consumer.exports.exports import Exports
from billstream.consumer.layouts.layout import Layouts
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.s3.errors import Ownership
from billstream.consumer.s3.fetch import Spool
from billstream.consumer.s3.objects import ObjectStore

SMALL_BYTES = 4 * 1024 * 1024
"""Up to so many bytes of text are small work: one thread decodes them in about a tenth of a second."""


@dataclass(frozen=True)
class Context:
    """The tools of one process. Not for use by two threads at a time.

    Args:
        lake: the tables, and the one way to commit.
        objects: the store that events are about.
        profiles: how a header becomes columns of charges.
        spool: local disk for objects on their way into the lake.
        staging: decodes objects into Parquet files of the data path.
        entries: writes ledger entries in the name of this consumer.
        breaker: stops the process when too much cannot be loaded; None where a person watches.
        ownership: the buckets whose objects are processed; events of others are refused.
        layouts: the exports whose parts and manifests are known by their keys.
        exports: what this process knows of the preferences between exports.
        on_duplicate_content: what happens to an object whose content is active under another key.
        group_files: how many parts of a delivery are on the local disk at a time.
        group_bytes: how large these may be together, in bytes as stored.
    """

    lake: Lake
    objects: ObjectStore
    profiles: ProfileRegistry
    spool: Spool
    staging: Staging
    entries: EntryBuilder
    breaker: Breaker | None = None
    ownership: Ownership = field(default_factory=Ownership)
    layouts: Layouts = field(default_factory=Layouts)
    exports: Exports = field(default_factory=Exports)
    on_duplicate_content: DuplicatePolicy = DuplicatePolicy.WARN
    group_files: int = 200
    group_bytes: int = 256 * 1024 * 1024

    def stage(self, files: Sequence[Tabular]) -> Staged:
        """Decode files into Parquet files of the data path, with as many threads of DuckDB's as their bytes are worth.

        Raises what `Staging.stage` raises.
        """
        self.lake.use_threads(one=sum(file.path.stat().st_size for file in files) <= SMALL_BYTES)
        staged = self.staging.stage(files, new_id())
        if openlineage.is_on():
            staged.bind({file.load_id: file.binding for file in files if file.binding})
        return staged
