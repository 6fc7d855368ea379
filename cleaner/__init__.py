"""Scraped pages in, clean text out, and a ledger that can put every character back."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cleaner.document import Document, Edit, Patch
    from cleaner.pipeline import Pipeline, clean

__version__ = "0.1.0"

__all__ = ["Document", "Edit", "Patch", "Pipeline", "clean"]

_HOMES = dict.fromkeys(("Document", "Edit", "Patch"), "document") | dict.fromkeys(("Pipeline", "clean"), "pipeline")


def __getattr__(name: str) -> object:
    """Import what is asked for, when it is: the command line starts without the libraries of every stage."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cleaner' has no attribute {name!r}")
    return getattr(import_module(f"cleaner.{_HOMES[name]}"), name)
