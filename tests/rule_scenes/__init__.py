"""Scripted scenes with exact truth: where each rule fires, and where it stays silent."""
