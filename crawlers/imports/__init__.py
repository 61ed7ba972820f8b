"""Brings files of posts and hotline reports in: JSONL, CSV and XLSX."""
