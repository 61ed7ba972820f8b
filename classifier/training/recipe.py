"""What a model is made of and how: the file that `kiemtin model train` follows."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import models
from classifier.encoder.folder import Windows
from classifier.training.loop import Plan


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Strict):
    """Files of the data folder, or of `models/` where they begin with `written/`.

    `posts` are measured by grouped folds; `written` are always trained on, and so are `decided`, the exported
    decisions of a desk; `held_out` never is. Of
    `questions`, `english` and `plain` that many rows are drawn in each epoch of the first stage.
    """

    posts: str = "posts_train.jsonl"
    written: tuple[str, ...] = ()
    decided: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    questions: dict[str, int] = {}
    english: dict[str, int] = {}
    plain: dict[str, int] = {}


class Stage(_Strict):
    """How one stage is trained; see `loop.Plan`. `off_topic` posts are drawn in each epoch, 0 means all."""

    epochs: int = Field(ge=0, le=100)
    rate: float = Field(gt=0, le=0.01)
    tokens: int = Field(2560, ge=64, le=100_000)
    decay: float = Field(0.92, gt=0, le=1)
    frozen: int = Field(0, ge=0)
    disturb: float = Field(0.5, ge=0, le=1)
    keep: float = Field(2.0, ge=0)
    off_topic: int = Field(0, ge=0)
    written: float = Field(1.0, ge=0, le=1)

    def plan(self, seed: int) -> Plan:
        """Return the plan of this stage."""
        return Plan(
            self.epochs,
            self.rate,
            tokens=self.tokens,
            decay=self.decay,
            frozen=self.frozen,
            disturb=self.disturb,
            keep=self.keep,
            seed=seed,
        )


class Recipe(_Strict):
    """All that decides which model comes out, but for the data themselves, whose hashes the model keeps.

    Without an `encoder` it is the linear model alone. `warm` sees what is never measured; `folds` go on from
    it, each without the fold it is measured on; `final` is the mean of the folds' weights, or one more run
    over everything.
    """

    name: str = Field(min_length=1, max_length=100)
    encoder: str = ""
    layers: int = Field(0, ge=0)  # the lowest so many; 0 is all
    segment: Literal["", "underthesea"] = ""
    max_length: int = Field(128, ge=16, le=512)
    stride: int = Field(32, ge=0)
    windows: Windows = Windows()
    seed: int = 20_200_123
    data: Data
    warm: Stage = Stage(epochs=0, rate=1e-4)
    folds: Stage = Stage(epochs=0, rate=1e-4)
    count: int = Field(5, ge=2, le=20)
    final: Literal["mean", "again"] = "mean"
    quantise: Literal["int8", "fp32"] = "int8"
    threads: int = Field(2, ge=1)
    device: Literal["cuda", "cpu"] = "cuda"  # a GPU where there is one


def load(file: Path) -> Recipe:
    """Read a recipe; raises `models.DataError` naming each mistake."""
    try:
        return Recipe.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        lines = [f"  {'.'.join(str(p) for p in item['loc'])}: {item['msg']}" for item in error.errors()]
        raise models.DataError(f"Cấu hình huấn luyện {file} sai:\n" + "\n".join(lines)) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise models.DataError(f"Không đọc được cấu hình huấn luyện {file}: {error}") from error
