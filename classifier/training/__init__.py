"""Trains the reader: the only room that needs torch and transformers (`pip install kiemtin[train]`)."""
