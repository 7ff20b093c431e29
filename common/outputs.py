"""The lake's own files are never bills. Those of a bucket are told apart in `Settings.includes`."""

from pathlib import Path

from billstream.common.errors import Misconfigured
from billstream.common.scratch import own_folder
from billstream.common.settings import Settings


def refuse_feedback(settings: Settings) -> None:
    """Refuse a data path in the bucket of the bills.

    Every Parquet file that the lake writes there would be announced like a bill, and be loaded in its turn.

    Raises:
        Misconfigured: see above; nothing was made.
    """
    bucket, _ = settings.data_bucket or ("", "")
    if settings.is_ours(bucket):
        raise Misconfigured(
            f"BILLSTREAM_DATA_PATH is in the bucket {bucket}, which is also a bucket of the billing files: the lake's "
            "own files would be loaded as bills. Nothing was made. Set BILLSTREAM_DATA_PATH to a prefix of another "
            "bucket, or BILLSTREAM_BUCKET to the bucket of the billing files."
        )


def focus_exports(settings: Settings) -> Path:
    """Return the folder that FOCUS files are exported to, unless another one is named.

    To load them into the lake that they come from would count every charge twice.
    """
    return settings.home / "exports" / "focus"


def own_folders(settings: Settings) -> list[Path]:
    """Return the folders of this host whose files are the lake's, or temporary ones.

    The folders of the settings may have others' files beside them, so only what billstream makes in them counts.
    """
    places = [own_folder(settings.spool), focus_exports(settings)]
    if settings.data_bucket is None:
        places += [Path(settings.data_location) / name for name in ("main", "sealed")]
    return [place.resolve() for place in places]
