//! `RelativeGather` against its reference: to the bit, since it copies.

use crate::common::{Limits, Random, Runner, Values, levels};
use crate::host::{Call, Tensor};
use crate::positions::{Made, Order, typed};
use crate::runners;
use half::{bf16, f16};
use phasor_ops::contract::TensorType;
use phasor_ops::contract::relative_gather::{
    RelativeGatherAttributes, RelativeGatherGeometry, SPEC, reference,
};
use phasor_ops::relative_gather::{RelativeGatherKernel, WithColumns};
use phasor_ops::simd::Element;
use phasor_ops::simd::words::AsWord;

/// Positions of a case and their shape.
type Positions = (Vec<i64>, Vec<usize>);

/// Consecutive positions from `first` on.
fn from(first: i64, count: usize) -> Positions {
    ((0..).take(count).map(|i| first + i).collect(), vec![count])
}

fn at(positions: &[i64]) -> Positions {
    (positions.to_vec(), vec![positions.len()])
}

/// Positions or a lookup table in their type, and the shape.
type Integers<'a, I> = (&'a [I], &'a [usize]);

/// The output of a call, of which `count` elements are expected.
fn gathered<I: Made, T: Element + Limits + AsWord>(
    attributes: RelativeGatherAttributes,
    runner: Runner,
    scores: (&[T], &[usize]),
    [lut, query, key]: [Integers<'_, I>; 3],
    count: usize,
) -> Vec<T>
where
    T::Word: WithColumns<I>,
{
    match runner {
        Runner::Cpu(level) => {
            let kernel = RelativeGatherKernel::with_level(attributes, level)
                .expect("the level is available");
            let mut output = vec![T::ZERO; count];
            kernel.run(scores, lut, query, key, &mut output).unwrap();
            output
        }
        #[cfg(feature = "cuda")]
        Runner::Cuda => crate::relative_cuda::gathered(attributes, scores, [lut, query, key]),
        Runner::Host(host) => {
            let integers = [lut, query, key].map(Tensor::of_integers);
            let call = Call {
                spec: &SPEC,
                attributes: attributes.values().to_vec(),
                inputs: [Tensor::of(scores)].into_iter().chain(integers).collect(),
            };
            call.on(host)[0].values()
        }
    }
}

/// Runs one call in both roles of rows, with random scores of the leading axes `lead` and `width` columns. Positions that the type
/// does not hold are another type's case.
fn check<I: Made, T: Element + Limits + AsWord>(
    lead: &[usize],
    width: usize,
    lut: &[i64],
    query: &Positions,
    key: &Positions,
) where
    T::Word: WithColumns<I>,
{
    let [lowest, highest] = I::ENDS;
    let positions = [&query.0[..], &key.0];
    let mut all = positions.into_iter().flatten();
    if !all.all(|p| (lowest..=highest).contains(p)) {
        return;
    }
    let (lut, queries, keys) = (typed::<I>(lut), typed::<I>(&query.0), typed::<I>(&key.0));
    let integers = [
        (&lut[..], &[lut.len()][..]),
        (&queries, &query.1),
        (&keys, &key.1),
    ];
    let types = [TensorType::Element(T::TYPE), I::TYPE];
    let mut random = Random(17);
    for by_key in [false, true] {
        let attributes = RelativeGatherAttributes { by_key };
        let rows = if by_key { &key.1 } else { &query.1 };
        let mut shape = lead.to_vec();
        shape.extend([rows.last().copied().unwrap_or(0), width]);
        let scores: Vec<T> = random.tensor(&shape, 3.0, Values::Special);
        let scores = (&scores[..], &shape[..]);
        let [lut, query, key] = integers;
        let expected = reference(&attributes, scores, lut, query, key).unwrap();
        for runner in runners().filter(|r| r.reaches(positions) && r.takes(&SPEC, &types)) {
            let got = gathered(attributes, runner, scores, integers, expected.len());
            let bits = |v: &[T]| v.iter().map(|v| v.bit_pattern()).collect::<Vec<_>>();
            let same = bits(&got) == bits(&expected);
            assert!(
                same,
                "{:?}: {runner:?} {attributes:?} scores {shape:?} lut {lut:?} {query:?} {key:?}",
                T::TYPE
            );
        }
    }
}

/// [`check`] in every type.
fn check_all(lead: &[usize], width: usize, lut: &[i64], query: &Positions, key: &Positions) {
    check::<i64, f32>(lead, width, lut, query, key);
    check::<i64, f16>(lead, width, lut, query, key);
    check::<i64, bf16>(lead, width, lut, query, key);
    check::<i64, f64>(lead, width, lut, query, key);
    check::<i32, f32>(lead, width, lut, query, key);
    check::<i32, f16>(lead, width, lut, query, key);
    check::<i32, bf16>(lead, width, lut, query, key);
    check::<i32, f64>(lead, width, lut, query, key);
}

fn identity(reach: usize) -> Vec<i64> {
    (0..).take(2 * reach + 1).collect()
}

fn reversed(mut lut: Vec<i64>) -> Vec<i64> {
    lut.reverse();
    lut
}

/// As DeBERTa has it: one entry per distance near zero, then more and more distances per entry.
fn bucketed(reach: usize, near: usize) -> Vec<i64> {
    let bucket = |d: i64| {
        let (size, near) = (d.unsigned_abs() as f64, near as f64);
        let far = near + ((size / near).ln() * near / 2.0).ceil();
        let size = if size <= near { size } else { far };
        if d < 0 { -size as i64 } else { size as i64 }
    };
    let reach = reach as i64;
    let least = bucket(-reach);
    (-reach..=reach).map(|d| bucket(d) - least).collect()
}

fn scattered(reach: usize, width: usize) -> Vec<i64> {
    let mut random = Random(3);
    (0..2 * reach + 1)
        .map(|_| (random.bits() % width as u64) as i64)
        .collect()
}

fn columns(lut: &[i64]) -> usize {
    lut.iter().max().map_or(1, |&most| most as usize + 1)
}

#[test]
fn every_length_of_rows() {
    for queries in [1, 2, 7, 15, 16, 17, 33] {
        for keys in (0..=35).chain([63, 64, 65, 130]) {
            let lut = identity(20);
            check_all(&[2], 41, &lut, &from(0, queries), &from(0, keys));
        }
    }
}

#[test]
fn every_number_of_columns() {
    for width in 1..=40 {
        for lut in [
            scattered(30, width),
            (0..61)
                .map(|i: i64| (i - 20).clamp(0, width as i64 - 1))
                .collect(),
        ] {
            check_all(&[3], width, &lut, &from(0, 21), &from(5, 38));
        }
    }
}

#[test]
fn every_kind_of_lookup_table() {
    for lut in [
        vec![0],
        vec![5],
        vec![2, 0, 1],
        identity(70),
        reversed(identity(70)),
        identity(3),
        bucketed(150, 12),
        reversed(bucketed(150, 12)),
        scattered(90, 200),
        // Rising in the middle only.
        (0..201)
            .map(|i: i64| if (40..160).contains(&i) { i } else { 7 })
            .collect(),
        // Two halves, as tables for both directions have them.
        (0..201)
            .map(|i: i64| if i > 100 { i } else { 100 - i })
            .collect(),
    ] {
        for (query, key) in [
            (from(0, 70), from(0, 70)),
            (from(0, 19), from(-60, 150)),
            (from(100, 1), from(0, 101)),
            (from(0, 90), from(40, 1)),
        ] {
            check_all(&[2], columns(&lut), &lut, &query, &key);
        }
    }
}

#[test]
fn leading_axes_broadcast() {
    let lut = bucketed(12, 4);
    let width = columns(&lut);
    let mut random = Random(9);
    let mut positions = |lead: &[usize], count: usize, consecutive: bool| {
        let mut shape = lead.to_vec();
        let rows: usize = lead.iter().product();
        shape.push(count);
        let mut values = Vec::new();
        for _ in 0..rows {
            let first = (random.bits() % 9) as i64;
            values.extend((0..).take(count).map(|i| {
                if consecutive {
                    first + i
                } else {
                    (random.bits() % 20) as i64
                }
            }));
        }
        (values, shape)
    };
    for consecutive in [true, false] {
        for (lead, query, key) in [
            (&[][..], &[][..], &[][..]),
            (&[3], &[], &[3]),
            (&[2, 3], &[2, 1], &[]),
            (&[2, 3], &[2, 1], &[2, 1]),
            (&[2, 3], &[3], &[1, 1]),
            (&[2, 3], &[2, 3], &[3]),
            (&[2, 1, 3], &[1, 1], &[2, 1, 1]),
            (&[2, 2, 3, 2], &[2, 1, 3, 1], &[2, 1, 2]),
            (&[1, 1, 1, 1], &[], &[1, 1, 1, 1]),
            (&[2, 0, 3], &[2, 1, 1], &[0, 1]),
        ] {
            let query = positions(query, 18, consecutive);
            let key = positions(key, 21, consecutive);
            check_all(lead, width, &lut, &query, &key);
        }
    }
}

#[test]
fn positions_in_any_order() {
    for lut in [identity(9), bucketed(40, 6), scattered(25, 60)] {
        for (query, key) in [
            // Padding at the left.
            (at(&[1, 1, 1, 0, 1, 2, 3]), at(&[1, 1, 1, 0, 1, 2, 3, 4])),
            // All one by one, but for the last.
            (at(&[0, 1, 2, 3, 5]), from(0, 40)),
            (from(0, 20), at(&[0, 1, 2, 3, 4, 5, 6, 8])),
            (from(0, 20), at(&[3; 20])),
            (at(&[7; 20]), from(0, 40)),
            (at(&[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]), from(0, 33)),
            (from(0, 33), at(&[9, 8, 7, 6, 5, 4, 3, 2, 1, 0])),
            // Rows of a window of an image.
            (
                (((0..49).map(|i| i / 7 * 13 + i % 7)).collect(), vec![49]),
                (((0..49).map(|i| i / 7 * 13 + i % 7)).collect(), vec![49]),
            ),
        ] {
            check_all(&[2, 2], columns(&lut), &lut, &query, &key);
        }
    }
}

#[test]
fn positions_at_the_ends_of_their_type() {
    let (low, high) = (i64::from(i32::MIN), i64::from(i32::MAX));
    for lut in [identity(4), reversed(identity(20))] {
        for (low, high) in [(low, high), (i64::MIN, i64::MAX)] {
            let ends = at(&[low, high, 0, -1, low + 3, high - 3]);
            let lists = [ends, from(high - 29, 30), from(low, 30), from(-7, 20)];
            for (query, key) in lists.iter().flat_map(|q| lists.iter().map(move |k| (q, k))) {
                check_all(&[2], columns(&lut), &lut, query, key);
            }
        }
    }
}

#[test]
fn empty_tensors() {
    for (lead, queries, keys) in [
        (&[2][..], 0, 3),
        (&[2], 3, 0),
        (&[0], 3, 4),
        (&[2, 0], 3, 4),
        (&[], 0, 0),
    ] {
        check_all(lead, 3, &[0, 1, 2], &from(0, queries), &from(0, keys));
    }
    // No column either: nothing is gathered, whatever the entries.
    check_all(&[2], 0, &[-1], &from(0, 0), &from(0, 0));
}

/// Rows longer than a tile of columns, and more rows than it has.
#[test]
fn larger_than_a_tile() {
    let lut = bucketed(3000, 700);
    let width = columns(&lut);
    for (queries, keys) in [(3, 5000), (70, 2100), (1, 9000)] {
        let near = (from(0, queries), from(-1000, keys));
        check::<i64, f32>(&[2], width, &lut, &near.0, &near.1);
        check::<i32, f16>(&[2], width, &lut, &near.0, &near.1);
        let mut key = near.1;
        key.0[0] += 1;
        check::<i64, f32>(&[2], width, &lut, &near.0, &key);
        check::<i32, f64>(&[2], width, &lut, &near.0, &key);
    }
}

/// Scores that are too many for a cache are asked for ahead.
#[test]
fn scores_from_memory() {
    for lut in [bucketed(100, 40), reversed(bucketed(100, 40))] {
        check::<i64, f32>(&[26], 1024, &lut, &from(0, 80), &from(3, 81));
        check::<i32, f64>(&[13], 1024, &lut, &from(0, 80), &from(3, 81));
        check::<i64, f16>(&[5], 1024, &lut, &from(0, 700), &from(-9, 900));
        check::<i64, f32>(&[3], 1024, &lut, &from(0, 530), &at(&[9; 800]));
    }
}

/// A NaN is moved, not computed with: all its bits stay.
#[test]
fn payloads_of_nan_are_kept() {
    for level in levels() {
        for by_key in [false, true] {
            let attributes = RelativeGatherAttributes { by_key };
            let kernel = RelativeGatherKernel::with_level(attributes, level).unwrap();
            // Signalling and quiet ones, of both signs.
            let scores: Vec<f32> = (0..40u32)
                .map(|i| f32::from_bits(0x7f80_0001 + i * 0x0003_3333 + ((i % 2) << 31)))
                .collect();
            let mut got = vec![0f32; 40];
            let lut: Vec<i64> = vec![0];
            let positions: Vec<i64> = (0..40).collect();
            kernel
                .run(
                    (&scores, &[40, 1]),
                    (&lut, &[1]),
                    (
                        &positions[..if by_key { 1 } else { 40 }],
                        &[if by_key { 1 } else { 40 }],
                    ),
                    (
                        &positions[..if by_key { 40 } else { 1 }],
                        &[if by_key { 40 } else { 1 }],
                    ),
                    &mut got,
                )
                .unwrap();
            let bits = |v: &[f32]| v.iter().map(|f| f.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&got), bits(&scores), "{level:?} {by_key}");
        }
    }
}

