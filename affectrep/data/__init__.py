"""Rows, splits, checks and batches."""
