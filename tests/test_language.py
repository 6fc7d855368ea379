"""The language of a document is that of its prose, whatever stands around it, and always the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner.document import Document, Edit, Patch
from cleaner.stages.language import FLOOR, UNKNOWN, Language, identify, sample

PROSE = {
    "fr": "Le conseil a voté hier soir la fermeture du vieux pont, que les habitants traversaient encore à pied. "
    "Les travaux commenceront au printemps et dureront, selon la mairie, un peu plus de deux ans.",
    "en": "The council voted last night to close the old bridge, which people still crossed on foot every morning. "
    "Work will begin in spring and should last, the mayor said, a little more than two years.",
    "de": "Der Rat hat gestern Abend beschlossen, die alte Brücke zu schließen, über die noch viele zu Fuß gingen. "
    "Die Arbeiten beginnen im Frühjahr und dauern laut dem Bürgermeister etwas mehr als zwei Jahre.",
    "es": "El consejo votó anoche el cierre del viejo puente, que los vecinos todavía cruzaban a pie cada mañana. "
    "Las obras empezarán en primavera y durarán, según el alcalde, algo más de dos años.",
    "it": "Il consiglio ha votato ieri sera la chiusura del vecchio ponte, che gli abitanti attraversavano a piedi. "
    "I lavori cominceranno in primavera e dureranno, secondo il sindaco, poco più di due anni.",
    "pt": "O conselho votou ontem à noite o fecho da velha ponte, que os moradores ainda atravessavam a pé. "
    "As obras começarão na primavera e deverão durar, segundo o presidente, pouco mais de dois anos.",
    "fi": "Valtuusto päätti eilen illalla sulkea vanhan sillan, jonka yli asukkaat yhä kulkivat joka aamu jalan. "
    "Työt alkavat keväällä ja kestävät pormestarin mukaan hieman yli kaksi vuotta.",
    "ru": "Вчера вечером совет решил закрыть старый мост, по которому жители всё ещё ходили пешком каждое утро. "
    "Работы начнутся весной и продлятся, по словам мэра, чуть больше двух лет.",
    "ar": "قرر المجلس مساء أمس إغلاق الجسر القديم الذي كان السكان يعبرونه سيرا على الأقدام كل صباح قبل العمل",
    "el": "Το συμβούλιο αποφάσισε χθες το βράδυ να κλείσει την παλιά γέφυρα, που οι κάτοικοι περνούσαν πεζοί.",
    "he": "המועצה החליטה אתמול בערב לסגור את הגשר הישן, שהתושבים עדיין חצו ברגל בכל בוקר בדרכם לעבודה.",
    "th": "เมื่อคืนนี้สภาลงมติให้ปิดสะพานเก่าซึ่งชาวบ้านยังคงเดินข้ามทุกเช้า",
    "ja": "議会は昨夜、住民が毎朝歩いて渡っていた古い橋を閉鎖することを決めた。工事は春に始まる。",
    "zh": "市议会昨晚决定关闭居民每天早上步行经过的旧桥，工程将于春天开始，预计需要两年多的时间。",
    "ko": "의회는 어젯밤 주민들이 매일 아침 걸어서 건너던 오래된 다리를 폐쇄하기로 결정했다.",
}
# langdetect has no profile for them and answers something else.
UNPROFILED = {"hy": "Ավագանին երեկ որոշեց փակել հին կամուրջը", "ka": "საბჭომ გუშინ ძველი ხიდის დახურვა გადაწყვიტა"}
CHROME = "Leave a Comment\nShare this\nSubscribe to our newsletter\nRead more\nADVERTISEMENT\nPowered by\n"
COOKIES = (
    "We use cookies and similar technologies to make this website work and to show you relevant advertising.\n"
    "You can accept all of them, reject those that are not needed, or change your preferences at any time.\n"
)


@pytest.mark.parametrize("language", [*PROSE, *UNPROFILED])
def test_prose_is_identified(language: str) -> None:
    found, score = identify((PROSE | UNPROFILED)[language])
    assert (found, score >= FLOOR) == (language, True)


@pytest.mark.parametrize("language", [language for language in PROSE if language != "en"])
def test_english_around_an_article_does_not_count(language: str) -> None:
    page = CHROME + COOKIES + "\n".join([PROSE[language]] * 8) + "\n" + CHROME * 5
    assert identify(page)[0] == language


@pytest.mark.parametrize(
    "text", ["", "12 345 – 67 %", "Leave a Comment", "Actualité", "漢字", "https://a.example/le/chat", "日本"]
)
def test_what_is_too_short_to_tell_stays_open(text: str) -> None:
    assert identify(text) == (UNKNOWN, 0.0)


@pytest.mark.parametrize(
    ("text", "language"),
    [("ありがとう", "ja"), ("안녕하세요", "ko"), ("Ευχαριστώ", "el"), ("今天下午我们去公园散步吧", "zh")],
)
def test_a_script_tells_its_language_in_a_word(text: str, language: str) -> None:
    assert identify(text) == (language, 1.0)


def test_a_script_without_any_profile_stays_open() -> None:
    assert identify("ཁ་སང་དགོང་མོ་ཟམ་པ་རྙིང་པ་སྒོ་རྒྱག་རྒྱུའི་ཐག་གཅོད་བྱས་པ་རེད།" * 3) == (UNKNOWN, 0.0)


def test_addresses_are_not_asked_about() -> None:
    text = PROSE["fr"] + " https://the.example/with/many/english/words/in/the/path someone.from.there@mail.example"
    assert "example" not in sample(text)
    assert identify(text)[0] == "fr"


def test_short_lines_are_asked_only_where_there_is_no_prose() -> None:
    assert sample(CHROME + PROSE["fr"]) == PROSE["fr"]
    assert sample(CHROME) == CHROME


def test_the_stage_gives_two_labels_and_no_edit() -> None:
    found = Language().propose(Document("a", PROSE["fr"]))
    assert (found.edits, found.spared) == ((), ())
    assert found.labels == {"language": "fr", "language_score": 1.0}


def test_what_was_sure_is_not_asked_again_as_long_as_most_of_the_prose_stands() -> None:
    stage = Language()
    text = "\n".join([*[PROSE["fr"]] * 9, "Facebook", PROSE["de"]])
    document = Document("a", text)
    document += stage.propose(document)

    def without(start: int) -> Document:
        return document + Patch("chrome", (Edit(start, len(text), text[start:], "", "x/y"),))

    assert stage.settled(without(text.index("Facebook")))
    assert not stage.settled(without(text.index(PROSE["fr"], 1 + len(text) // 2)))
    assert not stage.settled(Document("b", text))
    doubtful = Document("c", "\n".join((PROSE["fr"], PROSE["de"])))
    doubtful += stage.propose(doubtful)
    assert not stage.settled(doubtful)


def test_what_was_asked_before_does_not_matter() -> None:
    alone = {text: identify(text) for text in PROSE.values()}
    mixed = [PROSE["fr"][:70] + PROSE["en"][:70], PROSE["es"][:40] + PROSE["pt"][:40]]
    first = [identify(text) for text in mixed]
    for text in reversed(PROSE.values()):
        assert identify(text) == alone[text]
        assert [identify(text) for text in mixed] == first


def test_every_process_gives_the_same() -> None:
    mixed = PROSE["es"][:60] + PROSE["pt"][:60] + PROSE["it"][:60]
    code = "from cleaner.stages.language import identify; print(identify(sys.argv[1]))"
    slow = "sys.modules['langdetect_rs'] = None; "  # as where it has no wheel
    found = set()
    for seed, before in (("0", ""), ("1", ""), ("2", slow)):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
        command = [sys.executable, "-c", f"import sys; {before}{code}", mixed]
        found.add(subprocess.run(command, capture_output=True, check=True, env=env).stdout)
    assert found == {f"{identify(mixed)}\n".encode()}


def test_both_detectors_agree() -> None:
    fast = pytest.importorskip("langdetect_rs")
    slow = pytest.importorskip("langdetect")
    texts = [text[:length] for text in PROSE.values() for length in (20, 60, 200)]
    texts += [PROSE["fr"][:80] + PROSE["en"][:80], CHROME, COOKIES]
    for text in texts:
        answers = []
        for detector in (fast, slow):
            detector.DetectorFactory.seed = 0
            answers.append([(a.lang, a.prob) for a in detector.detect_langs(text)])
        assert answers[0] == answers[1]


@settings(deadline=None)
@given(
    st.text(max_size=300) | st.lists(st.sampled_from([*PROSE.values(), CHROME, "漢", "é", "\n", "@", "1"])).map("".join)
)
def test_any_text_has_an_answer(text: str) -> None:
    language, score = identify(text)
    assert 0 <= score <= 1
    assert language == UNKNOWN or score >= 0.5
    assert len(sample(text)) <= 600 + 8


@pytest.mark.parametrize(
    "text", ["a" * 10**6, "a@" * 10**6, "漢 " * 10**6, "\n" * 10**6, "www." * 10**6, "x.y-" * 10**6]
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    started = time.process_time()
    identify(text)
    assert time.process_time() - started < 2


def bench() -> Path:
    return Path(os.environ.get("CLEANER_BENCH") or Path(__file__).parents[2] / "shared" / "bench")


@pytest.mark.skipif(not bench().is_dir(), reason="the benchmark data is not here; CLEANER_BENCH names its folder")
def test_real_pages() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(bench() / "sites" / "sites-dev.parquet", columns=["language", "naive"])
    pages = list(zip(table["language"].to_pylist(), table["naive"].to_pylist(), strict=True))
    wrong = [(known, found) for known, page in pages if (found := identify("\n".join(page))[0]) != known]
    # The label is the site's; seven pages of the Italian school's site are written in English.
    assert wrong == [("it", "en")] * 7


@pytest.mark.skipif(not bench().is_dir(), reason="the benchmark data is not here; CLEANER_BENCH names its folder")
@pytest.mark.parametrize("language", ["de", "en", "es", "fi"])
def test_real_documents(language: str) -> None:
    documents = [
        document
        for part in ("train", "dev")
        for document in json.loads((bench() / "turku" / f"{language}.{part}.json").read_text("utf-8"))
    ]
    right = sum(identify("\n".join(document["text"]))[0] == language for document in documents)
    # The labels are the crawl's; the rest are lists, price tables and pages in another language.
    assert right / len(documents) > 0.9