#[test]
fn entries_that_are_no_columns_are_refused() {
    let kernel = RelativeGatherKernel::new(RelativeGatherAttributes::default());
    let run = |lut: &[i64], width: usize| {
        let scores = vec![0f32; 2 * width];
        let mut got = vec![0f32; 4];
        let positions: (&[i64], &[usize]) = (&[0, 1], &[2]);
        kernel
            .run(
                (&scores, &[2, width]),
                (lut, &[lut.len()]),
                positions,
                positions,
                &mut got,
            )
            .map_err(|e| e.to_string())
    };
    assert_eq!(run(&[0, 1, 2], 3), Ok(()));
    for (lut, width, words) in [
        (
            &[0, 3, 2][..],
            3,
            "lut[1] is 3, expected one of the 3 columns of scores",
        ),
        (&[0, 1, 2, 0, -1], 3, "lut[4] is -1"),
        (&[0, 1 << 32, 2], 3, "lut[1] is 4294967296"),
        (&[i64::MIN], 3, "lut[0] is -9223372036854775808"),
        (&[0], 0, "expected one of the 0 columns"),
        (&[0, 1], 3, "lut has 2 entries, expected an odd number"),
        (&[], 3, "lut has 0 entries"),
    ] {
        let text = run(lut, width).unwrap_err();
        assert!(text.contains(words), "{text}");
    }
}

