"""Code of others that the dashboard contains, unchanged; each folder has its licence, version and hashes."""
