"""CatBoost fits, kept in a folder by what they were made of, as trees that numpy evaluates. Needs catboost."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Sequence
from pathlib import Path

import catboost
import numpy as np

from cleaner.blocks.trees import Trees


def stamp(*parts: bytes) -> str:
    held = hashlib.sha256()
    for part in parts:
        held.update(hashlib.sha256(part).digest())
    return held.hexdigest()[:16]


class Fits:
    """CatBoost fits, kept in a folder by what they were made of, as trees that numpy evaluates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fit(self, name: str, rows, target, weight, **settings) -> Trees:
        held = (np.ascontiguousarray(part).tobytes() for part in (rows, target, weight))
        path = self.folder / f"{name}.{stamp(*held, repr(sorted(settings.items())).encode())}.pkl"
        if not path.exists():
            loss = "MultiRMSE" if target.ndim > 1 else "MultiClass" if target.max() > 1 else "Logloss"
            cat = catboost.CatBoost({
                "loss_function": loss, "thread_count": 2, "random_seed": 1, "verbose": 0, "border_count": 32,
                "boosting_type": "Plain", "bootstrap_type": "No", "score_function": "L2",
                "allow_writing_files": False, **settings,
            })  # fmt: skip
            cat.fit(rows, target, sample_weight=weight)
            json_path = self.folder / f"{name}.json"
            cat.save_model(str(json_path), format="json")
            fitted = exported(json.loads(json_path.read_text()))
            json_path.unlink()
            told = cat.predict(rows[:200], prediction_type="RawFormulaVal").reshape(len(rows[:200]), -1)
            assert np.allclose(fitted(np.asarray(rows[:200], np.float32)), told, atol=1e-3), name
            path.write_bytes(pickle.dumps(fitted))
            print(f"{name}: {rows.shape[0]:,} rows, {rows.shape[1]} columns", flush=True)
        return pickle.loads(path.read_bytes())

    def mean(self, name: str, shown: tuple, settings: Sequence[dict]) -> Trees:
        """Fit with each of the settings: trees whose score is the mean of all."""
        return averaged([self.fit(name, *shown, **some) for some in settings])


def averaged(fitted: Sequence[Trees]) -> Trees:
    """Give the trees whose score is the mean of all."""
    asks, borders, leaves, bias = zip(*fitted, strict=True)
    means = np.concatenate(leaves) / np.float32(len(fitted))
    return Trees(np.concatenate(asks), np.concatenate(borders), means, np.mean(bias, axis=0))


def exported(held: dict) -> Trees:
    depth = max(len(t["splits"] or ()) for t in held["oblivious_trees"])
    asks, borders, leaves = [], [], []
    scale, bias = held["scale_and_bias"]
    for t in held["oblivious_trees"]:
        splits = t["splits"] or []
        spare = depth - len(splits)
        asks.append([s["float_feature_index"] for s in splits] + [0] * spare)
        borders.append([s["border"] for s in splits] + [np.inf] * spare)
        values = np.array(t["leaf_values"]).reshape(1 << len(splits), -1)
        leaves.append(np.concatenate((values, np.zeros(((1 << depth) - len(values), values.shape[1])))))
    scaled = (np.array(leaves) * scale).astype(np.float32)
    return Trees(np.array(asks, np.int16), np.array(borders, np.float32), scaled, np.array(bias, float).reshape(-1))
