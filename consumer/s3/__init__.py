"""The objects: list, ask which version is current, fetch exactly that version to local disk."""
