"""`billstream verify`: the proof of the consumer and that of the aggregator together, and the repair of both."""

from billstream.cli.verify.copies import prove_copies
from billstream.cli.verify.proof import Verification, mend, prove, repairs
from billstream.consumer.verify import Check, Finding

__all__ = ["Check", "Finding", "Verification", "mend", "prove", "prove_copies", "repairs"]
