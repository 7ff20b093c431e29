"""`billstream demo`: all of billstream on one machine, compared with samples whose totals are known.

The samples (`samples/`), the AWS emulator and the supervisor of its processes are used by the demo and by tests only.
"""
