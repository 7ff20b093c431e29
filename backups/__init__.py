"""Backups of a lake: save catalog and data files as one consistent pair, and restore them anywhere.

A backup is a folder or an S3 prefix with `manifests/`, `catalogs/` and `data/`. Data files never change, so all backups
in one place share them. The manifest is written last and names everything that belongs to its backup: what no manifest
names does not count.
"""

KEEP = 7
"""Backups that stay in a place, unless an option says otherwise."""
