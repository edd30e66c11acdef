//! Transformer decoders of any width, spelled as exporters spell them, with weights that need not exist.
//!
//! A layer is norm, query, key and value (apart or packed), rotary embedding, attention, feed-forward: what Llama, GPT-NeoX and
//! GPT-J have in common. [`Decoder`] says where they differ.

use super::graph::{Attribute, Graph, Size, Spelling, Weights};
use phasor::onnx::Tensor;
use phasor::onnx::proto::{ModelProto, OperatorSetIdProto};

const FLOAT: i32 = 1;
const INT64: i32 = 7;
/// End of a slice that goes on to the end.
const END: i64 = i64::MAX;
/// Positions of a table of angles.
const TABLE_ROWS: usize = 4096;

/// Where the angles come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Angles {
    /// Positions that are an input, times frequencies.
    Positions,
    /// Positions counted in the graph, times frequencies.
    Range,
    /// Rows of constant tables, looked up by positions that are an input.
    Table,
}

/// A decoder.
#[derive(Clone, Copy, Debug)]
pub struct Decoder {
    pub spelling: Spelling,
    pub weights: Weights,
    pub angles: Angles,
    pub layers: usize,
    pub hidden: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub rotary_dim: usize,
    pub interleaved: bool,
    pub packed: bool,
    pub vocabulary: usize,
    pub inner: usize,
    pub batch: Size,
    pub sequence: Size,
}

impl Default for Decoder {
    /// Llama 3 8B, two layers of it, as the dynamo exporter writes it.
    fn default() -> Self {
        Self {
            spelling: Spelling::Dynamo,
            weights: Weights::Absent,
            angles: Angles::Positions,
            layers: 2,
            hidden: 4096,
            heads: 32,
            kv_heads: 8,
            head_dim: 128,
            rotary_dim: 128,
            interleaved: false,
            packed: false,
            vocabulary: 128_256,
            inner: 14_336,
            batch: Size::Symbol("batch"),
            sequence: Size::Symbol("sequence"),
        }
    }
}

/// cos and sin, and how they lie: `[batch, sequence, channels]`.
struct Tables {
    cos: String,
    sin: String,
}

impl Decoder {
    /// Number of rotary embeddings.
    pub fn sites(&self) -> usize {
        2 * self.layers
    }

    /// The model.
    pub fn build(&self) -> ModelProto {
        let mut g = Graph::new(self.spelling, self.weights);
        let tokens = g.input("input_ids", INT64, &[self.batch, self.sequence]);
        let embedding = g.weight("model.embed_tokens.weight", &[self.vocabulary, self.hidden]);
        let mut x = g.node("Gather", &[&embedding, &tokens], &[]);
        g.enter("rotary_emb");
        let tables = self.angles(&mut g, &tokens);
        for layer in 0..self.layers {
            x = self.layer(&mut g, layer, &x, &tokens, &tables);
        }
        let x = self.norm(&mut g, "norm", &x);
        let head = g.weight("lm_head.weight", &[self.hidden, self.vocabulary]);
        g.node("MatMul", &[&x, &head], &[]);
        g.rename_last("logits");
        let vocabulary = Size::Fixed(self.vocabulary as i64);
        g.output("logits", FLOAT, &[self.batch, self.sequence, vocabulary]);
        let (opset, ir) = match self.spelling {
            Spelling::Dynamo => (20, 10),
            Spelling::TorchScript => (17, 8),
        };
        ModelProto {
            ir_version: Some(ir),
            producer_name: Some("decoder example of phasor".to_owned()),
            opset_import: vec![OperatorSetIdProto {
                domain: Some(String::new()),
                version: Some(opset),
            }],
            graph: Some(g.finish()),
            ..ModelProto::default()
        }
    }

