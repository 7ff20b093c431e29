"""The settings: read once at start from the environment, then frozen; and what follows from them."""

from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from billstream.common.errors import Misconfigured
from billstream.common.setting_fields import SettingFields
from billstream.common.texts import matches
from billstream.common.variables import explanations


class Settings(SettingFields):
    """The settings of one process. Its fields are those of `SettingFields`, where each is explained."""

    @cached_property
    def catalog_url(self) -> str:
        """Return the catalog, or its default. It may contain a password: never log it."""
        if self.catalog is None:
            return str(self.home / "catalog.sqlite")
        return self.catalog.get_secret_value()

    @cached_property
    def data_location(self) -> str:
        """Return the data path, or its default."""
        return self.data_path or str(self.home / "data")

    @cached_property
    def insights(self) -> Path:
        """Return the folder of the published insights, or its default where they are in a bucket."""
        return self.home / "insights" if self.insights_url or not self.insights_dir else Path(self.insights_dir)

    @property
    def insights_url(self) -> str | None:
        """Return the S3 prefix of the published insights; None where they are in a folder."""
        return self.insights_dir if str(self.insights_dir).startswith("s3://") else None

    @cached_property
    def spool(self) -> Path:
        """Return the folder for objects that are being loaded."""
        return self.spool_dir or self.home / "spool"

    @cached_property
    def our_buckets(self) -> tuple[str, ...]:
        """Return the buckets whose objects are processed, that of `BILLSTREAM_BUCKET` first if it is set."""
        # Where only a list is given, the default is nobody's choice: a bucket of that name may be anybody's.
        named = () if self.buckets and "bucket" not in self.model_fields_set else (self.bucket,)
        return tuple(dict.fromkeys([*named, *self.buckets]))

    def is_ours(self, bucket: str) -> bool:
        """Return whether a bucket is configured."""
        return bucket in self.our_buckets

    @cached_property
    def data_bucket(self) -> tuple[str, str] | None:
        """Return bucket and prefix of the data path; None where it is a folder."""
        if not self.data_location.startswith("s3://"):
            return None
        bucket, _, prefix = self.data_location.removeprefix("s3://").partition("/")
        return bucket, f"{prefix.strip('/')}/".lstrip("/")

    def is_own(self, key: str, bucket: str) -> bool:
        """Return whether an object is one of the lake's own files: it is below the data path."""
        own = self.data_bucket
        return own is not None and bucket == own[0] and key.startswith(own[1])

    def includes(self, key: str, bucket: str = "") -> bool:
        """Return whether an object is a billing file: it is not the lake's own, and a pattern matches its key.

        The case of letters does not matter.
        """
        return not key.endswith("/") and not self.is_own(key, bucket) and matches(key, self.include)

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read the environment.

        Raises:
            Misconfigured: a variable has an invalid value; the text names each such variable.
        """
        try:
            return cls()
        except ValidationError as error:
            raise Misconfigured(f"The configuration is not usable:{explanations(error, cls.model_fields)}") from None
