"""The kinds of failure, distinguished by class and never by text.

* `Retryable`: a service or another writer is at fault and may recover. The message goes back to the queue.
* `Poison`: the input is at fault and stays so. It is quarantined with its reason, then acknowledged.
* `Fatal`: billstream or its configuration is at fault. The process stops; the message reappears by itself.

Vendor exceptions are translated into these where the vendor is called, and nowhere else. An exception of any
other class is a bug of ours. Before one of these or a `Fatal` stops the process, the batch is taken apart: what
befalls one object alone ends with that object (see `consumer.isolation`).
"""


class BillstreamError(Exception):
    """Base of all errors of billstream; the text tells the operator what to do."""


class Retryable(BillstreamError):  # noqa: N818 - it names an outcome, not a thing
    """A later attempt may succeed; nothing was changed."""


class Poison(BillstreamError):  # noqa: N818
    """This input can never be loaded as it is; `str(error)` is the reason kept in the ledger."""


class Denied(Poison):
    """S3 denies this object. It is the object's own fault only where others of its bucket can be read."""


class Fatal(BillstreamError):  # noqa: N818
    """Work cannot go on: a bug, a missing permission, or a schema that this version does not know."""


class Misconfigured(Fatal):
    """A setting, a folder or a permission has to be changed before any attempt can succeed; nothing was changed."""


class WrongUsage(Fatal):
    """The command line asks for what cannot be; nothing was done."""


class WriteConflict(Retryable):
    """Another writer changed the same lake tables first. Redo the whole unit, the ledger look-up included."""


class ReadersAtWork(WriteConflict):
    """Statements read the catalog, and a commit that removes rows from it did not wait until they end."""


class ClaimRefused(WriteConflict):
    """The catalog refused a commit, because a scope in it has changed since the ledger was read."""


class CatalogUnavailable(Retryable):
    """The catalog database or the data path did not answer; the outcome of a commit may be unknown."""


class DataDamaged(Retryable):
    """A data file of the lake is lost or damaged. `billstream verify --repair` loads its rows again."""


class NoRoom(Retryable):
    """A disk is full or fails. Nothing was committed; work goes on as soon as there is room."""


class ServiceUnavailable(Retryable):
    """S3 or SQS throttled the request, failed, or did not answer."""


class Held(Retryable):
    """Everything fails, so no object is at fault. Nothing was written down about those that failed."""


class Stopped(BillstreamError):  # noqa: N818 - it is no error
    """A stop was requested while the process waited; there is nothing to finish."""


class ObjectMissing(BillstreamError):  # noqa: N818
    """The object version that a notification names does not exist, or no longer exists."""
