"""The kinds of failure billstream knows, told apart by class and never by text.

* `Retryable`: the world is at fault and may recover. The message goes back to the queue.
* `Poison`: the input is at fault and stays so. It is quarantined with its reason, then acknowledged.
* `Fatal`: we, or our configuration, are at fault. The process stops; the message reappears by itself.

Vendor exceptions are translated into these where the vendor is called, and nowhere else. An exception of any
other class is treated as fatal.
"""


class BillstreamError(Exception):
    """Base of every error billstream raises on purpose; its text tells the operator what to do."""


class Retryable(BillstreamError):  # noqa: N818 - it names an outcome, not a thing
    """Trying the same again later may succeed; nothing has been changed."""


class Poison(BillstreamError):  # noqa: N818
    """This input can never be loaded as it is; `str(error)` is the reason kept in the ledger."""


class Fatal(BillstreamError):  # noqa: N818
    """Going on would be wrong: a bug, a missing permission, a schema this version does not know."""


class WriteConflict(Retryable):
    """Another writer changed the same lake tables first. Redo the whole unit, the ledger look-up included."""


class ClaimRefused(WriteConflict):
    """The catalog refused a commit, because a scope in it has moved on since the ledger was read."""


class CatalogUnavailable(Retryable):
    """The catalog database or the data path did not answer; the outcome of a commit may be unknown."""


class NoRoom(Retryable):
    """A disk is full or fails. Nothing was committed; work goes on as soon as there is room."""


class ServiceUnavailable(Retryable):
    """S3 or SQS throttled, failed or did not answer."""


class ObjectMissing(BillstreamError):  # noqa: N818
    """The object or the version that a notification names is not there (any more)."""
