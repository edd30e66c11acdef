//! `AlibiBias` against its reference, to the bit.

use crate::common::{Limits, Random, Runner, Values, wide};
use crate::host::{Call, Tensor};
use crate::positions::{Made, Order, typed};
use crate::runners;
use half::{bf16, f16};
use phasor_ops::contract::TensorType;
use phasor_ops::contract::alibi_bias::{AlibiAttributes, SPEC, reference};
use phasor_ops::relative_bias::{AlibiKernel, WithIntegers};
use phasor_ops::simd::Element;

/// Positions and their shape.
type Positions<'a, I> = (&'a [I], &'a [usize]);

/// The bias of a call, of which `count` elements are expected.
fn bias<I: Made, T: WithIntegers<I> + Limits>(
    attributes: AlibiAttributes,
    runner: Runner,
    slopes: (&[T], &[usize]),
    query: Positions<'_, I>,
    key: Positions<'_, I>,
    count: usize,
) -> Vec<T> {
    match runner {
        Runner::Cpu(level) => {
            let kernel =
                AlibiKernel::with_level(attributes, level).expect("the level is available");
            // Behind one element, so that rows are aligned to nothing more than elements are.
            let mut bias = vec![T::from_f64(77.0); count + 1];
            kernel.run(slopes, query, key, &mut bias[1..]).unwrap();
            bias.split_off(1)
        }
        #[cfg(feature = "cuda")]
        Runner::Cuda => crate::relative_cuda::slopes(attributes, slopes.0, query, key),
        Runner::Host(host) => {
            let positions = [query, key].map(Tensor::of_integers);
            let call = Call {
                spec: &SPEC,
                attributes: attributes.values().to_vec(),
                inputs: [Tensor::of(slopes)].into_iter().chain(positions).collect(),
            };
            call.on(host)[0].values()
        }
    }
}

/// Every runner and both attributes, in one type.
fn check<I: Made, T: WithIntegers<I> + Limits>(
    slopes: &[T],
    query: (&[i64], &[usize]),
    key: (&[i64], &[usize]),
) {
    for absolute in [false, true] {
        let attributes = AlibiAttributes { absolute };
        let shape = [slopes.len()];
        let expected =
            reference(&attributes, T::TYPE, (&wide(slopes), &shape), query, key).unwrap();
        let (queries, keys) = (typed::<I>(query.0), typed::<I>(key.0));
        let (queries, keys) = ((&queries[..], query.1), (&keys[..], key.1));
        let types = [TensorType::Element(T::TYPE), I::TYPE];
        for runner in runners().filter(|r| r.reaches([query.0, key.0]) && r.takes(&SPEC, &types)) {
            let got = bias(
                attributes,
                runner,
                (slopes, &shape),
                queries,
                keys,
                expected.len(),
            );
            assert_eq!(got.len(), expected.len());
            for (i, (got, &expected)) in got.iter().zip(&expected).enumerate() {
                let same = if expected.is_nan() {
                    got.to_f64().is_nan()
                } else {
                    got.bit_pattern() == T::from_f64(expected).bit_pattern()
                };
                assert!(
                    same,
                    "{got:?} at {i}, expected {expected:e}: {runner:?} {:?} {attributes:?} {query:?} {key:?}",
                    T::TYPE
                );
            }
        }
    }
}

fn check_types<I: Made>(
    random: &mut Random,
    heads: usize,
    query: (&[i64], &[usize]),
    key: (&[i64], &[usize]),
) where
    f32: WithIntegers<I>,
    f16: WithIntegers<I>,
    bf16: WithIntegers<I>,
    f64: WithIntegers<I>,
{
    fn slopes<T: Element + Limits>(random: &mut Random, heads: usize) -> Vec<T> {
        random.tensor(&[heads], 1.0, Values::Special)
    }
    check::<I, f32>(&slopes(random, heads), query, key);
    check::<I, f16>(&slopes(random, heads), query, key);
    check::<I, bf16>(&slopes(random, heads), query, key);
    check::<I, f64>(&slopes(random, heads), query, key);
}

