"""Fuzzing: targets, their corpus, and a test that replays it."""
