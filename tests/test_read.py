"""Reading: bytes to text and back, files and folders to documents."""

from __future__ import annotations

import os
import random
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner.read.decode import Unreadable, decode, encode
from cleaner.read.files import Source, document, read, walk
from cleaner.read.html import declared_charset, is_html

FRENCH = "L’été, la rivière déborde : « déjà », dit-elle, déçue.\r\nLe pré est noyé.\rEt après ?\n"
RUSSIAN = "Вчера вечером мы ходили к реке, чтобы посмотреть на лодку. Было холодно и тихо."
POLISH = "Wczoraj poszliśmy nad rzekę, żeby zobaczyć łódź. Następnego dnia było już cieplej."


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (FRENCH.encode(), "utf-8"),
        (b"\xef\xbb\xbf" + FRENCH.encode(), "utf-8"),
        (("\ufeff" + FRENCH).encode("utf-16-le"), "utf-16-le"),
        (("\ufeff" + FRENCH).encode("utf-16-be"), "utf-16-be"),
        (("\ufeff" + FRENCH).encode("utf-32-le"), "utf-32-le"),
        (("\ufeff" + FRENCH).encode("utf-32-be"), "utf-32-be"),
        (FRENCH.encode("utf-16-le"), "utf-16-le"),
        (FRENCH.encode("utf-16-be"), "utf-16-be"),
        (FRENCH.encode("cp1252"), "cp1252"),
        (b"voil\xe0", "cp1252"),
        (RUSSIAN.encode("cp1251"), "cp1251"),
        (RUSSIAN.encode("koi8-r"), "koi8-r"),
        (POLISH.encode("cp1250"), "cp1250"),
        ("昨日は川へ船を見に行きました。とても寒い夜でした。".encode("cp932"), "cp932"),
        ("昨天晚上我们去河边看船。天气很冷，也很安静。".encode("gb18030"), "gb18030"),
    ],
)
def test_decodes_without_a_hint_and_gives_every_byte_back(data: bytes, encoding: str) -> None:
    found = decode(data)
    assert (found.encoding, found.exact) == (encoding, True)
    assert found.text == data.decode("utf-8" if encoding == "utf-8" else encoding)
    assert encode(found.text, found.encoding) == data


def test_the_order_is_mark_then_utf8_then_declared_then_detected() -> None:
    assert decode("\ufeffÉté".encode(), "koi8-r").encoding == "utf-8"
    assert decode("Été".encode(), "koi8-r").text == "Été"
    assert decode(RUSSIAN.encode("koi8-r"), "windows-1251").encoding == "cp1251"
    assert decode("Il a dit « oui ».".encode("cp1252"), "no-such-charset").text == "Il a dit « oui »."


@pytest.mark.parametrize("label", ["latin-1", "ISO-8859-1", "us-ascii", " windows-1252 ", "cp1252"])
def test_latin_labels_mean_cp1252_as_in_browsers(label: str) -> None:
    assert decode(b"l\x92\xe9t\xe9 \x96 \x80 2", label).text == "l’été – € 2"


@pytest.mark.parametrize("label", ["utf-7", "idna", "unicode_escape", "rot13", "zlib", "base64", "a\x00b", ""])
def test_labels_that_are_no_charset_of_the_web_are_not_believed(label: str) -> None:
    assert decode(b"caf\xe9 +AOk- \\u00e9", label).text == "café +AOk- \\u00e9"


def test_every_byte_has_its_place_in_cp1252() -> None:
    data = b"".join(b"mot \xe9" + bytes((b,)) for b in (0x81, 0x8D, 0x8F, 0x90, 0x9D)) + "é".encode("cp1252") * 40
    found = decode(data, "cp1252")
    assert found.exact
    assert "\x81" in found.text
    assert "\x9d" in found.text


def test_a_cut_or_a_stray_byte_does_not_turn_utf8_into_mojibake() -> None:
    cut = (FRENCH * 3).encode()[:-1] + "é".encode()[:1]
    stray = FRENCH.encode() * 2 + b"\xe9 fin"
    assert decode(cut, "utf-8").text.startswith("L’été")
    assert decode(stray).text.endswith("\ufffd fin")
    assert not decode(stray).exact


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "PDF"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "PNG"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "JPEG"),
        (b"PK\x03\x04\x14\x00", "ZIP"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "WebP"),
        (b"\x00\x00\x00\x20ftypisom", "MP4"),
        (random.Random(7).randbytes(4000), "control"),
        (b"text" + b"\0" * 30 + b"more text", "NUL"),
    ],
)
def test_what_is_not_text_is_refused_by_name(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        decode(data)


def test_text_that_looks_a_little_like_junk_is_read() -> None:
    assert decode(b"PK is short for a name. %PDF- begins a PDF.").exact
    assert decode(b"one\x00 stray NUL in " + b"a long line of text " * 20).exact
    assert decode(b"\x1b[1mbold\x1b[0m in a terminal, a\x08a in a manual\x0c").exact
    assert decode(b"   \n").text == "   \n"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1))
