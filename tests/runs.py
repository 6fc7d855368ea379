"""What the tests of written runs share: documents, and looks into an output folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from cleaner.document import Document, Edit, Label, Patch
from cleaner.write.output import Output

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


def run(out: Path, documents: Sequence[Document], inputs: Sequence[Path] = ()) -> Path:
    with Output(out, ids=[d.id for d in documents], inputs=inputs) as o:
        for d in documents:
            o.add(d, CLASSES)
        o.finish({"rules": "0" * 64})
    return out


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def texts(out: Path) -> dict[str, str]:
    return {name: content.decode() for name, content in files(out / "text").items()}


def told(out: Path) -> dict[str, object]:
    return dict(json.loads((out / "run.json").read_bytes()))
