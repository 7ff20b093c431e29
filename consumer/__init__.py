"""The consumer: from a message to rows, exactly once.

Follow one message in this order: `worker` (the loop), `sqs` (receive, keep invisible, read), `intake` (a batch becomes
units of work), `process` (decide, fetch, stage, commit), and back to `worker`, which acknowledges. Rooms of the
engine: `layouts` (what a key means), `decide` (verdicts), `s3` (objects), `decode` and `profiles` (files become rows),
`delivery` (what a manifest does), `commit` (ledger and claims). `backfill` feeds the same intake without the queue.
"""
