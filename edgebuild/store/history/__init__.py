"""The history: an index, over all bundles, of the evidence that lies beside each. Only ever added to.

SQLAlchemy is loaded with most of these modules, so they are imported inside the functions that need them.
"""
