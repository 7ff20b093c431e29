"""MiniStack with IAM switched on: it checks signatures and policies as AWS does, and writes down every question.

Run as a program, it is that MiniStack; imported, it is how a test starts one. The root user has the key `test`.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from billstream.cli.demo.emulator import Emulator

ASKED = "GUARDED_ASKED"
BODY = 3  # the position of the body among the parts of a request: method, path, headers, body, query, …


@dataclass(frozen=True)
class Asked:
    """One question of the emulator to IAM: may the owner of this key do this?"""

    key: str
    action: str
    resource: str
    denied: bool


class GuardedEmulator(Emulator):
    """See above. Its list of questions is in its folder."""

    program: ClassVar[tuple[str, ...]] = ("-P", __file__)  # -P: the files beside this one are no libraries
    services: ClassVar[str] = "s3,sqs,sns,iam,sts,kms,cloudformation,cloudwatch"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.list = folder / "asked.jsonl"

    def asked(self) -> list[Asked]:
        """All questions so far."""
        return [Asked(*json.loads(line)) for line in self.list.read_text().splitlines()]

    def _environment(self, identity: str) -> dict[str, str]:
        return super()._environment(identity) | {"AUTH": "true", ASKED: str(self.list)}


@contextmanager
def running_guarded_emulator() -> Iterator[GuardedEmulator]:
    """Run it for the length of the block."""
    with TemporaryDirectory(prefix="billstream-guarded-", ignore_cleanup_errors=True) as folder:
        emulator = GuardedEmulator(Path(folder))
        try:
            emulator.start()
            yield emulator
        finally:
            emulator.stop()


def _run() -> None:
    from ministack.core import iam_actions, iam_evaluator  # noqa: PLC0415 - only the server needs it

    evaluate, resource_of = iam_evaluator.enforce, iam_actions.extract_resource_arn

    # Two corrections: AWS has no permissions for SQS calls in batches, as that of the single call counts, and a move of
    # messages is about the queue that it names by its ARN. MiniStack asks for `…Batch`, and for a move on `*`.
    def enforce(access_key_id: str, iam_action: str, service: str, region: str, **more: Any) -> Any:  # noqa: ANN401 - its
        if service == "sqs":
            iam_action = iam_action.removesuffix("Batch")
        denied = evaluate(access_key_id, iam_action, service, region, **more)
        with Path(os.environ[ASKED]).open("a") as asked:
            line = [access_key_id, iam_action, more.get("resource_arn", "*"), denied is not None]
            asked.write(json.dumps(line) + "\n")
        return denied

    def extract_resource_arn(service: str, *request: Any) -> str:  # noqa: ANN401 - its
        found: str = resource_of(service, *request)
        source = re.search(rb'"SourceArn": ?"([^"]+)"', request[BODY]) if service == "sqs" else None
        return source[1].decode() if source and not found.startswith("arn:") else found

    iam_evaluator.enforce, iam_actions.extract_resource_arn = enforce, extract_resource_arn
    from ministack.app import main  # noqa: PLC0415 - it takes both from there

    main()


if __name__ == "__main__":
    _run()
