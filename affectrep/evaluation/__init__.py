"""Metrics, intervals, comparisons and the tables that keep them."""
