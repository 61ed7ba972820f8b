"""The network that is trained: one encoder, linear heads, and a projection for the meaning of a text."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PhobertTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

import models
from classifier.tfidf import heads
from classifier.training import phobert
from classifier.training.data import EXTRA


class Reader(nn.Module):
    """Gives (logits, hidden) for token ids and mask, each (b, l).

    `logits` (b, 23) come from the mean and the maximum of the token vectors; `hidden` (b, l, d) are the
    token vectors projected for matching: the mean of a span of them, at length 1, is what the span means.
    """

    def __init__(self, encoder: PreTrainedModel, topics: int = 0, dropout: float = 0.1) -> None:
        super().__init__()
        size = int(encoder.config.hidden_size)
        self.layers = int(encoder.config.num_hidden_layers)
        self.encoder = encoder
        self.project = nn.Linear(size, size, bias=False)
        nn.init.eye_(self.project.weight)
        # Where each topic of the written texts lies among meanings; used in training alone.
        self.topics = nn.Parameter(torch.randn(topics, size))
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.Linear(2 * size, len(heads()) + len(EXTRA))
        nn.init.normal_(self.heads.weight, std=0.02)
        nn.init.zeros_(self.heads.bias)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (b, 23) and projected token vectors (b, l, d)."""
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        wide = mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * wide).sum(1) / wide.sum(1).clamp(min=1)
        most = hidden.masked_fill(wide == 0, -1e4).amax(1)
        return self.heads(self.dropout(torch.cat([mean, most], -1))), self.project(hidden)

    def freeze(self, layers: int) -> None:
        """Fix the embeddings and the lowest `layers` layers; 0 frees everything."""
        below = {f"layer.{i}." for i in range(layers)}
        for name, parameter in self.encoder.named_parameters():
            fixed = layers > 0 and ("embeddings" in name or any(part in name for part in below))
            parameter.requires_grad_(not fixed)


def meaning(hidden: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of the projected token vectors of each text, at length 1, (b, d)."""
    wide = mask.unsqueeze(-1).to(hidden.dtype)
    mean = (hidden * wide).sum(1) / wide.sum(1).clamp(min=1)
    return nn.functional.normalize(mean.float(), dim=-1)


def load(name: str, layers: int = 0) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return an encoder and its tokeniser by hub name or folder; raises `models.DataError`.

    Only the lowest `layers` are taken, 0 means all: dropping the upper ones costs the least of what the
    encoder knows for the time it saves (Sajjad et al. 2020, arXiv 2004.03844).
    """
    try:
        config = AutoConfig.from_pretrained(name)
        has = int(config.num_hidden_layers)
        if layers > has:
            raise ValueError(f"chỉ có {has} tầng, không lấy được {layers}")
        config.num_hidden_layers = layers or has
        encoder = AutoModel.from_pretrained(name, config=config)
        tokenizer = AutoTokenizer.from_pretrained(name)
        if isinstance(tokenizer, PhobertTokenizer):
            tokenizer, _ = phobert.fast(tokenizer)
            phobert.with_unknowns(encoder, len(tokenizer), tokenizer.unk_token_id)
        if not tokenizer.is_fast:
            raise ValueError("bộ tách từ này không có dạng tokenizer.json, không đem chạy được")
    except (OSError, ValueError) as error:
        hint = "" if Path(name).exists() else " (không có thư mục này; tên trên kho mô hình thì cần mạng)"
        raise models.DataError(f"Không nạp được bộ mã hóa {name}{hint}: {error}") from error
    return encoder.float(), tokenizer
