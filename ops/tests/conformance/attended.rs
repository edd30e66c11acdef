//! Calls of `Attention` and `CachedAttention` against their reference: within the bound of the description, and with its zeros and NaN.

use crate::common::{Limits, Random, Runner, Values, wide};
use crate::host::{Call, Tensor};
use crate::runners;
use phasor_ops::attention::{Attended, AttentionKernel};
use phasor_ops::contract::attention::{
    AttentionAttributes, AttentionGeometry, SPEC, UNIT_ERROR, reference,
};
use phasor_ops::contract::cached_attention::SPEC as CACHED;
use phasor_ops::contract::{OperatorSpec, TensorType};

/// How many times the bound of kernels is left to function bodies, whose host sums as it likes.
const BODY_FACTOR: f64 = 4.0;

/// Sizes of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) batch: usize,
    pub(crate) heads: usize,
    pub(crate) key_heads: usize,
    pub(crate) queries: usize,
    pub(crate) keys: usize,
    pub(crate) channels: usize,
    pub(crate) values: usize,
}

/// One batch, one head.
pub(crate) fn sizes(queries: usize, keys: usize, channels: usize, values: usize) -> Sizes {
    Sizes {
        batch: 1,
        heads: 1,
        key_heads: 1,
        queries,
        keys,
        channels,
        values,
    }
}

/// A batch of heads that share keys.
pub(crate) fn shared(heads: usize, key_heads: usize, queries: usize, keys: usize) -> Sizes {
    Sizes {
        batch: 2,
        heads,
        key_heads,
        ..sizes(queries, keys, 16, 16)
    }
}

/// A tensor with its shape.
pub(crate) type Shaped<T> = (Vec<T>, Vec<usize>);

/// The inputs of a call.
pub(crate) struct Inputs<T> {
    pub(crate) q: Shaped<T>,
    pub(crate) k: Shaped<T>,
    pub(crate) v: Shaped<T>,
    pub(crate) bias: Shaped<T>,
    mask: Shaped<bool>,
    /// Keys, and values, that are cached; `None` for a call of `Attention`.
    past: Option<[usize; 2]>,
}

impl<T: Attended + Limits> Inputs<T> {
    /// Random queries, keys and values, and a random bias and mask of these shapes; `None` for none.
    pub(crate) fn random(sizes: Sizes, bias: Option<&[usize]>, mask: Option<&[usize]>) -> Self {
        let mut random = Random(sizes.keys as u64 * 31 + sizes.queries as u64);
        let Sizes {
            batch,
            heads,
            key_heads,
            queries,
            keys,
            channels,
            values,
        } = sizes;
        let mut tensor = |shape: &[usize], scale| {
            let values = random.tensor(shape, scale, Values::Ordinary);
            (values, shape.to_vec())
        };
        let q = tensor(&[batch, heads, queries, channels], 2.0);
        let k = tensor(&[batch, key_heads, keys, channels], 2.0);
        let v = tensor(&[batch, key_heads, keys, values], 3.0);
        let bias = match bias {
            Some(shape) => tensor(shape, 2.0),
            None => (vec![T::ZERO], vec![1]),
        };
        let mask = match mask {
            Some(shape) => {
                let visible = (0..shape.iter().product()).map(|_| !random.bits().is_multiple_of(4));
                (visible.collect(), shape.to_vec())
            }
            None => (vec![true], vec![1]),
        };
        Self {
            q,
            k,
            v,
            bias,
            mask,
            past: None,
        }
    }

    /// As a call of `CachedAttention` with so many of the keys, and of the values, in its cache.
    pub(crate) fn cached(mut self, keys: usize, values: usize) -> Self {
        self.past = Some([keys, values]);
        self
    }

    /// With a mask of the last axes, true where `visible` says so of a query and a key.
    pub(crate) fn seeing(mut self, visible: impl Fn(usize, usize) -> bool) -> Self {
        let (queries, keys) = (self.q.1[2], self.k.1[2]);
        let all = (0..queries).flat_map(|i| (0..keys).map(move |j| (i, j)));
        self.mask = (
            all.map(|(i, j)| visible(i, j)).collect(),
            vec![queries, keys],
        );
        self
    }

    /// The same with a bias of `low` where the mask is false, in place of the mask.
    pub(crate) fn by_bias(mut self, low: f64) -> Self {
        let bias = |&visible: &bool| if visible { T::ZERO } else { T::from_f64(low) };
        self.bias = (self.mask.0.iter().map(bias).collect(), self.mask.1);
        self.mask = (vec![true], vec![]);
        self
    }

    pub(crate) fn shapes(&self) -> [&[usize]; 5] {
        [&self.q.1, &self.k.1, &self.v.1, &self.bias.1, &self.mask.1]
    }

