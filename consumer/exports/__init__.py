"""Exports: the sources that loads come from, what each covers, and which of two counts where both have the same charges."""
