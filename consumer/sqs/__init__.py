"""The queue: receive, keep invisible, read, acknowledge; its dead letters, and their way back."""
