"""OpenLineage: tell a lineage backend of commits that have been made.

Off unless variables of the OpenLineage client name a backend. Whoever commits calls `emit` afterwards; `sending` holds
the queue and the thread for as long as a lake is open. Nothing in here can change, delay or fail a commit.
"""

from billstream.common.openlineage.run import Feed, Input, Output, Run
from billstream.common.openlineage.sending import emit, is_on, sending

__all__ = ["Feed", "Input", "Output", "Run", "emit", "is_on", "sending"]
