"""Models whose results move by themselves: quantised while they run, quantised to four bits, and deep."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

HEADS, WIDTH = 4, 16
HIDDEN = HEADS * WIDTH
VOCABULARY = 50


class Network:
    """A decoder without a cache: embedding or floats, layers of attention and of two projections, logits."""

    def __init__(self, linear, layers, tokens, seed=0, gain=1.0):
        self.nodes, self.weights, self.count = [], [], 0
        self.random = np.random.default_rng(seed)
        self.linear, self.gain = getattr(self, linear), gain
        self.domains = [helper.make_opsetid("", 17)] + ([helper.make_opsetid("com.microsoft", 1)] if linear == "four_bit" else [])
        x = self.op("Gather", self.weight(self.random.normal(size=(VOCABULARY, HIDDEN))), "ids") if tokens else "x"
        self.tables()
        for layer in range(layers):
            self.layer = layer
            x = self.op("Add", x, self.attention(self.norm(x)))
            x = self.op("Add", x, self.linear(self.op("Relu", self.linear(self.norm(x), HIDDEN)), HIDDEN))
        self.nodes.append(helper.make_node("Identity", [self.linear(self.norm(x), VOCABULARY)], ["logits"]))
        self.tokens = tokens

    def op(self, kind, *inputs, domain="", outputs=1, **attributes):
        self.count += 1
        names = [f"v{self.count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=f"n{self.count}", domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def weight(self, value, dtype=np.float32):
        self.count += 1
        self.weights.append(numpy_helper.from_array(np.asarray(value, dtype), f"w{self.count}"))
        return f"w{self.count}"

    def integers(self, *values):
        return self.weight(values, np.int64)

    def norm(self, x):
        mean = self.op("ReduceMean", self.op("Mul", x, x), axes=[-1])
        scaled = self.op("Div", x, self.op("Sqrt", self.op("Add", mean, self.weight(1e-6))))
        return self.op("Mul", scaled, self.weight(self.random.uniform(0.5, 1.5, HIDDEN)))

    def matrix(self, columns):
        return self.random.normal(size=(HIDDEN, columns)) * self.gain / np.sqrt(HIDDEN)

    def plain(self, x, columns):
        return self.op("MatMul", x, self.weight(self.matrix(columns)))

    def int8(self, x, columns):
        values, scale, zero = self.op("DynamicQuantizeLinear", x, outputs=3)
        matrix = self.matrix(columns)
        step = np.abs(matrix).max() / 127
        product = self.op("MatMulInteger", values, self.weight(np.round(matrix / step), np.int8), zero)
        return self.op("Mul", self.op("Cast", product, to=TensorProto.FLOAT), self.op("Mul", scale, self.weight(step)))

    def four_bit(self, x, columns):
        blocks = HIDDEN // 32
        packed = self.weight(self.random.integers(0, 256, size=(columns, blocks, 16)), np.uint8)
        scales = self.weight(self.random.uniform(0.02, 0.04, size=columns * blocks))
        return self.op("MatMulNBits", x, packed, scales, domain="com.microsoft", K=HIDDEN, N=columns, bits=4, block_size=32, accuracy_level=4)

    def tables(self):
        frequencies = self.weight((1.0 / 10000.0 ** (np.arange(0, WIDTH, 2) / WIDTH)).astype(np.float32))
        positions = self.op("Unsqueeze", self.op("Cast", "position_ids", to=TensorProto.FLOAT), self.integers(-1))
        angles = self.op("Mul", positions, frequencies)
        angles = self.op("Concat", angles, angles, axis=-1)
        self.cos, self.sin = (self.op("Unsqueeze", self.op(kind, angles), self.integers(1)) for kind in ("Cos", "Sin"))

    def heads(self, x):
        split = self.op("Reshape", x, self.integers(0, 0, HEADS, WIDTH))
        return self.op("Transpose", split, perm=[0, 2, 1, 3])

    def rotate(self, x):
        cut = lambda a, b: self.op("Slice", x, self.integers(a), self.integers(b), self.integers(-1))
        turned = self.op("Concat", self.op("Neg", cut(WIDTH // 2, WIDTH)), cut(0, WIDTH // 2), axis=-1)
        return self.op("Add", self.op("Mul", x, self.cos), self.op("Mul", turned, self.sin))

    def attention(self, x):
        q, k, v = (self.heads(self.linear(x, HIDDEN)) for _ in range(3))
        q, k = self.rotate(q), self.rotate(k)
        scores = self.op("MatMul", q, self.op("Transpose", k, perm=[0, 1, 3, 2]))
        scores = self.op("Softmax", self.op("Mul", scores, self.weight(WIDTH**-0.5)), axis=-1)
        mixed = self.op("Transpose", self.op("MatMul", scores, v), perm=[0, 2, 1, 3])
        return self.linear(self.op("Reshape", mixed, self.integers(0, 0, HIDDEN)), HIDDEN)

    def model(self):
        sizes = ["batch", "sequence"]
        first = ("ids", TensorProto.INT64, sizes) if self.tokens else ("x", TensorProto.FLOAT, [*sizes, HIDDEN])
        inputs = [helper.make_tensor_value_info(*first), helper.make_tensor_value_info("position_ids", TensorProto.INT64, sizes)]
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [*sizes, VOCABULARY])
        graph = helper.make_graph(self.nodes, "g", inputs, [logits], self.weights)
        return helper.make_model(graph, opset_imports=self.domains, ir_version=8)


MODELS = {
    "int8": lambda: Network("int8", layers=4, tokens=True).model(),
    "int8-floats": lambda: Network("int8", layers=12, tokens=False).model(),
    "four-bit": lambda: Network("four_bit", layers=6, tokens=True).model(),
    "deep": lambda: Network("plain", layers=24, tokens=True, gain=3.0).model(),
}
