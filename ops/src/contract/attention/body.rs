//! `Attention` in standard ONNX operators, in the *grouped form*.
//!
//! The queries of all heads that read one key head stand side by side, as rows of one matrix: `[B, H, (N/H) * S, D]`. Keys and values
//! are then multiplied as they are, where exporters repeat them for each head, and the transposition of the keys is one that ONNX
//! Runtime makes part of the product. The reshapes between are views. All sizes are computed, none is left to `Reshape`, so
//! that they may be 0.
//!
//! Scores are in T, as exporters write them: a host has products in half types that are faster than those in float, and rounds sums with
//! large negative numbers as it does in the graph that this stands for. Their softmax is in float.
//!
//! A model has one function of a name. The body is written for the traits that all uses share; for the others it asks attributes and
//! shapes. The promises about hidden keys make no difference.

use super::attributes::{FILL, SCALE, SOFTCAP, ZERO_NAN_ROWS};
use super::spec::OUTPUT;
use super::{AttentionAttributes, INPUTS, SPEC};
use crate::contract::body::{BOOL, BodyBuilder, Restore, agreed, casts};
use crate::contract::spec::names;
use crate::contract::{AttributeSpec, BodyAttribute, ContractError, ElementType, FunctionBody};

/// One node of a model, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionUse {
    /// Its attributes.
    pub attributes: AttentionAttributes,
    /// Element type of `Q`.
    pub dtype: ElementType,
    /// Whether there are fewer key heads than heads; `None` where that is not known.
    pub grouped: Option<bool>,
    /// Whether `bias` may be anything but zeros.
    pub biased: bool,
    /// Whether `mask` may be anything but true.
    pub masked: bool,
}

/// The body for a model of `opset` in which the operator is used as `uses` say. Without uses it is right for all of them.
///
/// # Errors
/// [`ContractError::Unsupported`] for an opset older than 13, and for uses with several element types at one older than 15.
pub fn function_body(opset: i64, uses: &[AttentionUse]) -> Result<FunctionBody, ContractError> {
    let mut builder = BodyBuilder::new(opset)?;
    let [_, k, v, _, _] = names(&INPUTS);
    write(&mut builder, opset, uses, (k, v))?;
    Ok(builder.finish(&SPEC))
}

/// Writes the nodes that make `Y` with the keys and values of these names.
///
/// # Errors
/// As [`function_body`].
pub(in crate::contract) fn write(
    builder: &mut BodyBuilder,
    opset: i64,
    uses: &[AttentionUse],
    (keys, values): (&str, &str),
) -> Result<(), ContractError> {
    let any = if uses.is_empty() {
        &ElementType::ALL[..]
    } else {
        &[]
    };
    let types = uses.iter().map(|u| u.dtype).chain(any.iter().copied());
    // Attributes are in float.
    let (_, numbers) = casts(types.clone(), ElementType::F32, opset, true)?;
    let widest = agreed(uses, |u| Some(u.dtype.arithmetic())).unwrap_or(ElementType::F64);
    let (lift, restore) = casts(types, widest, opset, false)?;
    let mut writer = Writer {
        b: builder,
        keys,
        values,
        numbers,
        lift,
        restore,
        grouped: agreed(uses, |u| u.grouped) != Some(false),
        biased: agreed(uses, |u| Some(u.biased)) != Some(false),
        masked: agreed(uses, |u| Some(u.masked)) != Some(false),
        scaled: agreed(uses, |u| Some(u.attributes.scale == 1.0)) != Some(true),
        capped: agreed(uses, |u| Some(u.attributes.softcap != 0.0)),
        guarded: agreed(uses, |u| Some(u.attributes.zero_nan_rows)),
    };
    writer.write();
    builder.name_last(OUTPUT.name);
    Ok(())
}

/// Writes one body.
struct Writer<'a> {
    b: &'a mut BodyBuilder,
    /// Names of the keys and values.
    keys: &'a str,
    values: &'a str,
    /// How numbers of float become ones of T.
    numbers: Restore,
    /// The type that the softmax is in, if it is not T, and how probabilities return to T.
    lift: Option<ElementType>,
    restore: Restore,
    grouped: bool,
    biased: bool,
    masked: bool,
    scaled: bool,
    /// Whether scores have a bound, and whether rows of NaN become zero; `None` where uses differ.
    capped: Option<bool>,
    guarded: Option<bool>,
}

/// The shapes of the grouped form, before and after each product.
struct Shapes {
    /// `[B, H, (N/H) * S, D]`
    queries: String,
    /// `[B, N, S, T]`, or `[B, N, S, 1]` where one key counts for all: bias and mask then tell how many there are.
    scores: String,
    /// `[B, H, (N/H) * S, T]`
    probabilities: String,
    /// `[B, N, S, E]`
    output: String,
}

