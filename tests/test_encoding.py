"""What the encoding stage repairs, what it leaves alone, and that its short cuts change no result."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import ftfy
import pytest
from ftfy.badness import is_bad
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cleaner.document import Document, Edit, Hint, Patch, composed
from cleaner.marks import render
from cleaner.matcher import Without
from cleaner.stages import encoding
from cleaner.stages.encoding import _SUSPECT, CONFIG, Encoding

STAGE = Encoding()


def repaired(text: str, **given: object) -> str:
    document = Document("a", text, **given)  # type: ignore[arg-type]
    return (document + STAGE.propose(document)).text


def edits(text: str) -> list[tuple[str, str, str]]:
    return [(e.before, e.after, e.rule) for e in STAGE.propose(Document("a", text)).edits]


LOOK_ALIKES = {
    "fr": (
        "« À demain », dit-elle. « Était-ce l’été ? » Œuvre, cœur, Noël, aiguë…",
        "L’ÉTÉ « INDIEN » À ÉVREUX – CÔTÉ JARDIN, CÔTÉ COUR",
        "La lettre Â est rare ; on l’écrit « Â » avec un chapeau.",
        "La lettre «\xa0Â\xa0» porte un accent.",
        "SOCIÉTÉ³ et LIBERTÉ† sont deux revues, l’une en CAFÉ²",
        "Prix\xa0: 3\xa0€, 20\xa0°C, 50\xa0%\xa0; « 12\xa0000\xa0»",
        "“Été” ou ‘été’ ? l’“été” et l’«hiver»",
        "Société® Générale™ – café© 2024",
        "œ: la ligature, “œ” et Œ.",
    ),
    "pt": (
        "A IRMÃ É BRASILEIRA E A MAÇÃ É VERMELHA",
        "Ela disse: “IRM\u00c3” e saiu.",
        "A “MANH\u00c3” e a «L\u00c3» são títulos",
        "«IRM\u00c3», ‘L\u00c3’ e IRM\u00c3³",
        "IRMÃ—disse ela—, LÃ – MAÇÃ",
        "1º ANO, 2ª FASE, Nº 4: NÃO É FÁCIL, É ÓTIMO",
        "Onde está a IRMÃ? E a LÃ!",
    ),
    "ca": ("LA CIUTAT ÉS GRAN I L’ÀVIA ÉS BONA", "COL·LEGI, L’HOSPITALET, PARAL·LEL: «ÉS AIXÍ»"),
    "es": ("¿Él? ¡Éste! «Ópera», AÑO Nº 5, 1.ª planta", "“¿Ñandú?” — ¡ÁNGEL! – 20 ºC"),
    "it": ("COSÌ, PERCHÉ, LUNEDÌ® E VENERDÌ™", "“È così”, disse. È già “città”; L’È"),
    "de": ("„Ältere“ sagte er, ‚Über‘ und »Öl«: STRAẞE, GROßE", "ÄÖÜ äöü ß: 5 Stück à 3 €, § 5 Abs. 2 ÄndG"),
    "nl": ("Officiële coördinatie, geëerd en ongeëvenaard; ’s ochtends, Ĳsselmeer", "‘Eén’ – “Ë” is een e met trema"),
    "vi": ("Các chữ cái Ă, Â, Đ, Ê, Ô, Ơ, Ư", "ÂM NHẠC VIỆT NAM – ĐÀ NẴNG, ở ĐÂU?", "Chữ Â và chữ Ã là hai chữ"),
    "tr": ("İSTANBUL’DA KÂĞIT VE RÜZGÂR", "“ŞİŞLİ” hâlâ «ÇOK» güzel; ĞÜŞ"),
    "ro": ("Literele Â și Î: ROMÂNIA, „ÎNCEPUT”, HOTĂRÎ", "„COBOR\u00ce” este o formă veche, “\u00ce” la fel"),
    "pl": ("Łódź, ŻÓŁĆ, „ŁÓDŹ” i „Źdźbło”",),
    "cs": ("Příliš „ŽLUŤOUČKÝ“ kůň – ŠKODA, ›ČR‹",),
    "hu": ("ÁRVÍZTŰRŐ TÜKÖRFÚRÓGÉP, „Őz”",),
    "sv": ("DET ÄR SÅ, ”ÅR” i Åland; Ångström",),
    "da": ("ÆBLEGRØD OG SMØRREBRØD, »Ål« på Ærø", "Hullet er Ø±0,1 mm, Ø 12 og Ø20"),
    "is": ("ÞÓR OG ÆGIR, „Það“ – ÍSLAND",),
    "el": ("ΑΘΗΝΑ «Ένα» “ΕΛΛΆΔΑ” – Ο ήλιος",),
    "ru": ("В «Газете» № 5: «СССР», «Ёлка» – В°С", "Прочита́л за́мок и замо́к"),
    "uk": ("Їжак і «Ґанок», ЄС №3",),
    "lv": ("Ģimene, „Ēka” ĶĒNIŅŠ, ĀDAŽI",),
    "he": ("המחיר \u200f12 ש״ח \u200e(ABC)\u200f",),
    "fa": ("می\u200cخواهم کتاب\u200cها را بخوانم",),
    "hi": ("क\u094d\u200dष और क्\u200cष",),
    "th": ("ภาษา\u200bไทย\u200bเขียน\u200bติด\u200bกัน",),
    "km": ("ភាសា\u200bខ្មែរ",),
    "ja": ("神\ufa19社の髙橋\ufa11さん、ＬＯＵＤ　ｶﾀｶﾅ", "今日は\u200b天気が\u200bいい"),
    "signs": (
        "┌──────┬──────┐ │ café │ Été  │ └──────┴──────┘ ╔═══╗ ║ É ║ ╚═══╝ ░▒▓█",
        "x = (−b ± √Δ)/2a, √2 ≈ 1,41, ∑ ∏ ∫ ∂ ∞ ≠ ≤ ≥, 1/√µε, 3×4 ÷ 2, ½ ¼, 50 µg/m³, \u2126, \u212b",
        "[ˈœ̃] /ʁə.ɡaʁ.de/ [ðə ˈkæʔ] x̄ p̂ ɛ̃",
        "👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥 🏴\u200d☠\ufe0f 🇫🇷 ¯\\_(ツ)_/¯ (͡° ͜ʖ ͡°) Ò_Ó",
        "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß àáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ",
        "R&D, AT&T; Q&A; &unknown; a&b;c ?x=1&copy=2",
        "Dans le texte l’entité &amp; vaut une esperluette ; écrire «&nbsp;»",
        "pages 12\xad14, Donau\xad",
        "ﬁn ﬂeur ǆ Ŀ \ufffd \ue000",
    ),
}

DAMAGED = (
    ("Une dÃ©sescalade, dÃ©jÃ\xa0 trÃ¨s lente", "Une désescalade, déjà très lente"),
    ("câ€™est Ã§a, Å“uvre et cÅ“ur", "c’est ça, œuvre et cœur"),
    ("Il va Ã Paris voir sa mÃ¨re", "Il va à Paris voir sa mère"),
    ("voilÃ le travail", "voilà le travail"),
    ("elle est lÃ , dÃ©jÃ  prÃªte", "elle est là, déjà prête"),
    ("Â« Bonjour Â», dit-elle", "« Bonjour », dit-elle"),
    ("le prix :Â 30Â â‚¬", "le prix :\xa030\xa0€"),
    ("the girlsâ€™ â€œdayâ€\x9d â€” at lastâ€¦", "the girls’ “day” — at last…"),
    ("GrÃ¶ÃŸe, KÃ¶ln, Ã„rger", "Größe, Köln, Ärger"),
    ("RUF MICH ZURÃœCK", "RUF MICH ZURÜCK"),
    ("niÃ±o, corazÃ³n, maÃ±ana", "niño, corazón, mañana"),
    ("nÃ£o Ã© fÃ¡cil, irmÃ£o", "não é fácil, irmão"),
    ("ongeÃ«venaard en geÃ«erd", "ongeëvenaard en geëerd"),
    ("perchÃ© no, Ã¨ cosÃ¬", "perché no, è così"),
    ("PrzykÅ‚ad Å¼Ã³Å‚wia", "Przykład żółwia"),
    ("pÅ™Ã\xadliÅ¡ Å¾luÅ¥", "příliš žluť"),
    ("TÃ¼rkÃ§e ÅŸiir", "Türkçe şiir"),
    ("Tiáº¿ng Viá»‡t", "Tiếng Việt"),
    ("ÐŸÑ€Ð¸Ð²ÐµÑ‚, Ð¼Ð¸Ñ€", "Привет, мир"),
    ("Ø§Ù„Ø³Ù„Ø§Ù…", "السلام"),
    ("âœ” fini ðŸ˜€", "✔ fini 😀"),
    ("caf√© au lait, d√©j√† vu", "café au lait, déjà vu"),
    ("caf├⌐ noir", "café noir"),
    ("ÃƒÂ©tÃƒÂ©", "été"),
    ("it\x92s \x93quoted\x94 \x85", "it’s “quoted” …"),
    ("R&amp;D &ndash; caf&eacute;&#8230;", "R&D – café…"),
    ("Tom &amp;amp; Ana, P&EACUTE;REZ", "Tom & Ana, PÉREZ"),
    ("\ufeffBonjour\ufeff", "Bonjour"),
    ("re\u200bduce it\u2060, in\u00adter\u00adna\u00adtional\u200e", "reduce it, international"),
    ("fi\u200cn de\u200d la", "fin de la"),
    ("\x1b[31mred\x1b[0m and \x07bell\x00", "red and bell"),
    ("cafe\u0301, e\u0323\u0302, \u0438\u0306, \u03b1\u0301", "café, ệ, й, ά"),
    ("one\r\ntwo\rthree\u2028four\u2029five\n", "one\ntwo\nthree\nfour\nfive\n"),
    ("\ud83d\ude00 and \ud83d", "😀 and \ufffd"),
)


def test_there_are_enough_cases() -> None:
    assert len(LOOK_ALIKES) >= 13
    assert sum(map(len, LOOK_ALIKES.values())) >= 50
    assert len(DAMAGED) >= 20


@pytest.mark.parametrize("line", [line for group in LOOK_ALIKES.values() for line in group])
def test_sound_text_stays(line: str) -> None:
    for text in (line, f"Avant.\n{line}\nAprès.", f"{line} "):
        assert render(text, STAGE.propose(Document("a", text)).edits) == render(text, ())


@pytest.mark.parametrize(("damaged", "sound"), DAMAGED)
def test_damaged_text_is_repaired(damaged: str, sound: str) -> None:
    assert repaired(damaged) == sound
    assert repaired(f"Avant\n{damaged}\nAprès") == f"Avant\n{sound}\nAprès"


def test_edits_are_local_and_named() -> None:
    assert edits("Une dÃ©sescalade " + "x" * 4000 + " rÃ©elle &ndash;") == [
        ("Ã©", "é", "encoding/mojibake"),
        ("Ã©", "é", "encoding/mojibake"),
        ("&ndash;", "–", "encoding/entity"),
    ]
    assert edits("\ufeffa\x07b\u200bc\x1b[1md\r\ne\u0301\n\ud800") == [
        ("\ufeff", "", "encoding/bom"),
        ("\x07", "", "encoding/control"),
        ("\u200b", "", "encoding/zero-width"),
        ("\x1b[1m", "", "encoding/terminal-escape"),
        ("\r", "", "encoding/line-end"),
        ("e\u0301", "é", "encoding/decomposed"),
        ("\ud800", "\ufffd", "encoding/surrogate"),
    ]


def test_a_stretch_that_two_fixers_touch_bears_the_stronger_name() -> None:
    (edit,) = STAGE.propose(Document("a", "caf&Atilde;&copy; noir")).edits
    assert edit == Edit(3, 17, "&Atilde;&copy;", "é", "encoding/mojibake", "latin-1→utf-8, entity")


def test_what_is_doubted_is_spared_with_the_reason() -> None:
    spared = STAGE.propose(Document("a", "Ela disse: “IRM\u00c3” e saiu.")).spared
    assert [(e.before, e.after, e.rule, e.note) for e in spared] == [
        ("\u00c3”", "Ô", "encoding/mojibake", "a capital before a closing quotation mark")
    ]


def test_a_blank_after_a_capital_needs_other_mojibake() -> None:
    assert repaired("The letter Ã is nasal.") == "The letter Ã is nasal."
    assert repaired("Il va Ã Paris.\nC’est lâ€™heure") == "Il va à Paris.\nC’est l’heure"
    # The last byte of ß was lost: what is left is not an à.
    assert repaired("MuÃ das sein? FÃ¼r 6,49 â¬ (netto)") == "MuÃ das sein? Für 6,49 â¬ (netto)"


def test_entities_are_markup_from_the_first_tag_on() -> None:
    assert repaired("a &amp; b\n<p>\nc &amp; d") == "a & b\n<p>\nc &amp; d"


def test_entities_in_code_stay() -> None:
    text = "a &amp; b\nc &amp; d"
    assert repaired(text, hints=(Hint("p"), Hint("pre"))) == "a & b\nc &amp; d"


def test_a_line_break_from_an_entity_makes_lines_of_their_own() -> None:
    assert repaired("a&#10;&#13;dÃ©jÃ©") == "a\n\ndéjé"


def test_direction_marks_stay_where_something_runs_right_to_left() -> None:
    assert repaired("Records \u200e– Jazz") == "Records – Jazz"
    assert repaired("Records \u200e– Jazz\nשלום") == "Records \u200e– Jazz\nשלום"
    assert repaired("\u202eabc\u202c") == "\u202eabc\u202c"


def test_next_line_is_the_ellipsis_of_windows() -> None:
    assert edits("enfin\x85") == [("\x85", "…", "encoding/mojibake")]


def test_windows_text_differs_by_its_line_ends_only() -> None:
    assert set(edits("« Été »\r\n\r\nŒuf à 3 €\r\n")) == {("\r", "", "encoding/line-end")}


FRAGMENTS = (
    "a|Z|mot |É|é|Â|Ã|Ãª|Ã©|Ã¨|Ã\xa0|Å“|Å“u|â€™|â€œ|â€|â€\x9d|ÃƒÂ©|œ|Œ|°|²|³|±|’|”|“|«|»|„|–|—|…|€|£|\xa0|\xad|´|¨|†|"
    "\x80|\x85|\x92|\x81|\x07|\x1b[0m|\x1b|\ufeff|\ufffc|\ufffd|\x7f|\u206b|\x1a|?|&|&amp;|amp;|&#233;|&Atilde;|&copy;|"
    "&lt;|&#10;|&#x200b;|&zwj;|;|#|<|\t|Ð|Ñ€|Ð¸|вЂ|Ђ|Г|В|С|ў|Γ|β€|ā€|Ø|Ù|×|√|©|≈|‚Ä|│|█|┬|\u200b|\u200c|\u200d|\u200e|"
    "\u200f|\u2060|\u202c|ไ|क|ا|א|日|か|😀|\ufe0f|e\u0301|\u0301|\u0323|и\u0306|\ud83d|\ude00|\r|\r\n|\u2028|\u2029|\n| |.|1"
).split("|")
TEXTS = st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join) | st.text(max_size=12)


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_a_second_run_finds_nothing(text: str) -> None:
    assert STAGE.propose(Document("a", repaired(text))).edits == ()


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_the_patch_inverts(text: str) -> None:
    document = Document("a", text)
    assert (document + STAGE.propose(document)).undo() == document


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_what_ftfy_finds_bad_is_suspect(text: str) -> None:
    assert _SUSPECT.search(text) or not any(map(is_bad, text.split("\n")))


def test_every_pair_that_ftfy_finds_bad_is_suspect() -> None:
    chars = sorted({c for f in FRAGMENTS for c in f} | set(map(chr, range(0xA0, 0x180))))
    pairs = [f"a{a}{b}{c}" for a in chars for b in chars for c in "a ²"]
    assert [p for p in pairs if is_bad(p) and not _SUSPECT.search(p)] == []


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        st.sampled_from("ae; x&#1ÂÃœŒàéÉ«»“”…\x00\x07\x85\xa0\xad\u0301\u200b\u200c\u200e\ufeff\u2022€™²ВГвβЂ\ud800")
    )
)
def test_what_is_told_to_be_sound_at_a_glance_has_nothing_suspect(text: str) -> None:
    glance = Without(encoding._MAYBE)
    assert not glance(text), "it would have to be compiled for little"
    glance("a" * (1 << 16))
    assert not (glance(text) and _SUSPECT.search(text))
    assert glance("« Œuvre », cœur : à Noël…") or _SUSPECT.search("« Œuvre », cœur : à Noël…")


def by_ftfy(text: str) -> str:
    """What ftfy gives; the runs it decodes on their own follow the same configuration."""

    def fix_encoding(run: str) -> str:
        return ftfy.fix_encoding_and_explain(run, CONFIG).text

    with patch.object(ftfy, "fix_encoding", fix_encoding):
        return ftfy.fix_text(text, CONFIG)


def agrees_with_ftfy(text: str) -> bool:
    """Whether ours is ftfy's result when nothing is doubted, or differs by what we add to ftfy, and says so."""
    with (
        patch.object(encoding, "_doubt", lambda line, edit: ""),
        patch.object(encoding, "_remembered", encoding._settled),
    ):
        found = STAGE.propose(Document("a", text))
    own = ("zero-width", "decomposed", "line-end")
    if found.spared or any(rule in e.rule or rule in e.note for e in found.edits for rule in own):
        return True
    if any("\n" in e.after for e in found.edits):  # a line break from an entity: each part is a line of its own
        return True
    return found.apply(text) == by_ftfy(text)


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_the_short_cuts_give_what_ftfy_gives(text: str) -> None:
    assume("Ã " not in text and "Â " not in text)
    assert agrees_with_ftfy(text)


