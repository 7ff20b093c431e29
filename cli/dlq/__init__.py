"""`billstream dlq` and `billstream redrive`: messages that were received in vain."""

from billstream.consumer.dead_letters.diagnosis import Case, Diagnosis, diagnose

__all__ = ["Case", "Diagnosis", "diagnose"]
