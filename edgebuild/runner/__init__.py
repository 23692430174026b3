"""What runs on the device: the standard library, numpy and one runtime; Python 3.9 and newer; nothing of edgebuild.

``devices/ship.py`` packs these files as the package ``runner`` of one zipapp, so they import each other by that name.
"""
