"""The proof that charges, ledger, the catalog's claims and the bucket agree, and the repair of what does not.

The aggregates belong to another package: whoever knows both adds their findings to this proof.
"""

from billstream.consumer.verify.finding import Check, Cure, Finding
from billstream.consumer.verify.invoices import Invoices
from billstream.consumer.verify.proof import Proof, prove
from billstream.consumer.verify.repair import Repairs, repair

__all__ = ["Check", "Cure", "Finding", "Invoices", "Proof", "Repairs", "prove", "repair"]
