"""The commands, one module each, found by their file names. ``edgebuild.cli.app`` says what a module exposes."""
