"""The training loop: batches of like length, layer-wise learning rates, and a checkpoint after each epoch."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from classifier.tfidf import heads
from classifier.training.augment import disturbed
from classifier.training.data import EXTRA, Texts
from classifier.training.net import Reader, meaning
from models import labels

Progress = Callable[[int, int], None]
Encode = Callable[[Sequence[str]], list[list[int]]]
_ACTS = slice(1, 1 + len(labels().acts))
_BITS = [0, *range(1 + len(labels().acts), len(heads()) + len(EXTRA))]


@dataclass(frozen=True)
class Plan:
    """How one stage is trained. `tokens` is the size of a batch; `decay` lowers the rate a layer downwards;
    `keep` weighs how closely meanings stay at the teacher's."""

    epochs: int
    rate: float
    tokens: int = 2560
    decay: float = 0.9
    frozen: int = 0
    disturb: float = 0.5
    keep: float = 2.0
    warm_up: float = 0.08
    weight_decay: float = 0.01
    smoothing: float = 0.03
    seed: int = 20_200_123


class Batches:
    """Draws the batches of an epoch: texts disturbed anew, sorted by length, batches in random order."""

    def __init__(self, encode: Encode, longest: int, pad: int, tokens: int) -> None:
        self._encode, self._longest, self._pad, self._tokens = encode, longest, pad, tokens

    def draw(
        self, texts: Sequence[str], chance: random.Random, disturb: float
    ) -> Iterator[tuple[list[int], Tensor, Tensor]]:
        """Yield (rows, ids (b, l), mask (b, l)); a long text is cut at a random place now and then."""
        coded = self._encode([disturbed(text, chance, disturb) for text in texts])
        cut = [self._cut(ids, chance) for ids in coded]
        order = sorted(range(len(cut)), key=lambda i: (len(cut[i]), chance.random()))
        batches: list[list[int]] = [[]]
        for row in order:
            if batches[-1] and len(cut[row]) * (len(batches[-1]) + 1) > self._tokens:
                batches.append([])
            batches[-1].append(row)
        chance.shuffle(batches)
        for rows in batches:
            yield rows, *self.padded([cut[i] for i in rows])

    def padded(self, coded: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
        """Return ids and mask, each (b, l), of coded texts no longer than the longest allowed."""
        wide = max(len(ids) for ids in coded)
        ids = torch.full((len(coded), wide), self._pad)
        mask = torch.zeros((len(coded), wide), dtype=torch.long)
        for i, one in enumerate(coded):
            ids[i, : len(one)] = torch.tensor(one)
            mask[i, : len(one)] = 1
        return ids, mask

    def _cut(self, ids: list[int], chance: random.Random) -> list[int]:
        room = self._longest - 2
        inner = ids[1:-1]
        if len(inner) <= room:
            return ids
        start = chance.randrange(len(inner) - room) if chance.random() < 0.25 else 0
        return [ids[0], *inner[start : start + room], ids[-1]]


def loss_of(logits: Tensor, targets: Tensor, weights: Tensor, balance: Tensor, smoothing: float) -> Tensor:
    """Return the loss of a batch: cross-entropy of the act, binary cross-entropy of the other heads.

    `targets` (b, 23) may hold NaN, which adds nothing; `weights` (b,) weigh rows, `balance` (23,) positives.
    """
    known = ~torch.isnan(targets)
    truth = torch.nan_to_num(targets)
    bits = nn.functional.binary_cross_entropy_with_logits(
        logits[:, _BITS],
        truth[:, _BITS] * (1 - smoothing) + smoothing / 2,
        pos_weight=balance[_BITS],
        reduction="none",
    )
    importance = torch.ones(len(_BITS), device=logits.device)
    importance[-2] = 3.0  # `harmful` is what the product is measured by
    bit_loss = (bits * known[:, _BITS] * importance).sum(1)
    acts_known = known[:, _ACTS].all(1)
    act_loss = nn.functional.cross_entropy(
        logits[:, _ACTS],
        truth[:, _ACTS].argmax(1),
        weight=balance[_ACTS],
        reduction="none",
        label_smoothing=smoothing,
    )
    return ((bit_loss + act_loss * acts_known) * weights).sum() / weights.sum().clamp(min=1e-6)


def meaning_loss(near: Tensor, wanted: Tensor, places: Tensor, topics: Tensor) -> Tensor:
    """Return how far meanings (b, d) are from where they belong.

    A text, however it is typed, must be nearest to the teacher's meaning of its plain form among those of
    the batch (InfoNCE, van den Oord et al. 2018, at 0.05); a text with a topic, to the place of its topic
    among `places` (t, d). NaN rows of `wanted` and topics of -1 add nothing.
    """
    loss = near.new_zeros(())
    has = ~torch.isnan(wanted[:, 0])
    if int(has.sum()) > 1:
        likeness = near[has] @ wanted[has].T
        itself = torch.arange(len(likeness), device=near.device)
        loss = loss + nn.functional.cross_entropy(likeness / 0.05, itself) * has.float().mean()
        loss = loss + 2 * (1 - likeness.diagonal()).mean() * has.float().mean()
    told = topics >= 0
    if bool(told.any()):
        likeness = near[told] @ nn.functional.normalize(places, dim=-1).T
        loss = loss + nn.functional.cross_entropy(likeness / 0.1, topics[told]) * told.float().mean()
    return loss


def train(
    net: Reader,
    batches: Batches,
    plan: Plan,
    draw: Callable[[int], tuple[Texts, NDArray[np.float32], NDArray[np.int64]]],
    weigh: Callable[[Texts], NDArray[np.float32]],
    checkpoint: Path | None = None,
    progress: Progress = lambda done, total: None,
) -> list[float]:
    """Train `net` in place and return the mean loss of each epoch.

    `draw(epoch)` gives the texts of an epoch with their teacher meanings (n, d), rows of NaN where there are
    none, and the numbers of their topics (n,), -1 for none. With `checkpoint`, each finished epoch is kept
    there and a run that stopped goes on from it.
    """
    device = next(net.parameters()).device
    net.freeze(plan.frozen)
    first = draw(0)[0]
    balance = _balance(first).to(device)
    optimiser = torch.optim.AdamW(_groups(net, plan), lr=plan.rate, fused=True)
    epochs = plan.epochs
    state = _restored(checkpoint, net, optimiser)
    losses: list[float] = state["losses"]
    steps = 0
    for epoch in range(len(losses), epochs):
        torch.manual_seed(plan.seed + epoch)
        chance = random.Random(plan.seed * 1000 + epoch)  # noqa: S311
        texts, taught, topics = draw(epoch)
        weights = weigh(texts)
        net.train()
        total, count = 0.0, 0
        drawn = list(batches.draw(texts.texts, chance, plan.disturb))
        for number, (rows, ids, mask) in enumerate(drawn):
            done = epoch + number / len(drawn)
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * _rate(done / epochs, plan.warm_up)
            with torch.autocast(device.type, dtype=torch.bfloat16):
                logits, hidden = net(ids.to(device), mask.to(device))
            loss = loss_of(
                logits.float(),
                torch.from_numpy(texts.targets[rows]).to(device),
                torch.from_numpy(weights[rows]).to(device),
                balance,
                plan.smoothing,
            )
            if plan.keep:
                loss = loss + plan.keep * meaning_loss(
                    meaning(hidden, mask.to(device)),
                    torch.from_numpy(taught[rows]).to(device),
                    net.topics,
                    torch.from_numpy(topics[rows]).to(device),
                )
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            total, count, steps = total + float(loss.detach()) * len(rows), count + len(rows), steps + 1
            progress(epoch * 1000 + 1000 * (number + 1) // len(drawn), epochs * 1000)
        losses.append(total / max(1, count))
        if checkpoint:
            _keep(checkpoint, net, optimiser, losses)
    return losses


def meanings_of(net: Reader, batches: Batches, coded: Sequence[list[int]]) -> NDArray[np.float32]:
    """Return the meaning (n, d) of coded texts, each of length 1."""
    net.eval()
    result = np.zeros((len(coded), net.project.out_features), np.float32)
    order = sorted(range(len(coded)), key=lambda i: len(coded[i]))
    for rows, ids, mask in _in_order(order, coded, batches, next(net.parameters()).device):
        with torch.inference_mode(), torch.autocast(ids.device.type, dtype=torch.bfloat16):
            result[rows] = meaning(net(ids, mask)[1], mask).cpu().numpy()
    return result


def _in_order(
    order: list[int],
    coded: Sequence[list[int]],
    batches: Batches,
    device: torch.device,
    size: int = 32,
) -> Iterator[tuple[list[int], Tensor, Tensor]]:
    for at in range(0, len(order), size):
        rows = order[at : at + size]
        ids, mask = batches.padded([coded[i] for i in rows])
        yield rows, ids.to(device), mask.to(device)


def _balance(texts: Texts) -> Tensor:
    """Weights of positives: the root of the odds against, at most 6; of acts: of rarity, 0.5 to 3."""
    known = ~np.isnan(texts.targets)
    positives = np.nansum(texts.targets, 0)
    negatives = known.sum(0) - positives
    weights = np.sqrt(negatives / np.maximum(positives, 1)).clip(1, 6)
    acts = positives[_ACTS]
    weights[_ACTS] = np.sqrt(acts.mean() / np.maximum(acts, 1)).clip(0.5, 3)
    return torch.tensor(weights, dtype=torch.float32)


def _groups(net: Reader, plan: Plan) -> list[dict[str, Any]]:
    layers = net.layers
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        if not parameter.requires_grad:
            continue
        found = re.search(r"layer\.(\d+)\.", name)
        depth = layers - 1 - int(found[1]) if found else (layers if "embeddings" in name else -1)
        rate = plan.rate * (2.0 if depth < 0 else plan.decay**depth)
        groups.setdefault((rate, parameter.ndim > 1), []).append(parameter)
    return [
        {"params": found, "lr": rate, "peak": rate, "weight_decay": plan.weight_decay if matrix else 0.0}
        for (rate, matrix), found in groups.items()
    ]


def _rate(done: float, warm_up: float) -> float:
    if done < warm_up:
        return (done + 1e-3) / (warm_up + 1e-3)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))


def _restored(checkpoint: Path | None, net: Reader, optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    if checkpoint is None or not checkpoint.exists():
        return {"losses": []}
    state: dict[str, Any] = torch.load(checkpoint, weights_only=True, map_location="cpu")
    net.load_state_dict(state["net"])
    optimiser.load_state_dict(state["optimiser"])
    return state


def _keep(checkpoint: Path, net: Reader, optimiser: torch.optim.Optimizer, losses: list[float]) -> None:
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    unfinished = checkpoint.with_suffix(".part")
    torch.save({"net": net.state_dict(), "optimiser": optimiser.state_dict(), "losses": losses}, unfinished)
    unfinished.replace(checkpoint)
