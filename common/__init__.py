"""The shared parts of consumer and aggregator: settings, errors, the lake and its claim guard."""
