"""Lifelike billing files of invented companies, and the exact truth about them."""

from billstream.cli.demo.samples.files import SampleFile
from billstream.cli.demo.samples.story import Story, Surprises
from billstream.cli.demo.samples.truth import Books, Truth

__all__ = ["Books", "SampleFile", "Story", "Surprises", "Truth"]
