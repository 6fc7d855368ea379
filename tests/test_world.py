"""Pages of other languages, kinds and ages of markup than the model was trained on: what is content stays, alone."""

from __future__ import annotations

import pytest
from world import PAGES

from cleaner.blocks.model import content
from cleaner.read.html import linearise

LEFT = {"de-forum": ["Wer ist online?"]}
"""What the model takes for content and is not."""


@pytest.mark.parametrize("name", PAGES)
def test_the_model_alone_keeps_the_content_of_a_page_it_has_never_seen(name: str) -> None:
    page = PAGES[name]
    lines = linearise(page.html).text.split("\n")
    kept = [line for line, keep in zip(lines, content(page.html).keep, strict=True) if keep]
    text = "\n".join(kept)
    assert [line for line in page.stays if line not in text] == []
    assert [line for line in page.goes if line in kept] == LEFT.get(name, [])
