"""The front door: `billstream …`.

An operator's feature has one place by this rule: what it *does* stands beside what it operates on (in a room of
`consumer/` or `aggregator/`, with its SQL), and what it *shows* stands here: commands, options, wiring and reports. A
feature that needs both packages is composed here, because they do not know each other (`verify`, `status`, `demo`).

The command line knows everyone; nobody knows it. `demo/` is apart: the samples, the emulator and the supervisor of its
processes serve no operator's command.
"""
