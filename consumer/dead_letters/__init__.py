"""Messages that were received too often without being processed: why, and what a redrive would do with them."""

from billstream.consumer.dead_letters.diagnosis import Case, Diagnosis, diagnose

__all__ = ["Case", "Diagnosis", "diagnose"]
