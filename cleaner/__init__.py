"""Scraped pages in, clean text out, and a ledger that can put every character back."""

__version__ = "0.1.0"
