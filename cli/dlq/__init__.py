"""`billstream dlq` and `billstream redrive`: what they show of the dead-letter queue."""