/// Sizes, roles of rows, tables and positions at random.
#[test]
fn random_cases() {
    let mut random = Random(2024);
    for _ in 0..300 {
        let mut below = |n: u64| random.bits() % n;
        let (queries, keys) = (below(90) as usize, below(90) as usize);
        let reach = below(60) as usize;
        let lut = match below(5) {
            0 => identity(reach),
            1 => reversed(identity(reach)),
            2 => bucketed(reach, 1 + below(20) as usize),
            3 => scattered(reach, 1 + below(50) as usize),
            _ => identity(reach).into_iter().map(|e| e / 3).collect(),
        };
        let [query, key] = [queries, keys].map(|count| {
            let order = Order::ALL[random.bits() as usize % Order::ALL.len()];
            at(&order.positions::<i32>(&mut random, count))
        });
        check_all(&[2], columns(&lut), &lut, &query, &key);
    }
}

#[test]
fn the_shape_rule_is_the_geometrys() {
    let attributes = RelativeGatherAttributes { by_key: true };
    let kernel = RelativeGatherKernel::new(attributes);
    let call = kernel.call::<i64, u32>(&[2, 7, 9], &[5], &[2, 7]).unwrap();
    let geometry = RelativeGatherGeometry::new(&attributes, &[2, 7, 9], &[5], &[2, 7]).unwrap();
    assert_eq!(call.output_shape(), geometry.output_shape());
    assert!(
        kernel
            .call::<i64, u32>(&[2, 7, 1 << 33], &[5], &[7])
            .is_err()
    );
}
