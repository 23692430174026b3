"""Fit to a budget: latency measured on the target, and the tables that predict it. Drives the pipeline's own stages."""
