"""Makes models smaller, and trains them again afterwards."""
