"""Preparing a model for a box: optimised, batchable, quantised; proven before it is used.

Needs the package `onnx`, which the agent itself does without. Every step makes a new file.
"""
