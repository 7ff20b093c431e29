"""The consumer: event → objects → decode → load → acknowledge.

To follow one message from the queue to its acknowledgement, read in this order: `worker` (the loop), `envelope`
(what a message says), `decision` (what it gets), `intake` (objects become staged rows become one commit).
"""
