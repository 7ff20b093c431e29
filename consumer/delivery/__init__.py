"""What a manifest does: all parts of its delivery are loaded, and all of the one before go, in one commit."""
