"""The work of a manifest: all parts of its delivery are loaded, and all of the one before go, in one commit."""
