"""`billstream dlq` and `billstream redrive`: messages that were received in vain."""

from billstream.cli.dlq.diagnosis import Case, Diagnosis, diagnose

__all__ = ["Case", "Diagnosis", "diagnose"]
