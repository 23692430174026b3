"""The HTML page: one file that needs nothing else, made from evidence.

``page.py`` is what a page is made of, ``render.py`` turns it into text; every other file here turns one kind of
evidence into a section of it, and ``page_of`` (in ``whole.py``) puts them together.
"""
