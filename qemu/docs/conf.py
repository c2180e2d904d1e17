# SPDX-License-Identifier: GPL-2.0
"""Sphinx's configuration, for qemu/docs.sh."""

project = 'scopex'
extensions = ['myst_parser']
html_theme = 'alabaster'
html_theme_options = {'page_width': '72em', 'body_max_width': '60em', 'fixed_sidebar': True}
html_show_copyright = False
html_copy_source = False
# Links to the headings of a page, as README.md files have them.
myst_heading_anchors = 4
# Functions are not looked up in the kernel's own reference, which is not here.
nitpicky = False
