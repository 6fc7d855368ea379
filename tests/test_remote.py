"""Remote inputs: a web server, a server that speaks S3, and a clear word where a backend is missing."""

from __future__ import annotations

import functools
import gzip
import http.server
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cleaner.document import Document
from cleaner.read.decode import Unreadable
from cleaner.read.inputs import walk
from cleaner.read.record import Fault, Options, Record, Source
from cleaner.read.records import documents, plan, records

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

ROWS = b"".join(json.dumps({"id": n, "text": f"Bateau {n}."}).encode() + b"\n" for n in range(200))


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and lists folders, as ``python -m http.server`` does: without ranges."""

    asked: list[str] = []  # noqa: RUF012

    def log_message(self, *_: object) -> None:
        self.asked.append(f"{self.command} {self.path}")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    root = tmp_path / "site"
    (root / "pages/b").mkdir(parents=True)
    handler = functools.partial(Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield root, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def put(root: Path) -> None:
    (root / "pages/a.html").write_text("<p>Une page.</p>", encoding="utf-8")
    (root / "pages/b/c d.txt").write_text("Un texte.", encoding="utf-8")
    (root / "pages/.hidden").write_text("x", encoding="utf-8")
    (root / "pages/b-1.jsonl.gz").write_bytes(gzip.compress(ROWS))
    (root / "pages/z.jsonl").write_bytes(ROWS)


def everything(*inputs: str, options: Options | None = None) -> list[Record | Fault]:
    options = options or Options(chunk_bytes=1000)
    return [one for chunk in plan(walk(inputs), options) for one in records(chunk, options)]


def test_a_listed_folder_of_a_web_server_is_read_in_the_order_of_ids(site: tuple[Path, str]) -> None:
    root, url = site
    put(root)
    found = everything(f"{url}/pages/")
    names = [f"n{n}" for n in range(200)]
    assert [r.id for r in found] == [
        "a.html",
        *(f"b-1.jsonl.gz#{n[1:]}" for n in names),
        "b/c d.txt",
        *(f"z.jsonl#{n[1:]}" for n in names),
    ]
    assert all(isinstance(r, Record) for r in found)
    assert [s.id for s in walk([f"{url}/pages/*.jsonl*"])] == ["b-1.jsonl.gz", "z.jsonl"]


def test_one_page_of_a_web_server_is_one_document_and_its_links_are_not_followed(site: tuple[Path, str]) -> None:
    root, url = site
    put(root)
    (root / "index.html").write_text('<title>Accueil</title><p>Ici.</p><a href="/pages/a.html">a</a>', encoding="utf-8")
    [page] = documents([f"{url}/"])
    assert isinstance(page, Document)
    assert page.text == "Ici.\n\na" or page.text.startswith("Ici.")
    [source] = walk([f"{url}/pages/a.html?x=1"])
    assert source.id == "a.html"
    assert source.stamp
    assert [d.text for d in documents([f"{url}/pages/a.html"]) if isinstance(d, Document)] == ["Une page."]


def test_what_a_web_server_does_not_have_is_named(site: tuple[Path, str]) -> None:
    _, url = site
    with pytest.raises(Unreadable, match=r"gone\.html: no such file or folder"):
        next(walk([f"{url}/gone.html"]))
    with pytest.raises(Unreadable, match=r"127\.0\.0\.1:1/a: "):
        next(walk(["http://127.0.0.1:1/a"]))
    [fault] = [r for c in plan([Source("x", f"{url}/gone.jsonl")], Options()) for r in records(c, Options())]
    assert isinstance(fault, Fault)
    assert "No such file" in fault.reason


def test_a_bucket_is_read_like_a_folder(bucket: str, tmp_path: Path) -> None:
    s3 = fsspec.filesystem("s3")
    s3.mkdir("crawl")
    s3.pipe("crawl/in/a.html", b"<p>Une page.</p>")
    s3.pipe("crawl/in/b/c.txt", b"Un texte.")
    s3.pipe("crawl/in/b-1.jsonl", ROWS)
    s3.pipe("crawl/in/b/", b"")  # consoles make such folders
    pq.write_table(pa.table({"text": [f"Ligne {n}" for n in range(300)]}), tmp_path / "t.parquet", row_group_size=90)
    s3.pipe("crawl/in/t.parquet", (tmp_path / "t.parquet").read_bytes())
    sources = list(walk(["s3://crawl/in"]))
    assert [s.id for s in sources] == ["a.html", "b-1.jsonl", "b/c.txt", "t.parquet"]
    assert sources[0].path == "s3://crawl/in/a.html"
    assert sources[0].size == 16
    assert all(s.stamp for s in sources)
    found = everything("s3://crawl/in")
    assert len(found) == 1 + 200 + 1 + 300
    assert all(isinstance(r, Record) for r in found)
    assert found[1:201] == [r._replace(id=r.id) for r in everything("s3://crawl/in/b-1.jsonl")]
    assert [s.id for s in walk(["s3://crawl/**/*.txt", tmp_path / "t.parquet"])] == ["crawl/in/b/c.txt", "t.parquet"]
    before = sources[0].stamp
    s3.pipe("crawl/in/a.html", b"<p>Une PAGE.</p>")
    assert next(walk(["s3://crawl/in"])).stamp != before
    with pytest.raises(Unreadable, match="s3://crawl/nothing: no such file or folder"):
        next(walk(["s3://crawl/nothing"]))


def test_an_endpoint_may_be_told_by_fsspecs_own_configuration(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.filesystem("s3").mkdirs("other", exist_ok=True)
    fsspec.filesystem("s3").pipe("other/a.txt", b"Un texte.")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setitem(fsspec.config.conf, "s3", {})
    monkeypatch.setenv("FSSPEC_S3_ENDPOINT_URL", bucket)
    fsspec.config.set_conf_env(fsspec.config.conf)
    assert [r.data for r in everything("s3://other/a.txt")] == [b"Un texte."]
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def test_memory_and_file_urls_are_inputs_too(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe("/in/x/a.txt", b"Un texte.")
    assert [(r.id, r.data) for r in everything("memory://in")] == [("x/a.txt", b"Un texte.")]
    (tmp_path / "a b.txt").write_text("Un autre.")
    assert [r.data for r in everything(f"file://{tmp_path}/a%20b.txt")] == [b"Un autre."]


def test_a_backend_that_is_missing_or_unknown_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(Unreadable, match=r"gs://b/a: .*pip install 'crawl-cleaner\[remote\]'"):
        next(walk(["gs://b/a"]))
    with pytest.raises(Unreadable, match=r"nonsense.*known, among others: file, http"):
        next(walk(["nonsense://b/a"]))
