"""Makes an encoder small and fast: 8-bit weights, 8-bit activations with a scale a token.

ONNX Runtime's own dynamic quantisation takes one scale for a whole batch, so that a post's scores move with
those of the posts beside it (measured: by up to 0.23 logits where the logits' deviation is 0.29). Here each
token vector is divided by its own largest value before it is rounded: a score depends on its post alone, and
the error is less than half. The product is the same int8 kernel (MatMulIntegerToFloat), so is its speed.

Two things more keep the error low. What comes out of a layer norm has a few channels far larger than the
others: a copy of the norm divides each channel, and the weights multiply it back (SmoothQuant, Xiao et al.,
2023, migration strength 0.7, root mean squares of sample texts). What comes out of a GELU is never below
-0.17: its zero lies low among the 256 values, so that the positive side has nearly all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto
from onnx.helper import make_node

from classifier.training.graph import IDS, MICROSOFT, Graph

Kind = Literal["fp32", "int8"]
Floats = NDArray[np.float32]

_STRENGTH = 0.7
_ZEROS = (128, 24)  # where zero lies among 0 to 255: for values of both signs, and for those of a GELU
_LARGE_TABLE = 512  # rows from which a table of vectors is kept in 8 bits
_SAMPLES = 64
_ROWS = 8  # vectors looked at of each sample


@dataclass(frozen=True)
class _Seen:
    """What went through a place of the graph: `rms` (k,) of each channel, and some rows (m, k)."""

    rms: Floats
    rows: Floats


def quantise(graph: Graph, samples: Sequence[NDArray[np.int64]] = ()) -> onnx.ModelProto:
    """Return the encoder with products and tables in 8 bits.

    `samples` are the tokens of real texts, special ones included, (l,) each; some 64 do. Without them made-up
    sequences stand in, whose channels are less like those of texts.
    """
    products = [node for node in graph.nodes if graph.weight(node) is not None]
    places = dict.fromkeys(node.input[0] for node in products)
    seen = _look(graph, list(places), [*samples[:_SAMPLES]] or _made_up(graph))
    norms = {node.output[0]: node for node in graph.nodes if node.op_type == "LayerNormalization"}
    smooth: dict[str, Floats] = {}
    for place in places:
        if place in norms and all(name in graph.constants for name in norms[place].input[1:]):
            used = [graph.weight(node) for node in products if node.input[0] == place]
            smooth[place] = _smoothing(seen[place].rms, [w for w in used if w is not None])
    nodes: list[NodeProto] = []
    rounded: set[str] = set()
    for node in graph.nodes:
        weight = graph.weight(node)
        if weight is None:
            nodes += _small_table(graph, node)
            continue
        place = node.input[0]
        scale = smooth.get(place)
        zero = _zero(seen[place].rows if scale is None else seen[place].rows / scale)
        if place not in rounded:
            rounded.add(place)
            nodes += _round(graph, place, scale, norms.get(place), zero)
        nodes += _multiply(graph, node, weight if scale is None else weight * scale[:, None], zero)
    graph.nodes = nodes
    return graph.finished()


def _smoothing(rms: Floats, weights: Sequence[NDArray[Any]]) -> Floats:
    largest = np.max([np.abs(w).max(axis=1) for w in weights], axis=0)
    scale = np.maximum(rms, 1e-5) ** _STRENGTH / np.maximum(largest, 1e-5) ** (1 - _STRENGTH)
    return np.asarray(scale / scale.mean(), np.float32)


def _zero(rows: Floats) -> int:
    """Return the zero point that rounds these rows with the least error."""
    errors = []
    for zero in _ZEROS:
        step = np.maximum(rows.max(1), -rows.min(1) * (255 - zero) / zero)[:, None] / (255 - zero)
        step = np.maximum(step, 1e-12)
        errors.append(float(((np.round(rows / step) * step - rows) ** 2).mean()))
    return _ZEROS[int(np.argmin(errors))]


def _round(
    graph: Graph, place: str, scale: Floats | None, norm: NodeProto | None, zero: int
) -> list[NodeProto]:
    """Return the nodes that round the vectors at `place`, each by its own largest value.

    Values lie between -most x zero/(255-zero) and most: nothing is cut off, whatever the text.
    """
    nodes, given = [], place
    if scale is not None and norm is not None:
        given = f"{place}_smooth"
        terms = [
            graph.constant(f"{given}_{i}", np.asarray(graph.constants[name] / scale, np.float32))
            for i, name in enumerate(norm.input[1:])
        ]
        copied = make_node("LayerNormalization", [norm.input[0], *terms], [given])
        copied.attribute.extend(norm.attribute)
        nodes.append(copied)
    last = graph.constant("last_axis", np.array([-1], np.int64))
    below = graph.constant(f"below_{zero}", np.array(-(255 - zero) / zero, np.float32))
    least = graph.constant("least", np.array(1e-9, np.float32))
    step = graph.constant(f"step_{zero}", np.array(1 / (255 - zero), np.float32))
    return [
        *nodes,
        make_node("ReduceMax", [given, last], [f"{place}_max"], keepdims=1),
        make_node("ReduceMin", [given, last], [f"{place}_min"], keepdims=1),
        make_node("Mul", [f"{place}_min", below], [f"{place}_low"]),
        make_node("Max", [f"{place}_max", f"{place}_low", least], [f"{place}_most"]),
        make_node("Div", [given, f"{place}_most"], [f"{place}_even"]),
        make_node("QuantizeLinear", [f"{place}_even", step, _zero_point(graph, zero)], [f"{place}_int8"]),
    ]


def _multiply(graph: Graph, node: NodeProto, weight: NDArray[Any], zero: int) -> list[NodeProto]:
    place, name = node.input[0], node.output[0]
    scale = np.maximum(np.abs(weight).max(axis=0), 1e-12) / 127
    values = np.clip(np.round(weight / scale), -127, 127).astype(np.int8)
    inputs = [
        f"{place}_int8",
        graph.constant(f"{name}_int8", values),
        f"step_{zero}",
        graph.constant(f"{name}_scale", scale.astype(np.float32)),
        _zero_point(graph, zero),
    ]
    return [
        make_node("MatMulIntegerToFloat", inputs, [f"{name}_even"], domain=MICROSOFT),
        make_node("Mul", [f"{name}_even", f"{place}_most"], [name]),
    ]


def _small_table(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """Return a look-up in a table of 8 bits with a scale a row, where `node` looks up a large table."""
    table = graph.constants.get(node.input[0]) if node.op_type == "Gather" else None
    if table is None or table.ndim != 2 or len(table) < _LARGE_TABLE or table.dtype != np.float32:
        return [node]
    scale = np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-12) / 127
    name, ids = node.output[0], node.input[1]
    values = graph.constant(f"{name}_int8", np.round(table / scale).astype(np.int8))
    scales = graph.constant(f"{name}_scale", scale.astype(np.float32))
    return [
        make_node("Gather", [values, ids], [f"{name}_rows"]),
        make_node("Cast", [f"{name}_rows"], [f"{name}_float"], to=onnx.TensorProto.FLOAT),
        make_node("Gather", [scales, ids], [f"{name}_scales"]),
        make_node("Mul", [f"{name}_float", f"{name}_scales"], [name]),
    ]


def _zero_point(graph: Graph, zero: int) -> str:
    return graph.constant(f"zero_{zero}", np.array(zero, np.uint8))


def _look(graph: Graph, places: list[str], samples: Sequence[NDArray[np.int64]]) -> dict[str, _Seen]:
    """Run the encoder over samples and return what went through each place."""
    import onnxruntime

    model = onnx.ModelProto()
    model.CopyFrom(graph.finished())
    named = {one.name for one in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=place) for place in places if place not in named)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    chance = np.random.default_rng(0)
    squares: dict[str, list[Floats]] = {place: [] for place in places}
    rows: dict[str, list[Floats]] = {place: [] for place in places}
    for ids in samples:
        for place, found in zip(places, session.run(places, {IDS: ids[None]}), strict=True):
            flat = found.reshape(-1, found.shape[-1])
            squares[place].append((flat**2).mean(axis=0))
            rows[place].append(flat[chance.integers(len(flat), size=_ROWS)])
    return {
        place: _Seen(np.sqrt(np.mean(squares[place], axis=0)), np.concatenate(rows[place]))
        for place in places
    }


def _made_up(graph: Graph) -> list[NDArray[np.int64]]:
    tables = [graph.constants[n.input[0]] for n in graph.nodes if n.op_type == "Gather" and n.input[1] == IDS]
    chance = np.random.default_rng(0)
    return [chance.integers(len(tables[0]), size=32) for _ in range(_SAMPLES)]
