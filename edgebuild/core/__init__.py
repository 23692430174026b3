"""The words of edgebuild: frozen values and pure functions, with no I/O, no torch and no subprocess."""
