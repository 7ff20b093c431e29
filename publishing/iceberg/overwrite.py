"""The change of a table's files as one snapshot, with few manifests, however many changes there were before."""

from contextlib import suppress

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.manifest import ManifestContent, ManifestFile
from pyiceberg.table import TableProperties
from pyiceberg.table.update.snapshot import _ManifestMergeManager, _OverwriteFiles

MERGED_FROM = 20
"""So many manifests become one. Iceberg's default is 100; but each commit here reads those of the changed months."""


class Overwrite(_OverwriteFiles):
    """pyiceberg's overwrite, which treats manifests as Iceberg's own library does.

    pyiceberg merges manifests in appends only, whatever the properties of the table say; and it keeps manifests whose
    files are all gone, so that each commit would have one more to read than the one before it.
    """

    def _validate_concurrency(self) -> None:
        """Refuse to repeat the commit: another process was first, and its days must not be replaced by these.

        pyiceberg asks before it repeats a commit that was refused, and after it has looked whether it was made all the
        same, as when only the answer was lost.
        """
        raise CommitFailedException("another process was first")

    def _existing_manifests(self) -> list[ManifestFile]:
        """Return the manifests of the snapshot before that still have files.

        One that names only removed files is about the commit that removed them, and stays in that snapshot.
        """
        return [one for one in super()._existing_manifests() if one.has_added_files() or one.has_existing_files()]

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        """Merge the manifests of data files. Those of delete files are of other engines, and stay as they are.

        Of what this commit has written, what it has merged as well is removed; pyiceberg would leave it behind.
        """
        merging = _ManifestMergeManager(
            target_size_bytes=TableProperties.MANIFEST_TARGET_SIZE_BYTES_DEFAULT,
            min_count_to_merge=MERGED_FROM,
            merge_enabled=True,
            snapshot_producer=self,
        )
        data = [one for one in manifests if one.content is ManifestContent.DATA]
        others = [one for one in manifests if one.content is not ManifestContent.DATA]
        merged = merging.merge_manifests(data) + others
        for path in set(self._written_manifests) - {one.manifest_path for one in merged}:
            self._written_manifests.remove(path)
            with suppress(OSError):
                self._io.delete(path)
        return merged
