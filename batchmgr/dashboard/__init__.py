"""The dashboard: one HTML page that shows jobs, and uses nothing but the HTTP API.

`page.html` and the files in `styles/` and `scripts/` are its source; `page.py` joins them. There is no build
step.
"""
