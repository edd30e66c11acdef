//! `RotaryEmbeddingPair` against two `RotaryEmbedding`s, to the bit.

use crate::common::{Limits, Random, Values, levels};
use half::{bf16, f16};
use phasor_ops::contract::rotary::RotaryAttributes;
use phasor_ops::rotary::{RotaryKernel, RotaryPairKernel, WithTables};
use phasor_ops::simd::{Element, Level};

/// Shapes of Q, K and the tables.
const CASES: [([&[usize]; 3], RotaryAttributes); 7] = [
    ([&[1, 4, 3, 16], &[1, 2, 3, 16], &[3, 8]], PLAIN),
    ([&[2, 5, 4, 12], &[2, 5, 1, 12], &[2, 5, 1, 12]], PLAIN),
    ([&[7, 64], &[7, 64], &[64]], NEAR),
    ([&[3, 2, 20], &[3, 12], &[8]], PART),
    ([&[0, 8], &[3, 8], &[4]], PLAIN),
    ([&[3, 8], &[0, 8], &[4]], NEAR),
    // An entry a channel of Q, an entry a pair of K.
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

fn check<T: WithTables<TT> + Limits, TT: Element + Limits>(level: Level) {
    for (i, ([q_shape, k_shape, table], attributes)) in CASES.into_iter().enumerate() {
        let mut random = Random(i as u64);
        let q: Vec<T> = random.tensor(q_shape, 4.0, Values::Ordinary);
        let k: Vec<T> = random.tensor(k_shape, 4.0, Values::Ordinary);
        let cos: Vec<TT> = random.tensor(table, 1.0, Values::Ordinary);
        let sin: Vec<TT> = random.tensor(table, 1.0, Values::Ordinary);
        let (cos, sin) = ((&cos[..], table), (&sin[..], table));

        let alone = RotaryKernel::with_level(attributes, level).unwrap();
        let [mut q_alone, mut k_alone] = [q.clone(), k.clone()];
        alone
            .run_in_place((&mut q_alone, q_shape), cos, sin)
            .unwrap();
        alone
            .run_in_place((&mut k_alone, k_shape), cos, sin)
            .unwrap();

        let pair = RotaryPairKernel::with_level(attributes, level).unwrap();
        let [mut q_pair, mut k_pair] = [q.clone(), k.clone()];
        pair.run_in_place((&mut q_pair, q_shape), (&mut k_pair, k_shape), cos, sin)
            .unwrap();
        let bits = |v: &[T]| v.iter().map(|v| v.bit_pattern()).collect::<Vec<_>>();
        assert_eq!(
            bits(&q_pair),
            bits(&q_alone),
            "Q of case {i}, {level:?} {:?}",
            T::TYPE
        );
        assert_eq!(
            bits(&k_pair),
            bits(&k_alone),
            "K of case {i}, {level:?} {:?}",
            T::TYPE
        );
    }
}

/// The same of the CUDA kernels, in one launch, in every combination of in place and apart.
#[cfg(feature = "cuda")]
fn check_cuda<T: WithTables<TT> + Limits, TT: Element + Limits>() {
    use crate::rotary::cuda::turned;
    for (i, ([q_shape, k_shape, table], attributes)) in CASES.into_iter().enumerate() {
        let mut random = Random(i as u64);
        let q: Vec<T> = random.tensor(q_shape, 4.0, Values::Ordinary);
        let k: Vec<T> = random.tensor(k_shape, 4.0, Values::Ordinary);
        let cos: Vec<TT> = random.tensor(table, 1.0, Values::Ordinary);
        let sin: Vec<TT> = random.tensor(table, 1.0, Values::Ordinary);
        let (cos, sin) = ((&cos[..], table), (&sin[..], table));
        let [q, k] = [(&q[..], q_shape), (&k[..], k_shape)];
        let alone = |x| turned(&attributes, [x], cos, sin, [false])[0].clone();
        let expected = [alone(q), alone(k)];
        for in_place in [[false, false], [false, true], [true, false], [true, true]] {
            let both = turned(&attributes, [q, k], cos, sin, in_place);
            assert_eq!(both, expected, "case {i}, {in_place:?}, {:?}", T::TYPE);
        }
    }
}

#[cfg(feature = "cuda")]
#[test]
fn both_are_what_one_would_be_emulated() {
    check_cuda::<f32, f32>();
    check_cuda::<f16, f16>();
    check_cuda::<f16, f32>();
    check_cuda::<bf16, bf16>();
    check_cuda::<bf16, f32>();
    check_cuda::<f64, f64>();
    check_cuda::<f64, f32>();
}

#[test]
fn both_are_what_one_would_be() {
    for level in levels() {
        check::<f32, f32>(level);
        check::<f16, f16>(level);
        check::<f16, f32>(level);
        check::<bf16, bf16>(level);
        check::<bf16, f32>(level);
        check::<f64, f64>(level);
        check::<f64, f32>(level);
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
