//! Every operator: what tract computes by its kernel is what its contract expands it to.

use phasor::engine::tract::Tract;
use phasor::engine::{Engine, Source};
use phasor::onnx::proto::ModelProto;
use phasor::onnx::{DataType, Tensor};
use phasor::rewrite::{self, Definition};
use phasor_ops::contract::ALL;

use crate::build::{model, open, opset, typed};

/// An operator as a node, with inputs by name, shape and values.
struct Sample {
    node: &'static str,
    inputs: &'static [(&'static str, Kind, &'static [usize])],
    outputs: &'static [&'static str],
}

/// What the elements of an input are.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Numbers of the type of the outputs.
    Number,
    /// Numbers of type double.
    Double,
    /// Positions in rising order, with a gap.
    Position,
    /// Indices below 7, symmetric about the middle.
    Lut,
    /// Booleans, of which every third is false.
    Visible,
}

use Kind::{Double, Lut, Number, Position, Visible};

const SAMPLES: &[Sample] = &[
    Sample {
        node: "y = ai.phasor::RotaryEmbedding(x, cos, sin) interleaved=1 rotary_dim=4",
        inputs: &[
            ("x", Number, &[2, 5, 6]),
            ("cos", Number, &[5, 2]),
            ("sin", Number, &[5, 2]),
        ],
        outputs: &["y"],
    },
    Sample {
        node: "a, b = ai.phasor::RotaryEmbeddingPair(q, k, cos, sin) inverse=1",
        inputs: &[
            ("q", Number, &[3, 5, 4]),
            ("k", Number, &[5, 4]),
            ("cos", Number, &[5, 4]),
            ("sin", Number, &[5, 4]),
        ],
        outputs: &["a", "b"],
    },
    Sample {
        node: "y = ai.phasor::RotaryHeads(x, cos, sin) first_head=1 end_head=6 head_step=2",
        inputs: &[
            ("x", Number, &[2, 5, 6, 4]),
            ("cos", Number, &[5, 2]),
            ("sin", Number, &[5, 2]),
        ],
        outputs: &["y"],
    },
    Sample {
        node: "cos, sin = ai.phasor::RotaryTable(p, f, t) axis=0",
        inputs: &[
            ("p", Position, &[2, 5]),
            ("f", Double, &[2, 3]),
            ("t", Number, &[]),
        ],
        outputs: &["cos", "sin"],
    },
    Sample {
        node: "e = ai.phasor::SinusoidalEmbedding(p, f, t) width=7 cos_first=1 padding_position=3",
        inputs: &[
            ("p", Position, &[2, 5]),
            ("f", Double, &[3]),
            ("t", Number, &[]),
        ],
        outputs: &["e"],
    },
    Sample {
        node: "bias = ai.phasor::RelativePositionBias(table, lut, q, k)",
        inputs: &[
            ("table", Number, &[7, 3]),
            ("lut", Lut, &[9]),
            ("q", Position, &[2, 4]),
            ("k", Position, &[6]),
        ],
        outputs: &["bias"],
    },
    Sample {
        node: "bias = ai.phasor::AlibiBias(slopes, q, k) absolute=1",
        inputs: &[
            ("slopes", Number, &[3]),
            ("q", Position, &[4]),
            ("k", Position, &[2, 6]),
        ],
        outputs: &["bias"],
    },
    Sample {
        node: "y = ai.phasor::RelativeGather(scores, lut, q, k)",
        inputs: &[
            ("scores", Number, &[2, 4, 7]),
            ("lut", Lut, &[9]),
            ("q", Position, &[4]),
            ("k", Position, &[6]),
        ],
        outputs: &["y"],
    },
    Sample {
        node: "y = ai.phasor::RelativeGather(scores, lut, q, k) by_key=1",
        inputs: &[
            ("scores", Number, &[2, 6, 7]),
            ("lut", Lut, &[9]),
            ("q", Position, &[4]),
            ("k", Position, &[6]),
        ],
        outputs: &["y"],
    },
    Sample {
        node: "y = ai.phasor::Attention(q, k, v, bias, mask) scale=0.5 softcap=2.0 zero_nan_rows=1",
        inputs: &[
            ("q", Number, &[2, 6, 3, 4]),
            ("k", Number, &[2, 2, 5, 4]),
            ("v", Number, &[2, 2, 5, 7]),
            ("bias", Number, &[6, 1, 5]),
            ("mask", Visible, &[3, 5]),
        ],
        outputs: &["y"],
    },
    Sample {
        node: "y, keys, values = ai.phasor::CachedAttention(q, k, v, bias, mask, past_k, past_v) scale=0.5",
        inputs: &[
            ("q", Number, &[2, 6, 3, 4]),
            ("k", Number, &[2, 2, 3, 4]),
            ("v", Number, &[2, 2, 3, 7]),
            ("bias", Number, &[6, 1, 5]),
            ("mask", Visible, &[3, 5]),
            ("past_k", Number, &[2, 2, 2, 4]),
            ("past_v", Number, &[2, 2, 2, 7]),
        ],
        outputs: &["y", "keys", "values"],
    },
];