def test_utf8_round_trip(text: str) -> None:
    found = decode(text.encode())
    assert found.text == text
    assert found.exact


@given(st.binary(min_size=1), st.sampled_from([None, "cp1252", "latin-1", "utf-8", "shift_jis", "koi8-r", "big5"]))
def test_decode_gives_text_or_a_reason_and_exact_is_the_truth(data: bytes, declared: str | None) -> None:
    try:
        found = decode(data, declared)
    except Unreadable:
        return
    assert found.text.encode()  # no lone surrogates
    assert found.exact == (encode(found.text, found.encoding) == data)
    assert found == decode(data, declared)


@given(st.binary(min_size=1, max_size=200))
def test_cp1252_loses_no_byte(data: bytes) -> None:
    assert encode(bytes(data).decode("latin-1"), "cp1251").count(b"?") >= 0  # what does not fit never raises
    try:
        found = decode(b"\xe9a " + data, "latin-1")
    except Unreadable:
        return
    assert found.exact or found.encoding == "utf-8"


@pytest.mark.parametrize(
    ("text", "is_page"),
    [
        ("<!DOCTYPE html><p>a", True),
        ("\ufeff\n <!-- made by hand -->\n<HTML lang=fr>", True),
        ('<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0">', True),
        ("<div class='a'><p>Une phrase.</p></div>\n", True),
        ("<style>p { color: red }</style><div>Une phrase.</div>", True),
        ("<head><title>T</title></head><body><p>Une phrase.</body>", True),
        ("<head> holds what is not shown, like <title>.", False),
        ("", False),
        ("Une phrase.", False),
        ("<p> is the tag that opens a paragraph, </p> the one that closes it.", False),
        ("To begin, write <html> and <body>, then </body></html>", False),
        ('<?xml version="1.0"?><note><p>Not a page.</p></note>', False),
        ("<rss version='2.0'><channel><p>x</p></channel></rss>", False),
        ("<svg><title>x</title></svg>", False),
        ("<script>let a = 1 < 2</script>", False),
        ("<T extends object>(x: T) => <div>{x}</div>", False),
        ("<div className={styles.box}>{children}</div>", False),
        ("a < b and b > c", False),
        ("<!-- " * 5000, False),
    ],
)
def test_is_html(text: str, is_page: bool) -> None:
    assert is_html(text) is is_page


@pytest.mark.parametrize(
    ("head", "charset"),
    [
        (b"<meta charset=utf-8>", "utf-8"),
        (b"<meta name=x content=y><META CHARSET='Shift_JIS'/>", "Shift_JIS"),
        (b'<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">', "koi8-r"),
        (b'<?xml version="1.0" encoding="iso-8859-2"?>', "iso-8859-2"),
        (b'<?xml version="1.0" encoding="iso-8859-2"?><meta charset="cp1250">', "cp1250"),
        (b"<!-- <meta charset=koi8-r> --><meta charset=cp1251>", "cp1251"),
        (b"The word charset=utf-8 in a text", None),
        (b" " * 4096 + b"<meta charset=utf-8>", None),
        (b"", None),
    ],
)
def test_declared_charset(head: bytes, charset: str | None) -> None:
    assert declared_charset(head) == charset


def put(root: Path, *names: str, text: str = "Une ligne.\n") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def ids(sources: object) -> list[str]:
    assert isinstance(sources, list)
    return [source.id for source in sources]


def test_a_folder_gives_its_files_in_the_order_of_their_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "b/2.txt", "a.txt", "b-1.txt", "b/1/x.html", "c", ".hidden", ".git/config")
    (tmp_path / "empty").mkdir()
    expected = ["a.txt", "b-1.txt", "b/1/x.html", "b/2.txt", "c"]
    assert ids(list(walk([tmp_path]))) == expected == sorted(expected)
    listed = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: reversed(list(listed(path))))
    assert ids(list(walk([tmp_path]))) == expected


def test_exclude_matches_paths_and_names(tmp_path: Path) -> None:
    put(tmp_path, "site/a.html", "site/print/a.html", "site/b.tmp", "drafts/c.txt")
    assert ids(list(walk([tmp_path], ["*.tmp", "print", "drafts/*"]))) == ["site/a.html"]
    assert ids(list(walk([tmp_path / "site", tmp_path / "drafts"], ["print/*", "*.tmp"]))) == [
        "site/a.html",
        "drafts/c.txt",
    ]


