"""Parametric people: model files, skinning, and what moves one mesh as another."""
