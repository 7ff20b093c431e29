"""The objects: list them, ask for the current version, fetch exactly that version to local disk."""
