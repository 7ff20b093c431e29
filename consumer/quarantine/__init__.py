"""Objects, messages and records in quarantine: their list, the reasons, and another attempt."""

from billstream.consumer.quarantine.listing import Quarantined, named, quarantined
from billstream.consumer.quarantine.records import Record, rejected_records
from billstream.consumer.quarantine.reload import Reloaded, reload_objects

__all__ = ["Quarantined", "Record", "Reloaded", "named", "quarantined", "rejected_records", "reload_objects"]
