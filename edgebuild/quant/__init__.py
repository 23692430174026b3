"""Quantization, the same for every runtime: fold, equalize, calibrate, correct, and write the plan down."""