def test_ids_of_several_inputs_begin_with_names_that_tell_them_apart(tmp_path: Path) -> None:
    put(tmp_path, "one/pages/a.txt", "two/pages/a.txt", "three/b.txt", ".named")
    roots = [tmp_path / "one/pages", tmp_path / "two/pages", tmp_path / "three", tmp_path / ".named"]
    assert ids(list(walk(roots))) == ["one/pages/a.txt", "two/pages/a.txt", "three/b.txt", ".named"]
    assert ids(list(walk([tmp_path / "three/b.txt"]))) == ["b.txt"]
    twice = ids(list(walk([tmp_path / "three", tmp_path / "three"])))
    assert len(set(twice)) == 2


def test_links_that_leave_the_folder_or_loop_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "outside.txt", "in/a.txt", "in/sub/b.txt")
    (tmp_path / "in/out.txt").symlink_to(tmp_path / "outside.txt")
    (tmp_path / "in/copy.txt").symlink_to(tmp_path / "in/a.txt")
    (tmp_path / "in/sub/loop").symlink_to(tmp_path / "in")
    (tmp_path / "in/gone.txt").symlink_to(tmp_path / "in/nothing.txt")
    os.mkfifo(tmp_path / "in/pipe")
    assert ids(list(walk([tmp_path / "in"]))) == ["a.txt", "copy.txt", "sub/b.txt"]


def test_a_missing_input_is_named_before_anything_is_read(tmp_path: Path) -> None:
    put(tmp_path, "a.txt")
    with pytest.raises(Unreadable, match=r"nowhere\.txt"):
        next(walk([tmp_path / "a.txt", tmp_path / "nowhere.txt"]))


def test_file_names_that_are_not_utf8_get_ids_that_can_be_stored(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    [source] = walk([tmp_path])
    assert source.id == "caf\\xe9.txt"
    assert read(source).raw == "x"


def test_files_are_read_by_their_names_and_others_by_their_looks(tmp_path: Path) -> None:
    page = "<html><body><p>Une <b>page</b>.</p></body></html>"
    put(tmp_path, "a.txt", "a.html", "a", "b.md", text=page)
    put(tmp_path, "c", "c.HTM", text="Pas de balise.\n")
    formats = {source.id: read(source).labels["format"] for source in walk([tmp_path])}
    assert formats == {"a.txt": "text", "a.html": "html", "a": "html", "b.md": "html", "c": "text", "c.HTM": "html"}
    assert read(Source("a.txt", tmp_path / "a.txt")).raw == page


def test_what_cannot_be_read_gives_its_reason(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"")
    with pytest.raises(Unreadable, match="empty"):
        read(Source("a.txt", tmp_path / "a.txt"))
    with pytest.raises(Unreadable, match="No such file"):
        read(Source("b.txt", tmp_path / "b.txt"))
    with pytest.raises(Unreadable, match="directory"):
        read(Source("d", tmp_path))


def test_a_text_keeps_its_bytes_and_says_so() -> None:
    data = "\ufeffÉté\r\nfin".encode()
    made = document(data, "x")
    assert made.raw == "\ufeffÉté\r\nfin"
    assert made.html is None
    assert made.labels == {
        "encoding": "utf-8",
        "exact": True,
        "source_sha256": sha256(data).hexdigest(),
        "raw_sha256": sha256(data).hexdigest(),
        "format": "text",
    }


def test_a_string_with_a_lone_surrogate_is_not_exact() -> None:
    assert document("a\ud800b").raw == "a\ufffdb"
    assert document("a\ud800b").labels["exact"] is False
    assert document("a😀b").labels["exact"] is True


def test_a_page_knows_its_address_its_software_and_that_its_bytes_are_gone() -> None:
    page = (
        "<html><head><meta charset=cp1252><meta name=Generator content='WordPress 6.4'>"
        "<link rel='Canonical' href=' https://exemple.test/a '></head><body><p>Été</p></body></html>"
    )
    made = document(page.encode("cp1252"))
    assert (made.raw, made.html, made.url) == ("Été", page, "https://exemple.test/a")
    assert made.labels["encoding"] == "cp1252"
    assert made.labels["exact"] is False
    assert made.labels["cms"] == "wordpress"
    assert made.labels["source_sha256"] == sha256(page.encode("cp1252")).hexdigest()
    assert made.labels["raw_sha256"] == sha256("Été".encode()).hexdigest()
    given_url = document(page, url="https://ailleurs.test/")
    assert given_url.url == "https://ailleurs.test/"
    assert "url_from" not in given_url.labels


@pytest.mark.parametrize("href", ["/a", "javascript:void(0)", "", "ftp://exemple.test/a"])
def test_an_address_that_is_not_absolute_is_none(href: str) -> None:
    made = document(f"<html><link rel=canonical href='{href}'><meta name=generator content='Handwork'><p>x</html>")
    assert made.url is None
    assert "cms" not in made.labels


def test_the_servers_charset_stands_before_the_pages() -> None:
    page = b"<html><meta charset=koi8-r><p>" + RUSSIAN.encode("cp1251")
    assert document(page, declared="windows-1251").raw == RUSSIAN
