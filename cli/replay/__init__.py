"""`billstream replay`: objects processed as if S3 had just announced them, here or by the consumers."""