    fn tensors(&self) -> [Given<'_, T>; 4] {
        [&self.q, &self.k, &self.v, &self.bias].map(|(values, shape)| (&values[..], &shape[..]))
    }

    /// The reference, with other values if they are given.
    fn reference(&self, attributes: &AttentionAttributes, v: Option<Vec<f64>>) -> Vec<f64> {
        let [q, k, own, bias] = self.tensors().map(|(values, _)| wide(values));
        let [q_shape, k_shape, v_shape, bias_shape, mask_shape] = self.shapes();
        reference(
            &attributes.of_type(T::TYPE),
            (&q, q_shape),
            (&k, k_shape),
            (&v.unwrap_or(own), v_shape),
            (&bias, bias_shape),
            (&self.mask.0, mask_shape),
        )
        .unwrap()
    }

    /// For every query of every head the size of its scores, as the bound of the description has it.
    fn score_sizes(&self, attributes: &AttentionAttributes, epsilon: f64) -> Vec<f64> {
        let g = AttentionGeometry::new(self.shapes()).unwrap();
        let [q, k, _, bias] = self.tensors().map(|(values, _)| wide(values));
        let mut all = Vec::new();
        for row in 0..g.batch * g.heads * g.queries {
            let (b, n, i) = (
                row / g.queries / g.heads,
                row / g.queries % g.heads,
                row % g.queries,
            );
            let head = b * g.key_heads + n / g.group();
            let score = |j: usize| {
                let products = (0..g.channels).map(|d| {
                    let key = k[(head * g.keys + j) * g.channels + d];
                    f64::from(attributes.scale) * q[row * g.channels + d] * key
                });
                let (sum, size) = products.fold((0.0, 0.0), |(s, a), p| (s + p, a + p.abs()));
                let bias = bias[g.bias.row(b, n, i) + j * g.bias.steps[3]];
                if self.mask.0[g.mask.row(b, n, i) + j * g.mask.steps[3]] {
                    (sum + bias, size + bias.abs())
                } else {
                    (f64::from(attributes.fill), 0.0)
                }
            };
            let scores: Vec<(f64, f64)> = (0..g.keys).map(score).collect();
            let largest = scores.iter().map(|s| s.0).fold(f64::NEG_INFINITY, f64::max);
            let counts = scores.iter().filter(|s| (s.0 - largest).exp() > epsilon);
            all.push(counts.map(|s| s.1).fold(0.0, f64::max));
        }
        all
    }
}

/// Axis 2 of a tensor cut into its first `count` and the rest.
fn cut<T: Copy>((values, shape): &Shaped<T>, count: usize) -> [Shaped<T>; 2] {
    let (keys, width) = (shape[2], shape[3]);
    [0..count, count..keys].map(|range| {
        let heads = 0..shape[0] * shape[1];
        let rows = heads.flat_map(|head| head * keys + range.start..head * keys + range.end);
        let part = rows.flat_map(|row| values[row * width..][..width].iter().copied());
        (part.collect(), vec![shape[0], shape[1], range.len(), width])
    })
}

/// A tensor as a slice, with its sizes.
type Given<'a, T> = (&'a [T], &'a [usize]);

fn borrowed<T>((values, shape): &Shaped<T>) -> Given<'_, T> {
    (values, shape)
}

/// `Y` of a call. What a call puts together is held to what it was cut from.
fn attended<T: Attended + Limits>(
    attributes: AttentionAttributes,
    runner: Runner,
    inputs: &Inputs<T>,
) -> Vec<T> {
    let Some([keys, values]) = inputs.past else {
        let tensors = inputs.tensors();
        return run(attributes, runner, inputs, (&SPEC, &tensors, &[])).swap_remove(0);
    };
    let [past_k, k] = cut(&inputs.k, keys);
    let [past_v, v] = cut(&inputs.v, values);
    let first = [&inputs.q, &k, &v, &inputs.bias].map(borrowed);
    let past = [&past_k, &past_v].map(borrowed);
    let mut outputs = run(attributes, runner, inputs, (&CACHED, &first, &past));
    for (present, whole) in outputs[1..].iter().zip([&inputs.k, &inputs.v]) {
        let bits = |values: &[T]| values.iter().map(|v| v.bit_pattern()).collect::<Vec<_>>();
        assert!(
            bits(present) == bits(&whole.0),
            "{runner:?} {keys} {values}"
        );
    }
    outputs.swap_remove(0)
}

