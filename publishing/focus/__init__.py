"""FOCUS files of the lake's charges: columns of a version, rows of a month, files, and the manifest that names them."""
