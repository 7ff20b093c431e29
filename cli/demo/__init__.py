"""`billstream demo`: the whole of billstream on one machine, with a known truth to hold it against."""

from billstream.cli.demo.run import run_demo

__all__ = ["run_demo"]
