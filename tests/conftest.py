"""How many examples a law is tried on: few at every commit, many when ``--hypothesis-profile thorough`` asks for them."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("commit", max_examples=60)
settings.register_profile("thorough", max_examples=1000)
settings.load_profile("commit")
