"""The dashboard: one page that shows live what the emulator knows, and switches faults on and off.

`snapshot` makes JSON of the world, `serving` streams it whenever it changes, page.html, page.js and page.css show it, without a
build step. It can do nothing that the admin API cannot.
"""
