"""How Sphinx builds these pages: ``python -m sphinx -W --keep-going docs docs/_build``, from the root of a checkout."""

from nexmo_twisted import __version__

project = "nexmo_twisted"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]

#: Links to a heading (``redis.md#sentinel``) work here as they do on the pages of a code host.
myst_heading_anchors = 4

autodoc_typehints = "none"  # the docstrings give shapes and units
autodoc_preserve_defaults = True
html_title = f"nexmo_twisted {release}"
html_theme = "alabaster"
html_theme_options = {"page_width": "1240px", "body_max_width": "none", "sidebar_width": "230px"}  # wide tables
html_show_copyright = False