/// The outputs of a call of an operator: of `first`, the mask, and `past`.
fn run<T: Attended + Limits>(
    attributes: AttentionAttributes,
    runner: Runner,
    inputs: &Inputs<T>,
    (spec, first, past): (&'static OperatorSpec, &[Given<'_, T>; 4], &[Given<'_, T>]),
) -> Vec<Vec<T>> {
    let mask = (&inputs.mask.0[..], &inputs.mask.1[..]);
    match runner {
        Runner::Cpu(level) => {
            let kernel =
                AttentionKernel::with_level(attributes, level).expect("the level is available");
            let filled = |count: usize| vec![T::from_f64(7.0); count];
            let shape = AttentionGeometry::new(inputs.shapes())
                .unwrap()
                .output_shape();
            let mut y = filled(shape.iter().product());
            let [q, k, v, bias] = *first;
            let [past_k, past_v] = *past else {
                kernel.run(*first, mask, &mut y).unwrap();
                return vec![y];
            };
            let (mut keys, mut values) = (filled(inputs.k.0.len()), filled(inputs.v.0.len()));
            let outputs = [&mut y[..], &mut keys, &mut values];
            let tensors = [q, k, v, bias, past_k, past_v];
            kernel.run_cached(tensors, mask, outputs).unwrap();
            vec![y, keys, values]
        }
        #[cfg(feature = "cuda")]
        Runner::Cuda => unreachable!("there is no kernel for CUDA"),
        Runner::Host(host) => {
            let first = first.iter().map(|&tensor| Tensor::of(tensor));
            let past = past.iter().map(|&tensor| Tensor::of(tensor));
            let call = Call {
                spec,
                attributes: attributes.values().to_vec(),
                inputs: first
                    .chain([Tensor::of_booleans(mask)])
                    .chain(past)
                    .collect(),
            };
            call.on(host).iter().map(Tensor::values).collect()
        }
    }
}

/// Compares one call on everything that runs it.
pub(crate) fn check<T: Attended + Limits>(attributes: AttentionAttributes, inputs: &Inputs<T>) {
    let types = [TensorType::Element(T::TYPE), TensorType::Bool];
    let spec = if inputs.past.is_some() {
        &CACHED
    } else {
        &SPEC
    };
    let mut runners = runners().filter(|r| r.takes(spec, &types)).peekable();
    if runners.peek().is_none() {
        return;
    }
    let expected = inputs.reference(&attributes, None);
    let sizes = inputs.v.0.iter().map(|v| v.to_f64().abs()).collect();
    let weighed = inputs.reference(&attributes, Some(sizes));
    // Function bodies have scores in T.
    let epsilons = [T::ARITHMETIC.0, T::EPSILON.max(T::ARITHMETIC.0)];
    let scores = epsilons.map(|epsilon| inputs.score_sizes(&attributes, epsilon));
    let channels = inputs.v.1[3];
    for runner in runners {
        if inputs.k.1[2] == 0 && !runner.attends_to_nothing() {
            continue;
        }
        if inputs.q.1[1] == 0 && !runner.attends_without_heads() {
            continue;
        }
        let body = usize::from(runner.is_body());
        let (epsilon, factor) = (epsilons[body], [1.0, BODY_FACTOR][body]);
        let got = attended(attributes, runner, inputs);
        assert_eq!(got.len(), expected.len());
        for (at, (&y, &expected)) in got.iter().zip(&expected).enumerate() {
            let y = y.to_f64();
            if y == expected || (y.is_nan() && expected.is_nan()) {
                continue;
            }
            let terms = (1.0 + scores[body][at / channels]) * weighed[at];
            // To half the distance to a neighbour, where T is not the type of the arithmetic.
            let rounded = T::EPSILON > T::ARITHMETIC.0;
            let rounding = if rounded {
                T::EPSILON * expected.abs()
            } else {
                0.0
            };
            let rounding = 0.51 * rounding + T::SMALLEST;
            let error = (y - expected).abs() - rounding;
            let units = error / (epsilon * terms);
            assert!(
                units <= UNIT_ERROR * factor,
                "{:?}: {runner:?} {attributes:?} {:?}: element {at} is {y:?}, expected {expected:?}: {units:.2} units",
                T::TYPE,
                inputs.shapes()
            );
        }
    }
}

/// [`check`] in every type, of inputs that `$inputs` makes of a type `$t`.
macro_rules! check_all {
    ($attributes:expr, |$t:ident| $inputs:expr) => {{
        check_all!(@one $attributes, $t, f32, $inputs);
        check_all!(@one $attributes, $t, f16, $inputs);
        check_all!(@one $attributes, $t, bf16, $inputs);
        check_all!(@one $attributes, $t, f64, $inputs);
    }};
    (@one $attributes:expr, $t:ident, $of:ty, $inputs:expr) => {{
        type $t = $of;
        check::<$of>($attributes, &$inputs);
    }};
}
pub(crate) use check_all;

pub(crate) fn plain() -> AttentionAttributes {
    AttentionAttributes {
        scale: 0.25,
        ..Default::default()
    }
}

/// Few rows, and more than a block of them.
pub(crate) const ROWS: [usize; 3] = [1, 3, 70];
