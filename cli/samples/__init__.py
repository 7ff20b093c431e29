"""Lifelike billing files of companies that do not exist, and the exact truth about them."""

from cli.samples.files import SampleFile
from cli.samples.story import Story, Surprises
from cli.samples.truth import Books, Truth

__all__ = ["Books", "SampleFile", "Story", "Surprises", "Truth"]
