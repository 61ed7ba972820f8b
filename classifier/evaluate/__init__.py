"""Measures a model on labelled posts: figures with intervals, and a report that says what they rest on."""
