"""Fits a hybrid head to images with PyTorch."""
