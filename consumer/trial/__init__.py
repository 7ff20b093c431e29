"""A profile tried on one local file, in a temporary lake: how the file is read, why, and the proposal of a profile."""