def bench() -> Path:
    return Path(os.environ.get("CLEANER_BENCH") or Path(__file__).parents[2] / "shared" / "bench")


def bench_texts() -> Iterator[str]:
    """Every fifth text; all of them when the folder was named."""
    every = 1 if os.environ.get("CLEANER_BENCH") else 5
    yield from itertools.islice(all_bench_texts(), 0, None, every)


def all_bench_texts() -> Iterator[str]:
    parquet = pytest.importorskip("pyarrow.parquet")
    for lines in parquet.read_table(bench() / "sites" / "sites-dev.parquet")["naive"].to_pylist():
        yield "\n".join(lines)
    yield from parquet.read_table(bench() / "wcxb-dev.parquet")["main_content"].to_pylist()
    for path in sorted((bench() / "turku").glob("*.json")):
        for document in json.loads(path.read_text("utf-8")):
            yield "\n".join(document["text"])


@pytest.mark.skipif(not bench().is_dir(), reason="the benchmark data is not here; CLEANER_BENCH names its folder")
def test_the_short_cuts_give_what_ftfy_gives_on_real_pages() -> None:
    for text in bench_texts():
        clean = repaired(text)
        assert STAGE.propose(Document("a", clean)).edits == ()
        if "Ã " not in text and "Â " not in text:
            assert agrees_with_ftfy(text)


