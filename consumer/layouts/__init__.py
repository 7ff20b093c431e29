"""The meaning of a key: a billing file, a part of an export, or the manifest of one. Pure; layouts are data."""
