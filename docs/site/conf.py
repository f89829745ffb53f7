"""Sphinx's settings for `make docs-site`: https://www.sphinx-doc.org/en/master/usage/configuration.html

The source is the whole repository, so that a link works on the site as it does between the files.
"""

project = "Queuecast"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = [
    "*.md",
    "bench/*.md",
    "deploy/**/README.md",
    "docs/*.md",
    "docs/how-to/*.md",
    "docs/decisions/*.md",
    "examples/README.md",
    "examples/*/README.md",
    "findings/README.md",
    "requirements/README.md",
    "services/**/vendor/README.md",
    "tests/README.md",
]
exclude_patterns = ["**/node_modules", ".venv", "build"]
suppress_warnings = [
    "misc.highlighting_failure",  # an ellipsis is no JavaScript
    "toc.not_included",  # the README of a folder is reached by links
]
html_theme = "furo"
html_title = "Queuecast"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_extra_path = ["index.html"]
myst_heading_anchors = 4
"""Anchors like those of the site that hosts the repository: the same links work on both."""