N = 20_000


@pytest.mark.parametrize(
    "text",
    [
        *("Â" * N + "©", "Ã" + "\x83" * N, "Ã\x82" * N + "Â©", "&" + "amp;" * N, "&#5" * N + "49;" + ";" * N),
        *("e" + "\u0301" * N, "ก" + "\u200b" * N + "a", "\x1b[" + "1;" * N, "\r" * N, "œ\n" * N, "É³\n" * N),
        *("x" * N + "«" + "AÂ» " * N, "Ã " * N, "æ–‡å—åŒ–" * N, "&#10;É³&#13;" * (N // 5), "\ud800" * N),
    ],
    ids=lambda text: ascii(text[:8]),
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    started = time.process_time()
    once = repaired(text)
    assert time.process_time() - started < 10  # a second or so; quadratic would be minutes
    assert STAGE.propose(Document("a", once)).edits == ()


SMALL = st.text("ab", max_size=8)


@given(SMALL, st.data())
def test_composed_edits_do_what_both_do(text: str, data: st.DataObject) -> None:
    def some(of: str) -> list[Edit]:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(of)), max_size=6)))
        pairs = zip(cuts[::2], cuts[1::2], strict=False)
        return [Edit(i, j, of[i:j], data.draw(SMALL), "control") for i, j in pairs]

    first = some(text)
    middle = Patch("encoding", tuple(first)).apply(text)
    then = some(middle)
    both = Patch("encoding", tuple(composed(text, first, then)))
    assert both.apply(text) == Patch("encoding", tuple(then)).apply(middle)


def test_a_line_of_megabytes_is_mended_in_parts() -> None:
    start = time.process_time()
    text = "Le cafÃ© Ã\xa0 Paris, puis une phrase sans rien. " * 6_000
    patch = Encoding().propose(Document("a", text))
    assert patch.apply(text) == "Le café à Paris, puis une phrase sans rien. " * 6_000
    assert {edit.rule for edit in patch.edits} == {"encoding/mojibake"}
    assert max(len(edit.before) for edit in patch.edits) < 10
    assert time.process_time() - start < 10
