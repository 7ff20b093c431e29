"""Exports: the sources of loads, what each covers, and which of two counts where both have the same charges."""
