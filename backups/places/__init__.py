"""The places that hold files by name: a folder, or an S3 prefix. Data paths and backups are such places."""

from billstream.backups.places.place import Place, place_at

__all__ = ["Place", "place_at"]
