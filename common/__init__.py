"""What the consumer and the aggregator truly share: settings, errors, the lake and its ledger."""