    fn angles(&self, g: &mut Graph, tokens: &str) -> Tables {
        let half = self.rotary_dim / 2;
        let frequency = |j: usize| 10_000f64.powf(-(j as f64) / half as f64);
        let positions = match self.angles {
            Angles::Range => {
                let length = self.size(g, tokens, 1);
                let (zero, one) = (g.int(0), g.int(1));
                let range = g.node("Range", &[&zero, &length, &one], &[]);
                let axes = g.ints(&[0]);
                g.node("Unsqueeze", &[&range, &axes], &[])
            }
            Angles::Positions | Angles::Table => {
                g.input("position_ids", INT64, &[self.batch, self.sequence])
            }
        };
        if self.angles == Angles::Table {
            return self.looked_up(g, &positions, frequency);
        }
        let values: Vec<f32> = (0..half).map(|j| frequency(j) as f32).collect();
        let frequencies = g.constant(Tensor::from_f32(&[1, half, 1], &values));
        let frequencies = if self.spelling == Spelling::TorchScript {
            self.expanded(g, &frequencies, &positions)
        } else {
            frequencies
        };
        let axes = g.ints(&[1]);
        let row = g.node("Unsqueeze", &[&positions, &axes], &[]);
        let row = g.node("Cast", &[&row], &[Attribute::Int("to", FLOAT.into())]);
        let angle = g.node("MatMul", &[&frequencies, &row], &[]);
        let angle = g.node(
            "Transpose",
            &[&angle],
            &[Attribute::Ints("perm", &[0, 2, 1])],
        );
        if self.interleaved {
            return Tables {
                cos: g.node("Cos", &[&angle], &[]),
                sin: g.node("Sin", &[&angle], &[]),
            };
        }
        let twice = g.node("Concat", &[&angle, &angle], &[Attribute::Int("axis", -1)]);
        let mut scaled = |op: &str| {
            let wave = g.node(op, &[&twice], &[]);
            if g.spelling() == Spelling::Dynamo {
                return wave;
            }
            let one = g.float(1.0);
            g.node("Mul", &[&wave, &one], &[])
        };
        Tables {
            cos: scaled("Cos"),
            sin: scaled("Sin"),
        }
    }

    /// One table of `sin | cos`, as GPT-J keeps it.
    fn looked_up(
        &self,
        g: &mut Graph,
        positions: &str,
        frequency: impl Fn(usize) -> f64,
    ) -> Tables {
        let half = self.rotary_dim / 2;
        let mut values = Vec::with_capacity(TABLE_ROWS * 2 * half);
        for position in 0..TABLE_ROWS {
            let angle = |j: usize| position as f64 * frequency(j);
            values.extend((0..half).map(|j| angle(j).sin() as f32));
            values.extend((0..half).map(|j| angle(j).cos() as f32));
        }
        let table = Tensor::from_f32(&[TABLE_ROWS, 2 * half], &values);
        let table = g.table("model.embed_positions", &table);
        let rows = g.node("Gather", &[&table, positions], &[Attribute::Int("axis", 0)]);
        let mut parts = match self.spelling {
            Spelling::Dynamo => {
                let attributes = [Attribute::Int("axis", 2), Attribute::Int("num_outputs", 2)];
                g.nodes("Split", &[&rows], &attributes, 2)
            }
            Spelling::TorchScript => {
                let sizes = g.ints(&[half as i64, half as i64]);
                g.nodes("Split", &[&rows, &sizes], &[Attribute::Int("axis", -1)], 2)
            }
        };
        let (cos, sin) = (parts.remove(1), parts.remove(0));
        if self.interleaved {
            return Tables { cos, sin };
        }
        let mut twice = |part: &str| g.node("Concat", &[part, part], &[Attribute::Int("axis", -1)]);
        Tables {
            cos: twice(&cos),
            sin: twice(&sin),
        }
    }

    /// `expand(batch, -1, 1)` as the TorchScript exporter writes it.
    fn expanded(&self, g: &mut Graph, frequencies: &str, positions: &str) -> String {
        let batch = self.size(g, positions, 0);
        let zero = g.ints(&[0]);
        let batch = g.node("Unsqueeze", &[&batch, &zero], &[]);
        let (same, one) = (g.ints(&[-1]), g.ints(&[1]));
        let shape = g.node(
            "Concat",
            &[&batch, &same, &one],
            &[Attribute::Int("axis", 0)],
        );
        let flat = g.ints(&[-1]);
        let shape = g.node("Reshape", &[&shape, &flat], &[]);
        let length = g.node("Shape", &[&shape], &[]);
        let one = Tensor::from_i64(&[1], &[1]);
        let ones = g.node(
            "ConstantOfShape",
            &[&length],
            &[Attribute::Tensor("value", one)],
        );
        let minus = g.int(-1);
        let minus = g.node("Mul", &[&ones, &minus], &[]);
        let equal = g.node("Equal", &[&shape, &minus], &[]);
        let shape = g.node("Where", &[&equal, &ones, &shape], &[]);
        g.node("Expand", &[frequencies, &shape], &[])
    }

