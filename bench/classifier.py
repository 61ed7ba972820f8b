"""Scoring: real posts through `assess`, against a pipeline of PhoBERT's size in torch, in the same run.

A stream is 60 % posts off topic and 40 % about COVID-19. Ours is all that `kiemtin work` does to score a
post: normalise, model, claims, signals, places, policy; two threads, 128 posts at a time.

The reference is what one would write with PhoBERT: normalise, underthesea's word segmentation, at most 256
tokens, batches of 32 of like length, RobertaModel of 12 layers of 768 in float32 with 22 outputs, two
threads. Made up are its weights (random: they cost the same) and its tokeniser (byte pairs, up to 64,000,
learned from the segmented posts themselves, so that it needs no more tokens than PhoBERT's own). It scores a
sample of 64 posts, every n-th by length, for it would take long.

`KIEMTIN_BENCH_SCORED` is how many posts ours scores (1,000); `KIEMTIN_MODEL` another model's folder.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.corpus import shared_files
from bench.measure import Measure

FILE = "posts_train.jsonl"
POSTS = int(os.environ.get("KIEMTIN_BENCH_SCORED", "1000"))
THREADS = 2
OFF_TOPIC = 0.6
_BATCH = 128
_SAMPLE = 64
_REFERENCE_BATCH = 32
_TOKENS = 256


@dataclass(frozen=True)
class _Post:
    id: int
    text: str


def run() -> Iterable[Measure]:
    """Measure speed, a cold start, and a post of a megabyte; each in a process of its own."""
    shared_files(FILE)
    for which, name, least in (
        ("stream", "stream, 60 % off topic", 30), ("covid", "posts about COVID-19 only", 12),
    ):  # fmt: skip
        ours, reference = _in_process("ours", which), _in_process("reference", which)
        speed, theirs = ours["posts"] / ours["seconds"], reference["posts"] / reference["seconds"]
        yield Measure(
            "classifier", f"scoring, {name}", round(speed, 1), round(theirs, 2), f"≥ {least} × the reference",
            speed >= least * theirs, "posts/s",
        )  # fmt: skip
        if which == "stream":
            yield Measure(
                "classifier", "stream, posts that the encoder reads", round(100 * ours["read"], 1), None,
                "≤ 60 %", ours["read"] <= 0.6, "%",
            )  # fmt: skip
            yield Measure(
                "classifier", "stream, memory at most", round(ours["memory"]), round(reference["memory"]),
                "≤ 700 MiB", ours["memory"] <= 700, "MiB",
            )  # fmt: skip
    start = min(_in_process("start", "covid")["seconds"] for _ in range(3))
    yield Measure(
        "classifier", "a new process, until its first score", round(start, 2), None, "≤ 2 s", start <= 2, "s"
    )
    long = _in_process("long", "covid")
    yield Measure(
        "classifier", "a post of a megabyte, memory over that of a short one", round(long["memory"]), None,
        "≤ 100 MiB", long["memory"] <= 100, "MiB",
    )  # fmt: skip
    yield Measure(
        "classifier",
        "a post of a megabyte",
        round(long["seconds"], 2),
        None,
        "≤ 3 s",
        long["seconds"] <= 3,
        "s",
    )


def _in_process(way: str, which: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.classifier", way, which]
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "TOKENIZERS_PARALLELISM": "false"}
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(done.stderr.strip().splitlines()[-1])
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {"seconds": seconds, **measured}


def _posts(which: str, number: int) -> list[_Post]:
    """Return posts in random order, always the same ones; each comes again when they run out."""
    (file,) = shared_files(FILE)
    kinds: dict[bool, list[str]] = {True: [], False: []}
    for line in file.open(encoding="utf-8"):
        row = json.loads(line)
        kinds[bool(row["about"])].append(row["text"])
    choose = random.Random(20)
    for texts in kinds.values():
        choose.shuffle(texts)
    off = round(number * OFF_TOPIC) if which == "stream" else 0
    chosen = [kinds[i >= off][i % len(kinds[i >= off])] for i in range(number)]
    choose.shuffle(chosen)
    return [_Post(i, text) for i, text in enumerate(chosen)]


def _ours(posts: Sequence[_Post]) -> dict[str, float]:
    from classifier.assess import assess
    from classifier.encoder.runtime import Serving
    from classifier.load import load
    from classifier.policy import load_policy
    from store.text import normalise

    model, policy = load(os.environ.get("KIEMTIN_MODEL"), Serving(THREADS)), load_policy()
    assess(posts[:_BATCH], model, policy)
    began = time.perf_counter()
    for start in range(0, len(posts), _BATCH):
        assess(posts[start : start + _BATCH], model, policy)
    seconds = time.perf_counter() - began
    memory = _memory()
    pieces = model.score([normalise(post.text) for post in posts]).pieces
    read = sum(len(one.spans) > 0 for one in pieces) / len(posts)
    return {"posts": len(posts), "seconds": seconds, "memory": memory, "read": read}


def _reference(posts: Sequence[_Post]) -> dict[str, float]:
    try:
        import torch
        from transformers import RobertaConfig, RobertaModel
        from underthesea import word_tokenize
    except ImportError as error:
        raise SystemExit(f"the reference needs torch: pip install 'kiemtin[train]' ({error})") from error
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    from store.text import normalise

    by_length = sorted(posts, key=lambda post: len(post.text))
    sample = [by_length[i * len(posts) // _SAMPLE].text for i in range(min(_SAMPLE, len(posts)))]
    learned = [word_tokenize(normalise(post.text), format="text") for post in posts[:500]]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="@@"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(
        learned, trainers.BpeTrainer(vocab_size=64_000, special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.enable_truncation(_TOKENS)
    tokenizer.enable_padding(pad_id=1, pad_token="<pad>")
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    config = RobertaConfig(vocab_size=64_001, max_position_embeddings=258, type_vocab_size=1, pad_token_id=1)
    encoder = RobertaModel(config, add_pooling_layer=False).train(False)
    head = torch.nn.Linear(config.hidden_size, 22)

    def score(texts: Sequence[str]) -> None:
        segmented = [word_tokenize(normalise(text), format="text") for text in texts]
        with torch.inference_mode():
            for start in range(0, len(segmented), _REFERENCE_BATCH):
                batch = tokenizer.encode_batch(segmented[start : start + _REFERENCE_BATCH])
                ids = torch.tensor([one.ids for one in batch])
                mask = torch.tensor([one.attention_mask for one in batch])
                torch.sigmoid(head(encoder(ids, mask).last_hidden_state[:, 0]))

    score(sample[:4])
    began = time.perf_counter()
    score(sample)
    return {"posts": len(sample), "seconds": time.perf_counter() - began, "memory": _memory()}


def _start(posts: Sequence[_Post]) -> dict[str, float]:
    """Score one post; what counts is how long the process lived."""
    from classifier.encoder.runtime import Serving
    from classifier.load import load

    load(os.environ.get("KIEMTIN_MODEL"), Serving(THREADS)).score([posts[0].text])
    return {}


def _long(posts: Sequence[_Post]) -> dict[str, float]:
    from classifier.encoder.runtime import Serving
    from classifier.load import load
    from store.text import normalise

    model = load(os.environ.get("KIEMTIN_MODEL"), Serving(THREADS))
    text = normalise(" ".join(post.text for post in posts))
    text = (text * (1 + 1_000_000 // len(text)))[:1_000_000]
    model.score([post.text for post in posts[:8]])
    before, began = _memory(), time.perf_counter()
    model.score([text])
    return {"seconds": time.perf_counter() - began, "memory": _memory() - before}


def _memory() -> float:
    """Return the most memory that this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _main() -> None:
    way, which = sys.argv[1:]
    small = {"start": 1, "long": 100}
    posts = _posts(which, small.get(way, POSTS))
    measured = {"ours": _ours, "reference": _reference, "start": _start, "long": _long}[way](posts)
    print(json.dumps(measured))


if __name__ == "__main__":
    _main()
