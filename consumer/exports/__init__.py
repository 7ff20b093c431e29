"""Exports: deliveries of a whole billing period, as several files with a manifest that says which belong together."""

from consumer.exports.exports import Exports
from consumer.exports.layout import Layout, ManifestOf, PartOf
from consumer.exports.registry import Layouts

__all__ = ["Exports", "Layout", "Layouts", "ManifestOf", "PartOf"]
