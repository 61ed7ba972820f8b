"""Makes PhoBERT's tokeniser one that serving can run: the same pieces, as `tokenizer.json`."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import PhobertTokenizer, PreTrainedModel, PreTrainedTokenizerFast

_END = "</w>"
_GOES_ON = "@@"


def fast(slow: PhobertTokenizer) -> tuple[PreTrainedTokenizerFast, int]:
    """Return the tokeniser, and how many pieces it knows that the vocabulary lacks.

    PhoBERT (Nguyen and Nguyen, 2020) marks a piece that goes on by `@@`; here one that ends is marked. Its
    merges make some pieces that its vocabulary has not, and it reads those as unknown: they get numbers
    beyond the vocabulary, for which `with_unknowns` makes room.
    """
    special = {str(slow.convert_ids_to_tokens(i)) for i in range(4)} | {str(slow.mask_token)}
    vocabulary: dict[str, int] = {}
    known: dict[str, int] = slow.get_vocab()  # type: ignore[no-untyped-call]
    for piece, number in known.items():
        if piece in special:
            vocabulary[piece] = number
        else:
            goes_on = piece.endswith(_GOES_ON)
            vocabulary[piece[: -len(_GOES_ON)] if goes_on else piece + _END] = number
    size = max(vocabulary.values()) + 1
    lines = Path(slow.merges_file).read_text(encoding="utf-8").split("\n")
    merges = [(parts[0], parts[1]) for parts in map(str.split, lines) if len(parts) >= 2]
    letters = {piece.removesuffix(_END) for merge in merges for piece in merge}
    wanted = [piece for first, second in merges for piece in (first, second, first + second)]
    lacking = sorted({*wanted, *(one + _END for one in letters if len(one) == 1)} - vocabulary.keys())
    vocabulary |= {piece: size + i for i, piece in enumerate(lacking)}
    tokenizer = Tokenizer(
        BPE(vocabulary, merges, unk_token=str(slow.unk_token), end_of_word_suffix=_END, fuse_unk=False)
    )
    tokenizer.pre_tokenizer = WhitespaceSplit()
    first, last = str(slow.cls_token), str(slow.sep_token)
    tokenizer.post_processor = TemplateProcessing(
        single=f"{first} $A {last}",
        special_tokens=[(first, slow.cls_token_id), (last, slow.sep_token_id)],
    )
    wrapped = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        bos_token=first,
        eos_token=last,
        cls_token=first,
        sep_token=last,
        unk_token=str(slow.unk_token),
        pad_token=str(slow.pad_token),
        mask_token=str(slow.mask_token),
    )
    return wrapped, len(lacking)


def with_unknowns(encoder: PreTrainedModel, size: int, unknown: int) -> None:
    """Widen the encoder's table to `size` pieces; the new ones start as the unknown piece."""
    # A copy: widening writes over the table that it takes from.
    before = _table(encoder).detach().clone()
    if size <= len(before):
        return
    encoder.resize_token_embeddings(size, mean_resizing=False)
    with torch.no_grad():
        _table(encoder)[len(before) :] = before[unknown]


def _table(encoder: PreTrainedModel) -> torch.Tensor:
    table: torch.Tensor = encoder.get_input_embeddings().weight  # type: ignore[assignment]
    return table
