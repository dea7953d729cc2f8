"""Sphinx: `pip install --group site && sphinx-build -W docs docs/_build`."""

project = "Seatguard"
author = "Seatguard maintainers"
html_title = "Seatguard"
extensions = ["myst_parser"]
html_theme = "furo"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
