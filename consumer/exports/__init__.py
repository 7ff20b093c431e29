"""Exports: deliveries of a whole billing period, as several files with a manifest that says which belong together."""

from billstream.consumer.exports.exports import Exports
from billstream.consumer.exports.layout import Layout, ManifestOf, PartOf
from billstream.consumer.exports.registry import Layouts

__all__ = ["Exports", "Layout", "Layouts", "ManifestOf", "PartOf"]
