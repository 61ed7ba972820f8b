"""Trains a model as its recipe says, measures it on what it has not seen, and writes it with its card.

Every long step leaves its result in the work folder, and a run that was stopped goes on from there:
the first stage (`warm.pt`), the teacher's meanings, each fold (`fold_K.npz`, `fold_K.pt`). The folder is
bound to its recipe and data: another recipe refuses it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

import models
from classifier.encoder.encode import Encoder
from classifier.encoder.runtime import Serving
from classifier.encoder.segment import segmenter
from classifier.encoder.tokens import Shape
from classifier.tfidf import TfidfModel, heads
from classifier.training import linear, loop, net
from classifier.training.data import Texts, joined
from classifier.training.export import export
from classifier.training.material import Progress, Step, material
from classifier.training.recipe import Recipe, Stage

Floats = NDArray[np.float64]
_SAMPLES = 64  # texts on which rounding to 8 bits is fitted


class Run:
    """One training run in a work folder."""

    def __init__(self, recipe: Recipe, folder: Path, work: Path, progress: Progress) -> None:
        self.recipe, self.work, self._folder, self.tell = recipe, work, folder, progress
        torch.set_num_threads(recipe.threads)
        self.material = material(recipe, folder)
        self._claim_folder()
        encoder, self.tokenizer = net.load(_encoder(recipe.encoder, folder), recipe.layers)
        torch.manual_seed(recipe.seed)
        self.device = torch.device(recipe.device if torch.cuda.is_available() else "cpu")
        self.topics = _topics(self.material.written)
        self.reader = net.Reader(encoder, len(self.topics)).to(self.device)
        self._segment = segmenter(recipe.segment)
        self.batches = loop.Batches(
            self._encode, recipe.max_length, self.tokenizer.pad_token_id, recipe.warm.tokens
        )

    def warm(self) -> None:
        """Train the first stage, or take it from the work folder; afterwards `self.reader` holds it."""
        kept = self.work / "warm.pt"
        if not kept.exists():
            taught = self._taught()
            loop.train(
                self.reader,
                self.batches,
                self.recipe.warm.plan(self.recipe.seed),
                lambda epoch: self._with_meanings(self._warm_texts(epoch), taught),
                _weights,
                self.work / "warm.checkpoint",
                self._told("warm"),
            )
            _save(self.reader, kept)
            (self.work / "warm.checkpoint").unlink(missing_ok=True)
        self.reader.load_state_dict(self._state(kept))

    def folds(self) -> tuple[Floats, Floats]:
        """Train and measure every fold; return the logits of encoder and linear model, each (n, 22)."""
        posts = self.material.posts
        encoder, counted = (np.zeros((len(posts), len(heads()))) for _ in range(2))
        parts = GroupKFold(self.recipe.count).split(posts.texts, groups=posts.groups)
        for number, (train, test) in enumerate(parts):
            kept = self.work / f"fold_{number}.npz"
            if not kept.exists():
                self._fold(number, posts.take(train), posts.take(test), kept)
            with np.load(kept) as stored:
                encoder[test], counted[test] = stored["encoder"], stored["linear"]
        return encoder, counted

    def final(self) -> net.Reader:
        """Return the network that ships: the mean of the folds' weights, or one more run over everything."""
        if self.recipe.final == "again":
            kept = self.work / "again.pt"
            if not kept.exists():
                self._go_on(self.material.posts, self.work / "again.checkpoint", "again")
                _save(self.reader, kept)
            self.reader.load_state_dict(self._state(kept))
            return self.reader
        states = [self._state(self.work / f"fold_{i}.pt") for i in range(self.recipe.count)]
        mean = {key: sum(state[key].float() for state in states) / len(states) for key in states[0]}
        self.reader.load_state_dict(mean)
        return self.reader

    def counted(self) -> TfidfModel:
        """Return the linear model fitted on everything but what is held out."""
        self.tell(Step("linear", 0.0))
        return linear.fit(
            joined(self.material.posts, self.material.always), f"{self.recipe.name}-tfidf", self.recipe.seed
        )

    def export(self, folder: Path) -> None:
        """Write the present weights to `folder` as serving runs them: `encoder.onnx` and `tokenizer.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
        chance = np.random.default_rng(self.recipe.seed)
        texts = self.material.posts.texts
        drawn = [texts[i] for i in chance.permutation(len(texts))[:_SAMPLES]]
        coded = [np.array(ids[: self.recipe.max_length], np.int64) for ids in self._encode(drawn)]
        export(self.reader.cpu(), folder / "encoder.onnx", self.recipe.quantise, coded)
        self.reader.to(self.device)

    def read(self, folder: Path, texts: Sequence[str]) -> Floats:
        """Return the logits (n, 22) of texts by what `export` wrote: the very file that is calibrated."""
        cut = self.recipe
        reach = cut.windows
        shape = Shape(cut.max_length, cut.stride, reach.first, reach.spread, segment=cut.segment)
        return Encoder.open(folder, shape, Serving(threads=self.recipe.threads)).read(texts).logits

    def _fold(self, number: int, train: Texts, test: Texts, kept: Path) -> None:
        checkpoint = self.work / f"fold_{number}.checkpoint"
        self._go_on(train, checkpoint, f"fold {number + 1}/{self.recipe.count}")
        self.export(self.work / f"fold_{number}")
        encoder = self.read(self.work / f"fold_{number}", test.texts)
        counted = linear.fit(joined(train, self.material.always), "fold", self.recipe.seed).logits(test.texts)
        _save(self.reader, self.work / f"fold_{number}.pt")
        unfinished = kept.with_name(kept.stem + ".part.npz")
        np.savez(unfinished, encoder=encoder, linear=counted)
        unfinished.replace(kept)
        checkpoint.unlink(missing_ok=True)

    def _go_on(self, posts: Texts, checkpoint: Path, name: str) -> None:
        self.reader.load_state_dict(self._state(self.work / "warm.pt"))
        taught = self._taught()
        stage = self.recipe.folds
        loop.train(
            self.reader,
            loop.Batches(self._encode, self.recipe.max_length, self.tokenizer.pad_token_id, stage.tokens),
            stage.plan(self.recipe.seed),
            lambda epoch: self._with_meanings(self._drawn(posts, stage, epoch), taught),
            _weights,
            checkpoint,
            self._told(name),
        )

    def _warm_texts(self, epoch: int) -> Texts:
        chance = np.random.default_rng((self.recipe.seed, epoch))
        pools = (*self.material.questions, *self.material.english, *self.material.plain)
        return joined(
            self.material.written, *(pool.take(chance.permutation(len(pool))[:most]) for pool, most in pools)
        )

    def _drawn(self, posts: Texts, stage: Stage, epoch: int) -> Texts:
        """All posts about COVID-19 and all harmful ones, some of the others, some written ones."""
        chance = np.random.default_rng((self.recipe.seed, epoch, 1))
        told = posts.known("about") | posts.known("harmful")
        others = chance.permutation(np.flatnonzero(~told))[: stage.off_topic or None]
        written = chance.permutation(len(self.material.written))
        written = written[: round(stage.written * len(written))]
        # Some plain texts keep the meanings in place while the heads learn.
        kept = [pool.take(chance.permutation(len(pool))[: most // 3]) for pool, most in self.material.plain]
        return joined(
            posts.take(np.concatenate([np.flatnonzero(told), others])),
            self.material.written.take(written),
            self.material.decided,
            *kept,
        )

    def _taught(self) -> dict[str, NDArray[np.float16]]:
        """Return the untrained encoder's meaning of each written, asked and plain text, about their mean.

        The untrained meanings all lie close together (cosine 0.7 to 1.0); taken from their mean they spread
        over the whole range.
        """
        kept = self.work / "meanings.npy"
        pools = [pool for pool, _ in (*self.material.questions, *self.material.plain)]
        texts = joined(self.material.written, *pools).texts
        if not kept.exists():
            self.tell(Step("meanings", 0.0))
            teacher = net.Reader(net.load(_encoder(self.recipe.encoder, self._folder))[0]).to(self.device)
            coded = [ids[: self.recipe.max_length] for ids in self._encode([f"query: {t}" for t in texts])]
            found = loop.meanings_of(teacher, self.batches, coded)
            found -= found.mean(axis=0)
            found /= np.linalg.norm(found, axis=1, keepdims=True) + 1e-9
            np.save(kept, found.astype(np.float16))
        return dict(zip(texts, np.load(kept), strict=True))

    def _with_meanings(
        self, texts: Texts, taught: dict[str, NDArray[np.float16]]
    ) -> tuple[Texts, NDArray[np.float32], NDArray[np.int64]]:
        none = np.full(self.reader.project.out_features, np.nan, np.float32)
        meanings = np.stack([taught.get(text, none) for text in texts.texts]).astype(np.float32)
        return texts, meanings, np.array([self.topics.get(topic, -1) for topic in texts.topics])

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        given = [self._segment(text)[0] for text in texts]
        coded: list[list[int]] = self.tokenizer(given, truncation=False, verbose=False)["input_ids"]
        return coded

    def _state(self, kept: Path) -> dict[str, torch.Tensor]:
        state: dict[str, torch.Tensor] = torch.load(kept, weights_only=True, map_location=self.device)
        return state

    def _told(self, name: str) -> loop.Progress:
        return lambda done, total: self.tell(Step(name, done / max(1, total)))

    def _claim_folder(self) -> None:
        self.work.mkdir(parents=True, exist_ok=True)
        mine = json.dumps(
            {"recipe": self.recipe.model_dump(mode="json"), "data": self.material.trained_on}, sort_keys=True
        )
        marker = self.work / "run.json"
        if marker.exists() and marker.read_text(encoding="utf-8") != mine:
            raise models.DataError(
                f"{self.work} giữ phần dở của một lần huấn luyện khác (cấu hình hay dữ liệu đã đổi)."
                " Chọn --work khác, hoặc xóa thư mục ấy."
            )
        marker.write_text(mine, encoding="utf-8")


def _topics(written: Texts) -> dict[str, int]:
    """Number the topics that are narrow enough to be one matter: 4 to 40 texts."""
    often = Counter(written.topics)
    return {topic: i for i, topic in enumerate(sorted(t for t, n in often.items() if t and 4 <= n <= 40))}


def _weights(texts: Texts) -> NDArray[np.float32]:
    of = {"english": 0.5, "questions": 0.5, "answers": 0.5}
    return np.array([of.get(source, 1.0) for source in texts.source], np.float32)


def _encoder(name: str, folder: Path) -> str:
    """A folder is meant from the data folder when it is there; else a name on a hub."""
    near = folder / name
    return str(near) if near.exists() else name


def _save(reader: net.Reader, kept: Path) -> None:
    unfinished = kept.with_suffix(".part")
    torch.save(reader.state_dict(), unfinished)
    unfinished.replace(kept)
