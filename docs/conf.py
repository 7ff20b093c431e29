"""How Sphinx builds the pages: `make docs`, with every warning an error."""  # noqa: INP001 - a folder of pages

from importlib.metadata import version as installed_version

project = "billstream"
author = "the billstream contributors"
copyright = author  # noqa: A001 - the name that Sphinx reads
version = release = installed_version("billstream")

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"billstream {release}"
html_static_path = ["static"]
html_css_files = ["billstream.css"]
html_show_sphinx = False
html_copy_source = False
