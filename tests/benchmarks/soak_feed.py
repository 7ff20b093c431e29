"""The files of a soak: small, at a steady rate, some of them restatements, some not readable."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.billing import billing_file
from tests.servers.aws import AwsEnvironment

KEYS = 5000
"""After so many files their keys are used again; each put is a restatement then, and the live data grows no more."""
RESTATED, BAD = 20, 50
BAD_KEYS = 20


@dataclass
class Feed:
    """Puts files into the bucket. `number` files were put so far, in earlier runs over the same folder too."""

    aws: AwsEnvironment
    rate: float
    position: Path
    put_at: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.number = self._before = int(self.position.read_text()) if self.position.exists() else 0

    def put_what_is_due(self, seconds: float) -> None:
        """Put the files that are due so many seconds after the beginning; late ones are put all the same."""
        while self.number < self._before + int(seconds * self.rate):
            self._put()
            self.number += 1
            self.position.write_text(str(self.number))

    def _put(self) -> None:
        name, body = f"{self.number % KEYS}.csv", billing_file("", seed=self.number).body
        if self.number % BAD == BAD - 1:
            name, body = f"bad-{self.number % BAD_KEYS}.csv", b"\x00\x01 no billing file %d" % self.number
        elif self.number % RESTATED == RESTATED - 1:
            name = f"{(self.number - 7) % KEYS}.csv"
        self.put_at[name] = time.time()
        self.aws.s3.put_object(Bucket=self.aws.bucket, Key=name, Body=body)