    /// One size of a value's shape, a scalar.
    fn size(&self, g: &mut Graph, value: &str, axis: i64) -> String {
        match g.spelling() {
            Spelling::TorchScript => {
                let shape = g.node("Shape", &[value], &[]);
                let axis = g.int(axis);
                g.node("Gather", &[&shape, &axis], &[Attribute::Int("axis", 0)])
            }
            Spelling::Dynamo => {
                let bounds = [
                    Attribute::Int("start", axis),
                    Attribute::Int("end", axis + 1),
                ];
                let size = g.node("Shape", &[value], &bounds);
                g.node("Squeeze", &[&size], &[])
            }
        }
    }

    /// `[batch, sequence, rest...]`, batch and sequence read off a value where they are not fixed.
    fn shape(&self, g: &mut Graph, like: &str, rest: &[i64]) -> String {
        let mut parts = Vec::new();
        for (axis, size) in [self.batch, self.sequence].into_iter().enumerate() {
            parts.push(match (size, g.spelling()) {
                (Size::Fixed(n), _) => g.ints(&[n]),
                (Size::Symbol(_), Spelling::Dynamo) => {
                    let bounds = [
                        Attribute::Int("start", axis as i64),
                        Attribute::Int("end", axis as i64 + 1),
                    ];
                    g.node("Shape", &["input_ids"], &bounds)
                }
                (Size::Symbol(_), Spelling::TorchScript) => {
                    let size = self.size(g, like, axis as i64);
                    let zero = g.ints(&[0]);
                    g.node("Unsqueeze", &[&size, &zero], &[])
                }
            });
        }
        for n in rest {
            parts.push(g.ints(&[*n]));
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        g.node("Concat", &parts, &[Attribute::Int("axis", 0)])
    }

    fn reshape(&self, g: &mut Graph, value: &str, shape: &str) -> String {
        let allow = i64::from(g.spelling() == Spelling::Dynamo);
        g.node(
            "Reshape",
            &[value, shape],
            &[Attribute::Int("allowzero", allow)],
        )
    }

    /// Root mean square norm.
    fn norm(&self, g: &mut Graph, name: &str, x: &str) -> String {
        let weight = g.weight(&format!("model.{name}.weight"), &[self.hidden]);
        let two = g.float(2.0);
        let square = g.node("Pow", &[x, &two], &[]);
        let mean = match g.spelling() {
            Spelling::Dynamo => {
                let axes = g.ints(&[-1]);
                g.node(
                    "ReduceMean",
                    &[&square, &axes],
                    &[Attribute::Int("keepdims", 1)],
                )
            }
            Spelling::TorchScript => {
                let attributes = [
                    Attribute::Ints("axes", &[-1]),
                    Attribute::Int("keepdims", 1),
                ];
                g.node("ReduceMean", &[&square], &attributes)
            }
        };
        let epsilon = g.float(1e-5);
        let sum = g.node("Add", &[&mean, &epsilon], &[]);
        let root = g.node("Sqrt", &[&sum], &[]);
        let inverse = match g.spelling() {
            Spelling::Dynamo => g.node("Reciprocal", &[&root], &[]),
            Spelling::TorchScript => {
                let one = g.float(1.0);
                g.node("Div", &[&one, &root], &[])
            }
        };
        let unit = g.node("Mul", &[x, &inverse], &[]);
        g.node("Mul", &[&weight, &unit], &[])
    }

    fn linear(&self, g: &mut Graph, name: &str, x: &str, from: usize, to: usize) -> String {
        let weight = g.weight(&format!("model.{name}.weight"), &[from, to]);
        g.node("MatMul", &[x, &weight], &[])
    }

    fn layer(&self, g: &mut Graph, layer: usize, x: &str, tokens: &str, tables: &Tables) -> String {
        let name = |part: &str| format!("layers.{layer}.{part}");
        g.enter(&format!("layers.{layer}/self_attn"));
        let normed = self.norm(g, &name("input_layernorm"), x);
        let [q, k, v] = self.projections(g, &name("self_attn"), &normed);
        let q = self.rotate(g, &q, tables);
        let k = self.rotate(g, &k, tables);
        let k = self.repeated(g, &k, tokens);
        let v = self.repeated(g, &v, tokens);
        let k = g.node(
            "Transpose",
            &[&k],
            &[Attribute::Ints("perm", &[0, 1, 3, 2])],
        );
        let scores = g.node("MatMul", &[&q, &k], &[]);
        let scale = g.float(1.0 / (self.head_dim as f32).sqrt());
        let scores = g.node("Mul", &[&scores, &scale], &[]);
        let weights = g.node("Softmax", &[&scores], &[Attribute::Int("axis", -1)]);
        let mixed = g.node("MatMul", &[&weights, &v], &[]);
        let mixed = g.node(
            "Transpose",
            &[&mixed],
            &[Attribute::Ints("perm", &[0, 2, 1, 3])],
        );
        let width = self.heads * self.head_dim;
        let shape = self.shape(g, &normed, &[width as i64]);
        let mixed = self.reshape(g, &mixed, &shape);
        let mixed = self.linear(g, &name("self_attn.o_proj"), &mixed, width, self.hidden);
        let x = g.node("Add", &[x, &mixed], &[]);

        g.enter(&format!("layers.{layer}/mlp"));
        let normed = self.norm(g, &name("post_attention_layernorm"), &x);
        let gate = self.linear(g, &name("mlp.gate_proj"), &normed, self.hidden, self.inner);
        let sigmoid = g.node("Sigmoid", &[&gate], &[]);
        let gate = g.node("Mul", &[&gate, &sigmoid], &[]);
        let up = self.linear(g, &name("mlp.up_proj"), &normed, self.hidden, self.inner);
        let product = g.node("Mul", &[&gate, &up], &[]);
        let down = self.linear(g, &name("mlp.down_proj"), &product, self.inner, self.hidden);
        g.node("Add", &[&x, &down], &[])
    }

    /// Query, key and value as `[batch, heads, sequence, channels]`.
    fn projections(&self, g: &mut Graph, name: &str, x: &str) -> [String; 3] {
        let heads_first = [Attribute::Ints("perm", &[0, 2, 1, 3])];
        if self.packed {
            let width = 3 * self.heads * self.head_dim;
            let weight = g.weight(
                &format!("model.{name}.query_key_value.weight"),
                &[self.hidden, width],
            );
            let bias = g.weight(&format!("model.{name}.query_key_value.bias"), &[width]);
            let all = g.node("MatMul", &[x, &weight], &[]);
            let all = g.node("Add", &[&bias, &all], &[]);
            let shape = self.shape(g, x, &[-1, 3 * self.head_dim as i64]);
            let all = self.reshape(g, &all, &shape);
            let all = g.node("Transpose", &[&all], &heads_first);
            let d = self.head_dim as i64;
            return [0, 1, 2].map(|k| self.channels(g, &all, k * d, (k + 1) * d));
        }
        let mut one = |part: &str, heads: usize| {
            let flat = self.linear(
                g,
                &format!("{name}.{part}"),
                x,
                self.hidden,
                heads * self.head_dim,
            );
            let shape = self.shape(g, x, &[-1, self.head_dim as i64]);
            let split = self.reshape(g, &flat, &shape);
            g.node("Transpose", &[&split], &heads_first)
        };
        [
            one("q_proj", self.heads),
            one("k_proj", self.kv_heads),
            one("v_proj", self.kv_heads),
        ]
    }

    /// A slice of the last axis of four.
    fn channels(&self, g: &mut Graph, x: &str, from: i64, to: i64) -> String {
        let (from, to, axis, step) = (g.ints(&[from]), g.ints(&[to]), g.ints(&[3]), g.ints(&[1]));
        g.node("Slice", &[x, &from, &to, &axis, &step], &[])
    }

    /// The two halves of the last axis.
    fn halves(&self, g: &mut Graph, x: &str) -> [String; 2] {
        let half = self.rotary_dim as i64 / 2;
        if g.spelling() == Spelling::Dynamo {
            return [self.channels(g, x, 0, half), self.channels(g, x, half, END)];
        }
        let width = self.size(g, x, 3);
        let two = g.int(2);
        let half = g.node("Div", &[&width, &two], &[]);
        let half = g.node("Cast", &[&half], &[Attribute::Int("to", INT64.into())]);
        let zero = g.ints(&[0]);
        let half = g.node("Unsqueeze", &[&half, &zero], &[]);
        let (from, end, axis, step) = (g.ints(&[0]), g.ints(&[END]), g.ints(&[3]), g.ints(&[1]));
        [
            g.node("Slice", &[x, &from, &half, &axis, &step], &[]),
            g.node("Slice", &[x, &half, &end, &axis, &step], &[]),
        ]
    }

    fn rotate(&self, g: &mut Graph, x: &str, tables: &Tables) -> String {
        let (turned, rest) = if self.rotary_dim == self.head_dim {
            (x.to_owned(), None)
        } else {
            let turned = self.channels(g, x, 0, self.rotary_dim as i64);
            (
                turned,
                Some(self.channels(g, x, self.rotary_dim as i64, END)),
            )
        };
        let heads = g.ints(&[1]);
        let cos = g.node("Unsqueeze", &[&tables.cos, &heads], &[]);
        let sin = g.node("Unsqueeze", &[&tables.sin, &heads], &[]);
        let turned = if self.interleaved {
            self.rotate_interleaved(g, &turned, &cos, &sin)
        } else {
            let along = g.node("Mul", &[&turned, &cos], &[]);
            let [first, second] = self.halves(g, &turned);
            let minus = g.node("Neg", &[&second], &[]);
            let swapped = g.node("Concat", &[&minus, &first], &[Attribute::Int("axis", -1)]);
            let across = g.node("Mul", &[&swapped, &sin], &[]);
            g.node("Add", &[&along, &across], &[])
        };
        match rest {
            None => turned,
            Some(rest) => g.node("Concat", &[&turned, &rest], &[Attribute::Int("axis", -1)]),
        }
    }

    /// Every second channel and its neighbour, stacked again afterwards.
    fn rotate_interleaved(&self, g: &mut Graph, x: &str, cos: &str, sin: &str) -> String {
        let (end, axis, step) = (g.ints(&[END]), g.ints(&[3]), g.ints(&[2]));
        let [even, odd] = [0, 1].map(|from| {
            let from = g.ints(&[from]);
            g.node("Slice", &[x, &from, &end, &axis, &step], &[])
        });
        // repeat_interleave(2)
        let pair = [1, 1, 1, 1, 2];
        let [cos, sin] = [cos, sin].map(|table| {
            let last = g.ints(&[-1]);
            let table = g.node("Unsqueeze", &[table, &last], &[]);
            let pair = g.ints(&pair);
            let table = g.node("Expand", &[&table, &pair], &[]);
            let shape = g.ints(&[0, 0, 0, self.rotary_dim as i64]);
            g.node(
                "Reshape",
                &[&table, &shape],
                &[Attribute::Int("allowzero", 0)],
            )
        });
        let along = g.node("Mul", &[x, &cos], &[]);
        let minus = g.node("Neg", &[&odd], &[]);
        let last = g.ints(&[-1]);
        let first = g.node("Unsqueeze", &[&minus, &last], &[]);
        let second = g.node("Unsqueeze", &[&even, &last], &[]);
        let stacked = g.node("Concat", &[&first, &second], &[Attribute::Int("axis", -1)]);
        let shape = g.ints(&[0, 0, 0, self.rotary_dim as i64]);
        let swapped = g.node(
            "Reshape",
            &[&stacked, &shape],
            &[Attribute::Int("allowzero", 0)],
        );
        let across = g.node("Mul", &[&swapped, &sin], &[]);
        g.node("Add", &[&along, &across], &[])
    }

    /// Key or value heads, each as often as query heads share it.
    fn repeated(&self, g: &mut Graph, x: &str, tokens: &str) -> String {
        let times = self.heads / self.kv_heads;
        if self.packed || times == 1 {
            return x.to_owned();
        }
        let axes = g.ints(&[2]);
        let wide = g.node("Unsqueeze", &[x, &axes], &[]);
        let [batch, sequence] = [0, 1].map(|axis| {
            let size = self.size(g, tokens, axis);
            let zero = g.ints(&[0]);
            g.node("Unsqueeze", &[&size, &zero], &[])
        });
        let [kv, times, all, width] =
            [self.kv_heads, times, self.heads, self.head_dim].map(|n| g.ints(&[n as i64]));
        let axis = [Attribute::Int("axis", 0)];
        let shape = g.node("Concat", &[&batch, &kv, &times, &sequence, &width], &axis);
        let wide = g.node("Expand", &[&wide, &shape], &[]);
        let shape = g.node("Concat", &[&batch, &all, &sequence, &width], &axis);
        self.reshape(g, &wide, &shape)
    }
}
