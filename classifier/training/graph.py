"""Rewrites an ONNX graph of an encoder so that it runs fast on a processor, with the same results.

Rows are never padded when the encoder runs on a processor (`classifier.encoder.encode` puts texts of one
length together), so the mask goes: attention without it is a quarter faster, and no pad is computed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, numpy_helper
from onnx.helper import make_node, make_opsetid

MICROSOFT = "com.microsoft"
IDS, MASK, ENCODED = "input_ids", "attention_mask", "encoded"


class Graph:
    """A graph that is edited: its nodes in order, and its constants by name."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.nodes: list[NodeProto] = list(model.graph.node)
        self.constants: dict[str, NDArray[Any]] = {
            one.name: numpy_helper.to_array(one) for one in model.graph.initializer
        }

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Keep a constant and return its name; the same name twice is the same constant."""
        self.constants.setdefault(name, value)
        return name

    def weight(self, node: NodeProto) -> NDArray[Any] | None:
        """Return the constant (k, n) that a MatMul multiplies by, or None if it is another node."""
        found = self.constants.get(node.input[1]) if node.op_type == "MatMul" else None
        return found if found is not None and found.ndim == 2 else None

    def finished(self) -> onnx.ModelProto:
        """Return the model with the nodes as they are now and the constants that they use."""
        graph = self.model.graph
        wanted = {name for node in self.nodes for name in node.input}
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(self.nodes)
        graph.initializer.extend(
            numpy_helper.from_array(np.ascontiguousarray(value), name)
            for name, value in self.constants.items()
            if name in wanted
        )
        if MICROSOFT not in {one.domain for one in self.model.opset_import}:
            self.model.opset_import.append(make_opsetid(MICROSOFT, 1))
        return self.model


def fused(file: Path, heads: int, size: int) -> Graph:
    """Read an exported encoder and join what ONNX Runtime has one kernel for: attention, GELU with bias.

    `heads` and `size` are those of the encoder's attention. A graph without the patterns of BERT and RoBERTa
    stays as it was exported: slower, not wrong. The output `encoded` ends the encoder and is dropped.
    """
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    whole = onnx.load(file)
    options = FusionOptions("bert")
    options.use_multi_head_attention = True
    options.enable_embed_layer_norm = False  # it would take the table of tokens, which is made small here
    logging.disable(logging.WARNING)
    try:
        found = optimizer.optimize_model(
            _encoder(whole),
            "bert",
            num_heads=heads,
            hidden_size=size,
            opt_level=0,
            optimization_options=options,
        )
    finally:
        logging.disable(logging.NOTSET)
    graph = Graph(found.model)
    _put_back(graph, whole)
    _without_padding(graph)
    _plain_norms(graph)
    return graph


def _encoder(whole: onnx.ModelProto) -> onnx.ModelProto:
    """Return the part of a model that gives `encoded`: the optimiser must know the shapes of all it sees, and
    does not know those of every pooling."""
    part = onnx.ModelProto()
    part.CopyFrom(whole)
    kept = [one for one in part.graph.output if one.name == ENCODED]
    nodes = _needed(part.graph.node, {ENCODED})
    del part.graph.output[:], part.graph.node[:]
    part.graph.output.extend(kept)
    part.graph.node.extend(nodes)
    return Graph(part).finished()


def _put_back(graph: Graph, whole: onnx.ModelProto) -> None:
    """Add what stands on the encoder, and the outputs of the whole model."""
    source = Graph(whole)
    inner = set(graph.constants) | {name for node in graph.nodes for name in node.output}
    after = _needed(source.nodes, {one.name for one in whole.graph.output} - {ENCODED}, {ENCODED})
    own = {name for node in after for name in node.output if name in inner}
    for node in after:
        for names in (node.input, node.output):
            names[:] = [f"{name}_again" if name in own else name for name in names]
        for name in node.input:
            if name in source.constants:
                graph.constant(name, source.constants[name])
    graph.nodes += after
    outputs = graph.model.graph.output
    del outputs[:]
    outputs.extend(one for one in whole.graph.output if one.name != ENCODED)


def _without_padding(graph: Graph) -> None:
    """Drop the input `attention_mask`: every row is full."""
    inputs = graph.model.graph.input
    kept = [one for one in inputs if one.name != MASK]
    del inputs[:]
    inputs.extend(kept)
    one = numpy_helper.from_array(np.ones(1, np.int64))
    full = [
        make_node("Shape", [IDS], ["full_shape"]),
        make_node("ConstantOfShape", ["full_shape"], [MASK], value=one),
    ]
    for node in graph.nodes:
        if node.op_type == "MultiHeadAttention":
            del node.input[4:]
    graph.nodes = _needed([*full, *graph.nodes], {one.name for one in graph.model.graph.output})


def _plain_norms(graph: Graph) -> None:
    """Write SkipLayerNormalization as additions and LayerNormalization, whose kernel is vectorised: with ONNX
    Runtime 1.32 on a processor it takes a third of the time."""
    nodes = []
    for node in graph.nodes:
        if node.op_type != "SkipLayerNormalization" or any(node.output[1:]):
            nodes.append(node)
            continue
        summed, skip, *norm = node.input[:4]
        name = node.output[0]
        if len(node.input) > 4 and node.input[4]:
            nodes.append(make_node("Add", [summed, node.input[4]], [f"{name}_biased"]))
            summed = f"{name}_biased"
        nodes.append(make_node("Add", [summed, skip], [f"{name}_sum"]))
        epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-12)
        nodes.append(make_node("LayerNormalization", [f"{name}_sum", *norm], [name], epsilon=epsilon))
    graph.nodes = nodes


def _needed(
    nodes: Iterable[NodeProto], outputs: set[str], given: frozenset[str] | set[str] = frozenset()
) -> list[NodeProto]:
    """Return the nodes that the outputs depend on, in order; nothing is needed for what is `given`."""
    kept, wanted = [], set(outputs)
    for node in reversed(list(nodes)):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(set(node.input) - given)
    return kept[::-1]
