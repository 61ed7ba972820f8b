"""The folder of a model with an encoder: what `model.json` says, and that every file is the one it names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import models
from classifier.calibration import Calibrator
from classifier.encoder.runtime import Backend
from classifier.encoder.tokens import Shape
from classifier.tfidf import heads

Share = Annotated[float, Field(ge=0, le=1)]

ABOUT = "model.json"
TREES = "trees.npz"
_READ = frozenset({"encoder.onnx", "tokenizer.json", TREES, f"tfidf/{ABOUT}", "tfidf/weights.npz"})
_NEEDED: dict[Backend, str] = {"onnx": "encoder.onnx", "torch": "torch/heads.safetensors"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FirstStage(_Strict):
    """Below both, as probabilities of the linear model, its scores stand and the encoder is not asked."""

    about: Share
    harmful: Share


class Windows(_Strict):
    """How long texts are read; see `classifier.encoder.tokens.Shape`."""

    first: int = Field(8, ge=1)
    spread: int = Field(4, ge=0)


class About(_Strict):
    """What `model.json` says.

    `fusion` gives for each head (a, b, c): logit = a x encoder + b x linear + c, which `calibration` turns
    into a probability. With `acts` "softmax" the acts are softmax of their logits, without calibration; with
    "sigmoid" they are calibrated one by one and then made to sum to 1. `files` are SHA-256 in hex; with
    `trees.npz` among them, P(harmful) is what trees make of all heads (`classifier.encoder.trees`).
    """

    kind: Literal["reader"] = "reader"
    name: str = Field(min_length=1, max_length=100)
    heads: tuple[str, ...]
    max_length: int = Field(ge=8, le=8192)
    stride: int = Field(ge=0)
    windows: Windows = Windows()
    prefix: str = ""
    segment: Literal["", "underthesea"] = ""
    acts: Literal["softmax", "sigmoid"]
    first_stage: FirstStage | None = None
    fusion: dict[str, tuple[float, float, float]]
    calibration: dict[str, dict[str, Any]]
    files: dict[str, str] = {}

    @model_validator(mode="after")
    def _covers_every_head(self) -> About:
        if self.heads != heads():
            raise ValueError("heads không khớp labels.yaml; huấn luyện lại")
        if lacking := {*self.heads} ^ {*self.fusion}:
            raise ValueError(f"fusion phải có đúng các nhãn; lệch: {', '.join(sorted(lacking))}")
        free = {*models.labels().acts} if self.acts == "softmax" else set()
        if lacking := {*self.heads} - free - {*self.calibration}:
            raise ValueError(f"calibration thiếu {', '.join(sorted(lacking))}")
        self.calibrators()
        return self

    @property
    def shape(self) -> Shape:
        """How texts are cut into windows."""
        reach = self.windows
        return Shape(self.max_length, self.stride, reach.first, reach.spread, self.prefix, self.segment)

    def calibrators(self) -> dict[str, Calibrator]:
        """Return the calibrators by head."""
        return {head: Calibrator.from_json(plain) for head, plain in self.calibration.items()}


def seal(folder: Path, about: About) -> None:
    """Write `model.json` with the hashes of all files of the folder that serving reads."""
    found = {name: _digest(folder / name) for name in sorted(_files(folder))}
    plain = about.model_copy(update={"files": found}).model_dump(mode="json")
    unfinished = folder / f"{ABOUT}.part"
    unfinished.write_text(json.dumps(plain, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(folder / ABOUT)


def read(folder: Path, backend: Backend = "onnx") -> About:
    """Read `model.json` and check each file that `backend` needs; raises `models.DataError` naming the one
    that is missing or is not what it was."""
    try:
        about = About.model_validate_json((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise models.DataError(f"Không đọc được mô hình {folder}: {error}") from error
    except ValidationError as error:
        lines = [f"  {'.'.join(str(p) for p in item['loc'])}: {item['msg']}" for item in error.errors()]
        raise models.DataError(f"{folder / ABOUT} sai:\n" + "\n".join(lines)) from error
    for name in (_NEEDED[backend], "tokenizer.json"):
        if name not in about.files:
            raise models.DataError(f"Mô hình {folder} không có {name}, mà cách chạy {backend} cần.")
    other = {"encoder.onnx"} if backend == "torch" else {n for n in about.files if n.startswith("torch/")}
    for name, digest in about.files.items():
        if name in other:
            continue
        try:
            found = _digest(folder / name)
        except OSError as error:
            raise models.DataError(f"Mô hình {folder} thiếu tệp {name}: {error.strerror}.") from error
        if found != digest:
            raise models.DataError(
                f"{folder / name} không phải tệp của mô hình này (SHA-256 khác model.json): chép lại mô hình."
            )
    return about


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and (name in _READ or name.startswith("torch/")):
            yield name


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
