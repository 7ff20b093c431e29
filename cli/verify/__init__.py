"""`billstream verify`: the proof that charges, ledger, claims, aggregates and bucket agree; and what mends them."""

from billstream.cli.verify.finding import Check, Finding
from billstream.cli.verify.proof import Proof, prove
from billstream.cli.verify.repair import Repairs, mend

__all__ = ["Check", "Finding", "Proof", "Repairs", "mend", "prove"]