fn values(kind: Kind, count: usize) -> Vec<f64> {
    let at = |i: usize| match kind {
        Number | Double => ((i * 37 + 11) % 64) as f64 / 32.0 - 1.0,
        Position => (i + i / 3) as f64,
        Lut => (i.abs_diff(count / 2) + 2) as f64,
        Visible => (i % 3).min(1) as f64,
    };
    (0..count).map(at).collect()
}

/// The node alone in a model, and its inputs.
fn built(
    sample: &Sample,
    number: DataType,
    index: DataType,
) -> (ModelProto, Vec<(String, Tensor)>) {
    let mut text = String::new();
    let mut inputs = Vec::new();
    for &(name, kind, shape) in sample.inputs {
        let dtype = match kind {
            Number => number,
            Double => DataType::F64,
            Visible => DataType::Bool,
            Position | Lut => index,
        };
        let spelled = match dtype {
            DataType::Bool => "bool",
            DataType::F64 => "double",
            DataType::I64 => "int64",
            DataType::I32 => "int32",
            _ => "float",
        };
        text += &format!("{name}: {spelled}{shape:?}\n");
        let values = values(kind, shape.iter().product());
        inputs.push((name.to_owned(), typed(dtype, shape, &values)));
    }
    let mut m = model(&(text + sample.node), &[]);
    m.opset_import.push(opset("ai.phasor", 1));
    (m, inputs)
}

#[test]
fn there_is_a_sample_of_each() {
    for spec in ALL.map(|contract| contract.spec()) {
        let call = format!("::{}(", spec.name);
        assert!(
            SAMPLES.iter().any(|s| s.node.contains(&call)),
            "{}",
            spec.name
        );
    }
}

#[test]
fn kernels_in_tract_agree_with_the_expansion() {
    for sample in SAMPLES {
        for (number, index, tolerance) in [
            (DataType::F32, DataType::I64, 1e-6),
            (DataType::F32, DataType::I32, 1e-6),
            (DataType::F64, DataType::I64, 1e-12),
        ] {
            let (fused, inputs) = built(sample, number, index);
            let file = open(&fused);
            let (edit, expanded) = rewrite::unfuse(&file).unwrap();
            assert_eq!(expanded[0].definition, Definition::Contract);
            let plain = file.edited(&edit);
            let outputs: Vec<String> = sample.outputs.iter().map(|&o| o.to_owned()).collect();
            let run = |m: &ModelProto| Tract.run(Source::Proto(m, None), &inputs, &outputs);
            let (got, want) = (run(&fused).unwrap(), run(&plain).unwrap());
            assert_eq!(got.len(), want.len());
            for (got, want) in got.iter().zip(&want) {
                assert_eq!(
                    (got.dtype, &got.shape),
                    (want.dtype, &want.shape),
                    "{}",
                    sample.node
                );
                let (got, want) = (got.to_f64().unwrap(), want.to_f64().unwrap());
                for (got, want) in got.iter().zip(&want) {
                    assert!(
                        (got - want).abs() <= tolerance,
                        "{}: {got} {want}",
                        sample.node
                    );
                }
            }
        }
    }
}

const REFUSED: &[(Sample, &str)] = &[
    (
        Sample {
            node: "bias = ai.phasor::RelativePositionBias(table, lut, q, k)",
            inputs: &[
                ("table", Number, &[3, 2]),
                ("lut", Lut, &[9]),
                ("q", Position, &[4]),
                ("k", Position, &[4]),
            ],
            outputs: &["bias"],
        },
        "rows of table",
    ),
    (
        Sample {
            node: "y = ai.phasor::RelativeGather(scores, lut, q, k)",
            inputs: &[
                ("scores", Number, &[3, 9]),
                ("lut", Lut, &[9]),
                ("q", Position, &[4]),
                ("k", Position, &[4]),
            ],
            outputs: &["y"],
        },
        "axis 0 of scores",
    ),
    (
        Sample {
            node: "y = ai.phasor::AlibiBias(slopes, q, k)",
            inputs: &[
                ("slopes", Number, &[3]),
                ("q", Position, &[2, 4]),
                ("k", Position, &[3, 4]),
            ],
            outputs: &["y"],
        },
        "do not broadcast",
    ),
];

#[test]
fn what_does_not_fit_is_refused() {
    for (sample, words) in REFUSED {
        let (m, inputs) = built(sample, DataType::F32, DataType::I64);
        let outputs = [sample.outputs[0].to_owned()];
        let result = Tract.run(Source::Proto(&m, None), &inputs, &outputs);
        let said = result.unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
    }
}
