"""The quality signals by name, apart from what counts them: settings name them all, and need no numpy for it."""

from __future__ import annotations

SIGNALS = {
    "words": "words of the text (Gopher: 50 to 100,000)",
    "sentences": "sentences of the text: runs of . ! ? and their like before a blank (C4: 3 at least)",
    "mean_word_length": "letters, digits and marks of a word, mean (Gopher: 3 to 10, for English)",
    "alphabetic_words": "share of what stands between blanks that holds a letter (Gopher: .8 at least)",
    "hash_ratio": "number signs a word (Gopher: .1 at most)",
    "ellipsis_ratio": "ellipses a word (Gopher: .1 at most)",
    "terminal_lines": "share of lines that end a sentence (C4 keeps no other line; FineWeb: more than .12)",
    "bullet_lines": "share of lines that begin with a bullet (Gopher: .9 at most)",
    "ellipsis_lines": "share of lines that end with an ellipsis (Gopher: .3 at most)",
    "short_lines": "share of lines under 30 characters (FineWeb: less than .67)",
    "duplicate_lines": "share of lines that stand in the text before (Gopher: .3 at most)",
    "duplicate_line_characters": "share of characters in such lines (Gopher: .2 at most; FineWeb: less than .1)",
    **{
        f"top_{n}_gram": f"share of characters in the most frequent run of {n} words (Gopher: {most} at most)"
        for n, most in ((2, ".20"), (3, ".18"), (4, ".16"))
    },
    **{
        f"repeated_{n}_gram": f"share of characters in runs of {n} words that stood before (Gopher: {most} at most)"
        for n, most in ((5, ".15"), (6, ".14"), (7, ".13"), (8, ".12"), (9, ".11"), (10, ".10"))
    },
}
"""What each signal says and who asks for how much of it; the label is ``quality.`` and the name. Blank lines never
count; shares are 0 to 1 with four digits, and 0 where there is nothing to share."""

PLAIN = frozenset(name for name in SIGNALS if not name.endswith("_gram"))
"""The signals of words and lines: 17 MB/s; all of them with the repeated runs of words: 6 MB/s."""
