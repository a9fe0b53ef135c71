"""Prediction on new material."""
