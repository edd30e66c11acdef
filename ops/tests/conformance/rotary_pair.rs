//! `RotaryEmbeddingPair` against two `RotaryEmbedding`s, to the bit.

use crate::common::{Limits, Random, Runner, Values};
use crate::host::{Call, Tensor};
use crate::rotary;
use crate::runners;
use half::{bf16, f16};
use phasor_ops::contract::TensorType;
use phasor_ops::contract::rotary::RotaryAttributes;
use phasor_ops::contract::rotary_pair::SPEC;
use phasor_ops::rotary::{RotaryPairKernel, WithTables};
use phasor_ops::simd::Element;

/// Shapes of Q, K and the tables.
const CASES: [([&[usize]; 3], RotaryAttributes); 7] = [
    ([&[1, 4, 3, 16], &[1, 2, 3, 16], &[3, 8]], PLAIN),
    ([&[2, 5, 4, 12], &[2, 5, 1, 12], &[2, 5, 1, 12]], PLAIN),
    ([&[7, 64], &[7, 64], &[64]], NEAR),
    ([&[3, 2, 20], &[3, 12], &[8]], PART),
    ([&[0, 8], &[3, 8], &[4]], PLAIN),
    ([&[3, 8], &[0, 8], &[4]], NEAR),
    // An entry per channel of Q, an entry per pair of K.
    ([&[3, 16], &[3, 32], &[3, 16]], PLAIN),
];

const PLAIN: RotaryAttributes = RotaryAttributes {
    interleaved: false,
    output_interleaved: None,
    rotary_dim: 0,
    rotary_offset: 0,
    inverse: false,
};

const NEAR: RotaryAttributes = RotaryAttributes {
    interleaved: true,
    inverse: true,
    ..PLAIN
};

const PART: RotaryAttributes = RotaryAttributes {
    rotary_dim: 8,
    rotary_offset: 2,
    output_interleaved: Some(true),
    ..PLAIN
};

/// A tensor and its shape.
type Shaped<'a, T> = (&'a [T], &'a [usize]);

/// Which of the two a runner can be asked to turn in place; the kernels of processors know but one way, and hosts choose themselves.
fn ways(runner: Runner) -> &'static [[bool; 2]] {
    match runner {
        #[cfg(feature = "cuda")]
        Runner::Cuda => &[[false, false], [false, true], [true, false], [true, true]],
        _ => &[[true, true]],
    }
}

/// Both tensors, turned in one call, by one of the runner's [`ways`].
fn turned<T: WithTables<TT> + Limits, TT: Element + Limits>(
    attributes: RotaryAttributes,
    runner: Runner,
    [q, k]: [Shaped<'_, T>; 2],
    [cos, sin]: [Shaped<'_, TT>; 2],
    #[cfg_attr(not(feature = "cuda"), allow(unused_variables))] in_place: [bool; 2],
) -> [Vec<T>; 2] {
    match runner {
        Runner::Cpu(level) => {
            let kernel = RotaryPairKernel::with_level(attributes, level).unwrap();
            let [mut q_turned, mut k_turned] = [q.0.to_vec(), k.0.to_vec()];
            kernel
                .run_in_place((&mut q_turned, q.1), (&mut k_turned, k.1), cos, sin)
                .unwrap();
            [q_turned, k_turned]
        }
        #[cfg(feature = "cuda")]
        Runner::Cuda => rotary::cuda::turned(&attributes, [q, k], cos, sin, in_place),
        Runner::Host(host) => {
            let call = Call {
                spec: &SPEC,
                attributes: attributes.values().to_vec(),
                inputs: vec![
                    Tensor::of(q),
                    Tensor::of(k),
                    Tensor::of(cos),
                    Tensor::of(sin),
                ],
            };
            let outputs = call.on(host);
            [outputs[0].values(), outputs[1].values()]
        }
    }
}

fn check<T: WithTables<TT> + Limits, TT: Element + Limits>(runner: Runner) {
    if !runner.takes(&SPEC, &[T::TYPE, TT::TYPE].map(TensorType::Element)) {
        return;
    }
    for (i, ([q_shape, k_shape, table], attributes)) in CASES.into_iter().enumerate() {
        let mut random = Random(i as u64);
        let q: Vec<T> = random.tensor(q_shape, 4.0, Values::Ordinary);
        let k: Vec<T> = random.tensor(k_shape, 4.0, Values::Ordinary);
        let cos: Vec<TT> = random.tensor(table, 1.0, Values::Ordinary);
        let sin: Vec<TT> = random.tensor(table, 1.0, Values::Ordinary);
        let tables = [(&cos[..], table), (&sin[..], table)];
        let both = [(&q[..], q_shape), (&k[..], k_shape)];
        let bits = |v: &[T]| v.iter().map(|v| v.bit_pattern()).collect::<Vec<_>>();
        let alone = both.map(|x| bits(&rotary::turned(attributes, runner, x, tables, false)));
        for &in_place in ways(runner) {
            let pair = turned(attributes, runner, both, tables, in_place);
            let pair = pair.each_ref().map(|v| bits(v));
            assert_eq!(
                pair,
                alone,
                "case {i}, {runner:?}, {in_place:?}, {:?}",
                T::TYPE
            );
        }
    }
}

#[test]
fn both_are_what_one_would_be() {
    for runner in runners() {
        check::<f32, f32>(runner);
        check::<f16, f16>(runner);
        check::<f16, f32>(runner);
        check::<bf16, bf16>(runner);
        check::<bf16, f32>(runner);
        check::<f64, f64>(runner);
        check::<f64, f32>(runner);
    }
}

#[test]
fn refusals_name_the_tensor() {
    let kernel = RotaryPairKernel::new(PLAIN);
    for (q, k, words) in [
        (&[2, 8][..], &[2, 7][..], "7 channels"),
        (&[], &[2, 8], "Q is a scalar"),
        (&[2, 8], &[], "K is a scalar"),
        (&[3, 8], &[2, 8], "the leading axes [3] of Q"),
        (&[2, 8], &[3, 8], "the leading axes [3] of K"),
    ] {
        let error = kernel
            .call::<f32, f32>(q, k, &[2, 4], &[2, 4])
            .err()
            .unwrap();
        assert!(error.to_string().contains(words), "{error}");
    }
}