#[test]
fn every_size() {
    let mut random = Random(1);
    for queries in [0, 1, 2, 17, 256, 257] {
        for keys in [0, 1, 7, 15, 16, 17, 31, 33, 64, 65, 100, 1025] {
            for heads in [0, 1, 3] {
                let query = Order::From(40).positions::<i64>(&mut random, queries);
                let key = Order::From(0).positions::<i64>(&mut random, keys);
                check_types::<i64>(&mut random, heads, (&query, &[queries]), (&key, &[keys]));
            }
        }
    }
}

#[test]
fn every_order_of_positions() {
    fn all<I: Made>(random: &mut Random)
    where
        f32: WithIntegers<I>,
        f16: WithIntegers<I>,
        bf16: WithIntegers<I>,
        f64: WithIntegers<I>,
    {
        for query in Order::ALL {
            for key in Order::ALL {
                for (queries, keys) in [(1, 90), (50, 49)] {
                    let query = query.positions::<I>(random, queries);
                    let key = key.positions::<I>(random, keys);
                    check_types::<I>(random, 3, (&query, &[queries]), (&key, &[keys]));
                }
            }
        }
    }
    all::<i64>(&mut Random(3));
    all::<i32>(&mut Random(4));
}

/// Distances around the largest that floats and doubles tell from their neighbours, and the largest of int32.
#[test]
fn distances_are_rounded_once() {
    let mut random = Random(5);
    for far in [1i64 << 24, 1 << 31, 1 << 53, 1 << 62] {
        let key = Order::From(far - 40).positions::<i64>(&mut random, 90);
        let query = Order::From(-20).positions::<i64>(&mut random, 40);
        check_types::<i64>(&mut random, 2, (&query, &[40]), (&key, &[90]));
        check_types::<i64>(&mut random, 2, (&key, &[90]), (&query, &[40]));
    }
}

#[test]
fn batches() {
    let mut random = Random(6);
    for (query, key) in [
        (&[3, 20][..], &[33][..]),
        (&[1], &[3, 33]),
        (&[3, 20], &[3, 33]),
        (&[1, 20], &[3, 33]),
        (&[0, 20], &[1, 33]),
    ] {
        let query_positions =
            Order::Stretches.positions::<i64>(&mut random, query.iter().product());
        let key_positions = Order::Padded.positions::<i64>(&mut random, key.iter().product());
        check_types::<i64>(
            &mut random,
            2,
            (&query_positions, query),
            (&key_positions, key),
        );
    }
}

/// A bias that is written past the caches.
#[test]
fn large_ones() {
    let mut random = Random(8);
    let query = Order::From(100).positions::<i64>(&mut random, 1500);
    let key = Order::From(0).positions::<i64>(&mut random, 8405);
    check::<i64, f16>(
        &random.tensor(&[2], 1.0, Values::Ordinary),
        (&query, &[1500]),
        (&key, &[8405]),
    );
}

#[test]
fn shapes_that_do_not_fit() {
    let kernel = AlibiKernel::new(AlibiAttributes::default());
    let call = |slopes: &[usize], query: &[usize], key: &[usize]| {
        let call = kernel.call::<i64, f32>(slopes, query, key);
        call.map(|_| ()).unwrap_err().to_string()
    };
    for (text, words) in [
        (
            call(&[3, 1], &[1], &[1]),
            "slopes [3, 1] has rank 2, expected 1",
        ),
        (call(&[2], &[1], &[]), "key_positions [] has rank 0"),
        (call(&[2], &[2, 1], &[3, 1]), "batches of 2 and 3"),
    ] {
        assert!(text.contains(words), "{text}");
    }
    let short = kernel.run(
        (&[1f32], &[2]),
        (&[0i64], &[1]),
        (&[0], &[1]),
        &mut [0.0; 2],
    );
    let text = short.unwrap_err().to_string();
    assert_eq!(
        text,
        "slopes has 1 elements, which do not fit its shape [2]"
    );
}