impl Writer<'_> {
    fn write(&mut self) {
        let [q, _, _, bias, mask] = names(&INPUTS);
        let (k, v) = (self.keys, self.values);
        let shapes = self.grouped.then(|| self.shapes());
        let view = |b: &mut BodyBuilder, value: &str, of: fn(&Shapes) -> &String| match &shapes {
            Some(shapes) => b.reshape(value, of(shapes)),
            None => value.to_owned(),
        };

        let mut queries = q.to_owned();
        if self.scaled {
            let scale = self.number(SCALE.spec());
            queries = self.b.op("Mul", &[&queries, &scale]);
        }
        let queries = view(self.b, &queries, |s| &s.queries);
        let keys = self.b.transpose(k, &[0, 1, 3, 2]);
        let mut scores = self.b.op("MatMul", &[&queries, &keys]);
        if self.capped != Some(false) {
            scores = self.cap(&scores);
        }
        let mut scores = view(self.b, &scores, |s| &s.scores);
        if self.biased {
            scores = self.b.op("Add", &[&scores, bias]);
        }
        if self.masked {
            let fill = self.number(FILL.spec());
            scores = self.b.op("Where", &[mask, &scores, &fill]);
        }
        let last = vec![("axis", BodyAttribute::Int(-1))];
        let scores = self.b.lift(&scores, self.lift);
        let probabilities = self.b.op_with("Softmax", &[&scores], last);
        let probabilities = self.b.restore(&probabilities, self.restore, q);
        let weights = view(self.b, &probabilities, |s| &s.probabilities);
        let output = self.b.op("MatMul", &[&weights, v]);
        let mut output = view(self.b, &output, |s| &s.output);
        if self.guarded != Some(false) {
            output = self.guard(&output, &probabilities);
        }
        self.read(&output);
    }

    /// Reads the inputs that are not looked at, which changes nothing: onnxslim takes inputs that nothing reads out of a function, and
    /// leaves them in its calls.
    fn read(&mut self, output: &str) {
        if !self.b.has_cast_like() {
            return;
        }
        let [q, _, _, bias, mask] = names(&INPUTS);
        let mut output = output.to_owned();
        if !self.masked {
            let mask = self.b.op("CastLike", &[mask, q]);
            output = self.b.op("CastLike", &[&output, &mask]);
        }
        if !self.biased {
            self.b.op("CastLike", &[&output, bias]);
        }
    }

    fn shapes(&mut self) -> Shapes {
        let [q, ..] = names(&INPUTS);
        let (k, v) = (self.keys, self.values);
        let b = &mut *self.b;
        let axes = [0, 1, 2, 3].map(|axis| b.vector(&[axis]));
        let [of_q, of_k, of_v] = [q, k, v].map(|value| b.op("Shape", &[value]));
        let [batch, heads, queries, channels] =
            [0, 1, 2, 3].map(|axis: usize| b.gather(&of_q, &axes[axis]));
        let [key_heads, own_keys] = [1, 2].map(|axis: usize| b.gather(&of_k, &axes[axis]));
        let [keys, values] = [2, 3].map(|axis: usize| b.gather(&of_v, &axes[axis]));
        // Without key heads there are no heads either, and no rows; a division by 0 would end the process.
        let rows = b.op("Mul", &[&heads, &queries]);
        let some = b.op("Max", &[&key_heads, &axes[1]]);
        let rows = b.op("Div", &[&rows, &some]);
        Shapes {
            queries: b.concat(&[&batch, &key_heads, &rows, &channels]),
            scores: b.concat(&[&batch, &heads, &queries, &own_keys]),
            probabilities: b.concat(&[&batch, &key_heads, &rows, &keys]),
            output: b.concat(&[&batch, &heads, &queries, &values]),
        }
    }

    /// An attribute in T.
    fn number(&mut self, attribute: AttributeSpec) -> String {
        let number = self.b.attribute(attribute);
        self.of_float(&number)
    }

    /// A number in T.
    fn constant(&mut self, value: f32) -> String {
        let number = self.b.float(value);
        self.of_float(&number)
    }

    fn of_float(&mut self, number: &str) -> String {
        let [q, ..] = names(&INPUTS);
        self.b.restore(number, self.numbers, q)
    }

    /// The scores with their bound, where there is one.
    fn cap(&mut self, scores: &str) -> String {
        let bound = self.number(SOFTCAP.spec());
        if self.capped == Some(true) {
            return self.capped(scores, &bound);
        }
        let [zero, one] = [0.0, 1.0].map(|value| self.constant(value));
        let none = self.b.op("Equal", &[&bound, &zero]);
        // Any number but 0, which would make NaN.
        let some = self.b.op("Where", &[&none, &one, &bound]);
        let capped = self.capped(scores, &some);
        self.b.op("Where", &[&none, scores, &capped])
    }

    fn capped(&mut self, scores: &str, bound: &str) -> String {
        let turned = self.b.op("Div", &[scores, bound]);
        let turned = self.b.op("Tanh", &[&turned]);
        self.b.op("Mul", &[&turned, bound])
    }

    /// The output with zeros where probabilities are NaN. All of a row are if one is, so it looks at one of each row. Without keys, where
    /// the output is zeros already, anything in its place will do: a channel of the query, and if there is none either the sum of none.
    /// Releases of ONNX Runtime before 1.32 do not take that sum.
    fn guard(&mut self, output: &str, probabilities: &str) -> String {
        let [q, ..] = names(&INPUTS);
        let first = self.b.slice(probabilities, 0, 1, 1);
        let other = self.b.slice(q, 0, 1, 1);
        let first = self.b.concat(&[&first, &other]);
        let first = self.b.slice(&first, 0, 1, 1);
        let axes = self.b.vector(&[-1]);
        let first = self.b.op("ReduceSum", &[&first, &axes]);
        let mut zeroed = self.b.op("IsNaN", &[&first]);
        if self.guarded.is_none() {
            let asked = self.b.attribute(ZERO_NAN_ROWS.spec());
            let asked = self.b.cast(&asked, BOOL);
            zeroed = self.b.op("And", &[&zeroed, &asked]);
        }
        let zero = self.constant(0.0);
        self.b.op("Where", &[&zeroed, &zero, output])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::body::assert_in_order;

    fn plain() -> AttentionUse {
        AttentionUse {
            attributes: AttentionAttributes::default(),
            dtype: ElementType::F32,
            grouped: Some(false),
            biased: false,
            masked: false,
        }
    }

    fn operators(uses: &[AttentionUse]) -> Vec<&'static str> {
        let body = function_body(17, uses).unwrap();
        body.nodes.iter().map(|n| n.op_type).collect()
    }

    #[test]
    fn the_plainest_body_is_two_products() {
        let expected = ["Transpose", "MatMul", "Softmax", "MatMul"];
        assert_eq!(operators(&[plain(), plain()])[..4], expected);
        assert_eq!(function_body(13, &[plain()]).unwrap().nodes.len(), 4);
    }

    #[test]
    fn every_input_is_read() {
        let biased = AttentionUse {
            biased: true,
            ..plain()
        };
        let masked = AttentionUse {
            masked: true,
            ..plain()
        };
        for uses in [plain(), biased, masked] {
            let body = function_body(15, &[uses]).unwrap();
            for name in names(&INPUTS) {
                let mut nodes = body.nodes.iter();
                assert!(nodes.any(|n| n.inputs.iter().any(|i| i == name)), "{name}");
            }
        }
    }

    #[test]
    fn the_body_has_what_uses_need() {
        let with = |change: fn(&mut AttentionUse)| {
            let mut one = plain();
            change(&mut one);
            one
        };
        let cases: [(AttentionUse, &str, &str); 8] = [
            (with(|u| u.attributes.scale = 0.5), "Mul", "Mul"),
            (with(|u| u.attributes.softcap = 0.5), "Tanh", "Equal"),
            (with(|u| u.attributes.zero_nan_rows = true), "IsNaN", "And"),
            (with(|u| u.grouped = Some(true)), "Reshape", "Reshape"),
            (with(|u| u.grouped = None), "Reshape", "Reshape"),
            (with(|u| u.biased = true), "Add", "Add"),
            (with(|u| u.masked = true), "Where", "Where"),
            (with(|u| u.dtype = ElementType::F16), "Cast", "Cast"),
        ];
        for (one, agreed, mixed) in cases {
            let nodes = operators(std::slice::from_ref(&one));
            assert!(nodes.contains(&agreed), "{one:?}");
            assert!(agreed == mixed || !nodes.contains(&mixed), "{one:?}");
            assert!(
                operators(&[one.clone(), plain()]).contains(&mixed),
                "{one:?}"
            );
            for opset in [15, 18, 23] {
                assert_in_order(&function_body(opset, &[one.clone(), plain()]).unwrap());
            }
        }
        assert_in_order(&function_body(15, &[]).unwrap());
        assert_in_order(&function_body(13, &[plain()]).unwrap());
        assert!(function_body(13, &[]).is_err());
        assert!(function_body(12, &[plain()]).is_err());
    }

    /// What is promised of hidden keys is for kernels.
    #[test]
    fn promises_change_nothing() {
        let attributes = AttentionAttributes {
            causal: true,
            window_left: Some(3),
            window_right: Some(1),
            ..Default::default()
        };
        let promised = AttentionUse {
            attributes,
            ..plain()
        };
        assert_eq!(operators(&[promised]), operators(&[plain()]));
    }
}
