"""Runs an encoder: text to windows of tokens, windows through the network, vectors to sentences."""
