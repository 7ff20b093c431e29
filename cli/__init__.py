"""The front door: `billstream …`. It knows everyone; nobody knows it."""
