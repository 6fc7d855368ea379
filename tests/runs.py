"""What the tests of written runs share: documents, and looks into an output folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from cleaner.document import Document, Edit, Label, Patch
from cleaner.write.atomic import Names
from cleaner.write.folder import Folder
from cleaner.write.fragment import Fault, Fragment, Keeping
from cleaner.write.parts import Form
from cleaner.write.shards import Decide, Shard, Writing, merge, tables_of, text_path

CLASSES = {"fr/lire-aussi": "related"}
TEXT = "Le pont ferme.\nLire aussi : La crue\nIl rouvrira lundi."


def encode(text: str, encoding: str) -> bytes:
    return text.encode(encoding)


def doc(id: str, raw: str = TEXT, encoding: str = "utf-8", /, **labels: Label) -> Document:
    source = raw.encode(encoding)
    told: dict[str, Label] = {
        "encoding": encoding,
        "exact": True,
        "source_sha256": sha256(source).hexdigest(),
        "raw_sha256": sha256(raw.encode()).hexdigest(),
    }
    return Document(id, raw, source=told | labels)


def cut(document: Document, what: str = "Lire aussi : La crue\n", rule: str = "fr/lire-aussi") -> Document:
    start = document.text.index(what)
    return document + Patch("chrome", (Edit(start, start + len(what), what, "", rule),))


def run(
    out: Path,
    documents: Sequence[Document],
    inputs: Sequence[Path] = (),
    *,
    chunks: int = 1,
    shards: int = 1,
    form: Form = "parquet",
    to: str = "text",
    ledger: Keeping = "parquet",
    decide: Decide | None = None,
    faults: Sequence[Fault] = (),
) -> Path:
    """Write a run of the documents, dealt in order to so many chunks and shards."""
    names = Names.of([d.id for d in documents], ".txt") if to == "text" else None
    with Folder(out, inputs=inputs) as folder:
        folder.begin([text_path(names, d.id) for d in documents] if names else [])
        how = Writing(folder.work, folder.out, form, ledger, names, decide)
        size = -(-len(documents) // chunks)
        for n in range(chunks):
            with Fragment(folder.work, n, CLASSES, ledger) as fragment:
                for d in documents[n * size : (n + 1) * size]:
                    fragment.add(d)
                for fault in faults if n == 0 else ():
                    fragment.fault(fault)
                fragment.commit()
        bounds = [chunks * n // shards for n in range(shards + 1)]
        for n in range(shards):
            folder.announce(tables_of(n, how))
            merge(Shard(n, bounds[n], bounds[n + 1] - 1), how)
        folder.finish(chunks, {"rules": "0" * 64, "ledger": ledger, "to": to})
    return out


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def texts(out: Path) -> dict[str, str]:
    return {name: content.decode() for name, content in files(out / "text").items()}


def told(out: Path) -> dict[str, object]:
    return dict(json.loads((out / "run.json").read_bytes()))
