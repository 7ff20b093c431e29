"""The queue: receive, keep invisible, read, acknowledge; its dead letters, and how they come back."""
