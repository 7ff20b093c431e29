"""The consumer: from a message to rows, exactly once.

Follow one message in this order: `worker` (the loop), `sqs` (receive, keep invisible, read), `intake` (a batch becomes
units of work), `process` (the engine: decide, fetch, stage, commit), and back to `worker`, which acknowledges. The
engine's rooms: `layouts` (what a key means), `decide` (verdicts), `s3` (objects), `decode` and `profiles` (files become
rows), `delivery` (what a manifest does), `commit` (ledger and claims). `backfill` feeds the intake without the queue.

Above the road are an operator's features: `verify` (proof and repair), `quarantine`, `dead_letters` (diagnosis),
`provision` (AWS resources) and `trial` (profiles tried on a file). Nothing on the road imports them.
"""
