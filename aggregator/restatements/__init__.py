"""Restatements: the difference between the charges of two snapshots, with the file and the decision behind each."""
