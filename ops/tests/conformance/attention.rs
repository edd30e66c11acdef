//! `Attention` against its reference: within the bound of its description, and with its zeros and NaN.

use crate::common::{Limits, Random, Runner, Values, wide};
use crate::host::{Call, Tensor};
use crate::runners;
use half::{bf16, f16};
use phasor_ops::attention::{Attended, AttentionKernel};
use phasor_ops::contract::TensorType;
use phasor_ops::contract::attention::{
    AttentionAttributes, AttentionGeometry, SPEC, UNIT_ERROR, reference,
};

/// How many times the bound of kernels is left to function bodies, whose host sums as it likes.
const BODY_FACTOR: f64 = 4.0;

/// Sizes of a call.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    batch: usize,
    heads: usize,
    key_heads: usize,
    queries: usize,
    keys: usize,
    channels: usize,
    values: usize,
}

/// One batch, one head.
fn sizes(queries: usize, keys: usize, channels: usize, values: usize) -> Sizes {
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
fn shared(heads: usize, key_heads: usize, queries: usize, keys: usize) -> Sizes {
    Sizes {
        batch: 2,
        heads,
        key_heads,
        ..sizes(queries, keys, 16, 16)
    }
}

/// A tensor with its shape.
type Shaped<T> = (Vec<T>, Vec<usize>);

/// The inputs of a call.
struct Inputs<T> {
    q: Shaped<T>,
    k: Shaped<T>,
    v: Shaped<T>,
    bias: Shaped<T>,
    mask: Shaped<bool>,
}

impl<T: Attended + Limits> Inputs<T> {
    /// Random queries, keys and values, and a random bias and mask of these shapes; `None` for none.
    fn random(sizes: Sizes, bias: Option<&[usize]>, mask: Option<&[usize]>) -> Self {
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
        }
    }

    /// With a mask of the last axes, true where `visible` says so of a query and a key.
    fn seeing(mut self, visible: impl Fn(usize, usize) -> bool) -> Self {
        let (queries, keys) = (self.q.1[2], self.k.1[2]);
        let all = (0..queries).flat_map(|i| (0..keys).map(move |j| (i, j)));
        self.mask = (
            all.map(|(i, j)| visible(i, j)).collect(),
            vec![queries, keys],
        );
        self
    }

    /// The same with a bias of `low` where the mask is false, in place of the mask.
    fn by_bias(mut self, low: f64) -> Self {
        let bias = |&visible: &bool| if visible { T::ZERO } else { T::from_f64(low) };
        self.bias = (self.mask.0.iter().map(bias).collect(), self.mask.1);
        self.mask = (vec![true], vec![]);
        self
    }

    fn shapes(&self) -> [&[usize]; 5] {
        [&self.q.1, &self.k.1, &self.v.1, &self.bias.1, &self.mask.1]
    }

    fn tensors(&self) -> [(&[T], &[usize]); 4] {
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

/// `Y` of a call.
fn attended<T: Attended + Limits>(
    attributes: AttentionAttributes,
    runner: Runner,
    inputs: &Inputs<T>,
) -> Vec<T> {
    match runner {
        Runner::Cpu(level) => {
            let kernel =
                AttentionKernel::with_level(attributes, level).expect("the level is available");
            let shape = AttentionGeometry::new(inputs.shapes())
                .unwrap()
                .output_shape();
            let mut y = vec![T::from_f64(7.0); shape.iter().product()];
            let mask = (&inputs.mask.0[..], &inputs.mask.1[..]);
            kernel.run(inputs.tensors(), mask, &mut y).unwrap();
            y
        }
        #[cfg(feature = "cuda")]
        Runner::Cuda => unreachable!("there is no kernel for CUDA"),
        Runner::Host(host) => {
            let mask = Tensor::of_booleans((&inputs.mask.0, &inputs.mask.1));
            let call = Call {
                spec: &SPEC,
                attributes: attributes.values().to_vec(),
                inputs: inputs
                    .tensors()
                    .map(Tensor::of)
                    .into_iter()
                    .chain([mask])
                    .collect(),
            };
            call.on(host)[0].values()
        }
    }
}

/// Compares one call on everything that runs it.
fn check<T: Attended + Limits>(attributes: AttentionAttributes, inputs: &Inputs<T>) {
    let types = [TensorType::Element(T::TYPE), TensorType::Bool];
    let mut runners = runners().filter(|r| r.takes(&SPEC, &types)).peekable();
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

fn plain() -> AttentionAttributes {
    AttentionAttributes {
        scale: 0.25,
        ..Default::default()
    }
}

/// Few rows, and more than a block of them.
const ROWS: [usize; 3] = [1, 3, 70];

#[test]
fn every_number_of_channels() {
    for queries in ROWS {
        for count in (0..=35).chain([40, 63, 64, 65, 80, 128, 130]) {
            check_all!(plain(), |T| Inputs::<T>::random(
                sizes(queries, 5, count, 4),
                None,
                None
            ));
            check_all!(plain(), |T| Inputs::<T>::random(
                sizes(queries, 5, 4, count),
                None,
                None
            ));
        }
    }
}

#[test]
fn every_number_of_keys() {
    for queries in ROWS {
        for keys in (0..=70).chain([127, 128, 129, 511, 512, 513, 516, 1030]) {
            check_all!(plain(), |T| Inputs::<T>::random(
                sizes(queries, keys, 8, 8),
                Some(&[keys]),
                Some(&[queries, keys])
            ));
        }
    }
}

#[test]
fn every_number_of_queries() {
    for queries in (0..=70).chain([127, 128, 129, 200]) {
        for key_heads in [4, 2, 1] {
            let sizes = shared(4, key_heads, queries, 9);
            check_all!(plain(), |T| Inputs::<T>::random(sizes, None, None));
        }
    }
}

#[test]
fn heads_share_keys() {
    for (heads, key_heads) in [
        (1, 1),
        (3, 3),
        (6, 2),
        (7, 1),
        (12, 3),
        (20, 1),
        (0, 0),
        (0, 2),
    ] {
        for queries in [1, 2, 5, 40] {
            let sizes = shared(heads, key_heads, queries, 33);
            check_all!(plain(), |T| Inputs::<T>::random(sizes, None, None));
            let each = [2, heads, queries, 33];
            check_all!(plain(), |T| Inputs::<T>::random(
                sizes,
                Some(&each),
                Some(&each)
            ));
        }
    }
}

#[test]
fn biases_and_masks_broadcast() {
    let (heads, keys) = (4, 75);
    for queries in [1, 3, 35, 70] {
        let shapes: [&[usize]; 12] = [
            &[],
            &[1],
            &[keys],
            &[queries, 1],
            &[queries, keys],
            &[1, keys],
            &[heads, 1, 1],
            &[heads, queries, keys],
            &[2, 1, 1, keys],
            &[1, 1, queries, keys],
            &[2, heads, 1, keys],
            &[2, heads, queries, keys],
        ];
        for (at, shape) in shapes.into_iter().enumerate() {
            let sizes = shared(heads, 2, queries, keys);
            let other = shapes[(at * 5 + 1) % shapes.len()];
            let fill = AttentionAttributes {
                fill: -3.0,
                ..plain()
            };
            check_all!(fill, |T| Inputs::<T>::random(
                sizes,
                Some(shape),
                Some(other)
            ));
            check_all!(fill, |T| Inputs::<T>::random(sizes, None, Some(shape)));
        }
    }
}

/// What is promised to be hidden, by a mask and by a bias, with more keys than queries and fewer.
#[test]
fn promises_are_kept() {
    let low = f64::from(f32::MIN);
    for (queries, keys) in [
        (1, 1),
        (1, 90),
        (4, 600),
        (70, 70),
        (40, 300),
        (150, 20),
        (200, 200),
    ] {
        for (causal, window_left, window_right) in [
            (true, None, None),
            (true, Some(20), None),
            (false, Some(3), Some(2)),
            (false, None, Some(0)),
            (false, Some(70), Some(70)),
        ] {
            for fill in [f32::NEG_INFINITY, f32::MIN, -1e9] {
                let attributes = AttentionAttributes {
                    causal,
                    window_left,
                    window_right,
                    fill,
                    ..plain()
                };
                let sizes = shared(4, 2, queries, keys);
                let plain = Inputs::<f32>::random(sizes, None, None);
                let mut shapes = plain.shapes();
                let rows = [queries, keys];
                shapes[4] = &rows;
                let geometry = AttentionGeometry::new(shapes).unwrap();
                // Beside it some padding, which leaves rows without a visible key.
                let seen = |i, j| geometry.promised(&attributes, i).contains(&j) && j % 11 > 1;
                check_all!(attributes, |T| Inputs::<T>::random(sizes, None, None)
                    .seeing(seen));
                for low in [low, f64::NEG_INFINITY] {
                    // Lower than the lowest of a half type is minus infinity.
                    check_all!(attributes, |T| Inputs::<T>::random(sizes, None, None)
                        .seeing(seen)
                        .by_bias(low));
                }
            }
        }
    }
}

#[test]
fn rows_without_a_visible_key() {
    for queries in ROWS {
        for fill in [f32::NEG_INFINITY, f32::MIN, -65504.0, -1e4, 0.0] {
            for zero_nan_rows in [false, true] {
                let attributes = AttentionAttributes {
                    fill,
                    zero_nan_rows,
                    ..plain()
                };
                let sizes = shared(2, 1, queries, 90);
                let nothing = |i: usize, j: usize| i % 3 == 1 && j % 5 == 1;
                check_all!(attributes, |T| Inputs::<T>::random(sizes, None, None)
                    .seeing(nothing));
                if f64::from(fill) < -1e30 {
                    let low = f64::from(fill);
                    let inputs = Inputs::random(sizes, None, None).seeing(nothing);
                    check::<f32>(attributes, &inputs.by_bias(low));
                }
            }
        }
    }
}

#[test]
fn scores_are_scaled_and_bounded() {
    for queries in ROWS {
        for (scale, softcap) in [(1.0, 0.0), (-0.5, 0.0), (0.0, 0.0), (0.5, 3.0), (0.1, 50.0)] {
            let attributes = AttentionAttributes {
                scale,
                softcap,
                ..plain()
            };
            let sizes = sizes(queries, 70, 16, 8);
            check_all!(attributes, |T| Inputs::<T>::random(
                sizes,
                Some(&[70]),
                Some(&[70])
            ));
        }
    }
}

/// Scores that are NaN and infinite make their rows NaN, or zero; values that are, are weighed.
#[test]
fn what_is_not_finite() {
    for queries in ROWS {
        for zero_nan_rows in [false, true] {
            let attributes = AttentionAttributes {
                zero_nan_rows,
                ..plain()
            };
            for special in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                macro_rules! with {
                    ($part:ident, $at:expr) => {
                        check_all!(attributes, |T| {
                            let mut inputs =
                                Inputs::<T>::random(sizes(queries, 90, 8, 8), Some(&[90]), None);
                            inputs.$part.0[$at] =
                                <T as phasor_ops::simd::Element>::from_f64(special);
                            inputs
                        })
                    };
                }
                with!(bias, 70);
                with!(q, 3);
                with!(v, 333);
                with!(k, 444);
            }
        }
    }
}

/// The sizes that the bound is stated for.
#[test]
fn large_sizes() {
    for (queries, keys, channels) in [(1, 4096, 256), (66, 4096, 64), (20, 1500, 256)] {
        let scale = 1.0 / (channels as f32).sqrt();
        let attributes = AttentionAttributes { scale, ..plain() };
        let sizes = sizes(queries, keys, channels, 48);
        check_all!(attributes, |T| Inputs::<T>::random(sizes, None, None));
    }
}

#[test]
fn random_cases() {
    let mut random = Random(2026);
    for _ in 0..200 {
        let mut below = |n: u64| (random.bits() % n) as usize;
        let key_heads = 1 + below(3);
        let sizes = Sizes {
            batch: 1 + below(2),
            heads: key_heads * (1 + below(4)),
            key_heads,
            queries: 1 + below(90),
            keys: 1 + below(150),
            channels: below(40),
            values: below(40),
        };
        let mut shape = || {
            let full = [sizes.batch, sizes.heads, sizes.queries, sizes.keys];
            let from = below(5);
            let some = full[from..].iter().map(|&size| match below(3) {
                0 => 1,
                _ => size,
            });
            some.collect::<Vec<_>>()
        };
        let (bias, mask) = (shape(), shape());
        let attributes = AttentionAttributes {
            fill: [f32::NEG_INFINITY, f32::MIN, -1e4][below(3)],
            zero_nan_rows: below(2) == 0,
            softcap: [0.0, 5.0][below(2)],
            ..plain()
        };
        check_all!(attributes, |T| Inputs::<T>::random(
            sizes,
            Some(&bias),
            Some(&mask)
        ));
    }
}
