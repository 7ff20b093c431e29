"""Measurements; no test passes or fails by them."""

import os

from billstream.cli.main import LIBRARIES

# The commands that are measured here inside this process begin so, before Arrow is loaded.
os.environ.update(LIBRARIES)
