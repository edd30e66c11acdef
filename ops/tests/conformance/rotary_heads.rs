//! `RotaryHeads` against `RotaryEmbedding` of the heads that are taken, to the bit.

use crate::common::{Limits, Random, Runner, Values};
use crate::host::{Call, Tensor};
use crate::rotary;
use crate::runners;
use half::{bf16, f16};
use phasor_ops::contract::TensorType;
use phasor_ops::contract::rotary::RotaryAttributes;
use phasor_ops::contract::rotary_heads::{HeadRange, RotaryHeadsAttributes, SPEC};
use phasor_ops::rotary::{RotaryHeadsKernel, WithTables};
use phasor_ops::simd::Element;

#[derive(Clone, Debug)]
struct Case {
    attributes: RotaryHeadsAttributes,
    x: [usize; 4],
    table: Vec<usize>,
}

/// The heads that a case takes, before the sequence, and their shape.
fn taken<T: Element>(case: &Case, x: &[T]) -> (Vec<T>, [usize; 4]) {
    let [batch, sequence, heads, channels] = case.x;
    let HeadRange { first, end, step } = case.attributes.heads;
    let numbers: Vec<usize> = (first..end.min(heads)).step_by(step).collect();
    let mut values = Vec::new();
    for b in 0..batch {
        for head in &numbers {
            for s in 0..sequence {
                let at = ((b * sequence + s) * heads + head) * channels;
                values.extend_from_slice(&x[at..at + channels]);
            }
        }
    }
    (values, [batch, numbers.len(), sequence, channels])
}

fn turned<T: WithTables<TT> + Limits, TT: Element + Limits>(
    case: &Case,
    runner: Runner,
    x: &[T],
    [cos, sin]: [(&[TT], &[usize]); 2],
    size: usize,
) -> Vec<T> {
    let (attributes, x) = (case.attributes, (x, &case.x[..]));
    match runner {
        Runner::Cpu(level) => {
            let kernel = RotaryHeadsKernel::with_level(attributes, level).unwrap();
            let mut y = vec![T::from_f64(7.0); size];
            kernel.run(x, cos, sin, &mut y).unwrap();
            y
        }
        #[cfg(feature = "cuda")]
        Runner::Cuda => rotary::cuda::heads(&attributes, x, cos, sin),
        Runner::Host(host) => {
            let call = Call {
                spec: &SPEC,
                attributes: attributes.values().to_vec(),
                inputs: vec![Tensor::of(x), Tensor::of(cos), Tensor::of(sin)],
            };
            call.on(host)[0].values()
        }
    }
}

fn check<T: WithTables<TT> + Limits, TT: Element + Limits>(case: &Case, runner: Runner, seed: u64) {
    if !runner.takes(&SPEC, &[T::TYPE, TT::TYPE].map(TensorType::Element)) {
        return;
    }
    let mut random = Random(seed);
    let x: Vec<T> = random.tensor(&case.x, 4.0, Values::Ordinary);
    let cos: Vec<TT> = random.tensor(&case.table, 1.0, Values::Ordinary);
    let sin: Vec<TT> = random.tensor(&case.table, 1.0, Values::Ordinary);
    let tables = [(&cos[..], &case.table[..]), (&sin, &case.table)];
    let (dense, shape) = taken(case, &x);
    let bits = |v: Vec<T>| v.into_iter().map(|v| v.bit_pattern()).collect::<Vec<_>>();
    let got = bits(turned(case, runner, &x, tables, dense.len()));
    let rotary = case.attributes.rotary;
    let expected = bits(rotary::turned(
        rotary,
        runner,
        (&dense, &shape),
        tables,
        false,
    ));
    assert_eq!(
        got,
        expected,
        "{case:?} {:?} {:?} {runner:?}",
        T::TYPE,
        TT::TYPE
    );
}

fn run(cases: &[Case]) {
    for runner in runners() {
        for (case, seed) in cases.iter().zip(0..) {
            check::<f32, f32>(case, runner, seed);
            check::<f16, f16>(case, runner, seed);
            check::<f16, f32>(case, runner, seed);
            check::<bf16, bf16>(case, runner, seed);
            check::<bf16, f32>(case, runner, seed);
            check::<f64, f64>(case, runner, seed);
            check::<f64, f32>(case, runner, seed);
        }
    }
}

fn range(first: usize, end: usize, step: usize) -> HeadRange {
    HeadRange { first, end, step }
}

#[test]
fn packings_of_models() {
    // Queries, keys and values one after the other; the same per head; queries alone; one key beside its queries, per group.
    let takings = [
        (9, range(0, 5, 1)),
        (9, range(5, 7, 1)),
        (9, range(7, usize::MAX, 1)),
        (9, range(0, 9, 3)),
        (9, range(1, 9, 3)),
        (4, HeadRange::default()),
        (8, range(3, 8, 4)),
    ];
    let mut cases = Vec::new();
    for (heads, taken) in takings {
        for interleaved in [false, true] {
            for (channels, rotary_dim) in [(16, 0), (64, 0), (24, 16)] {
                let r = if rotary_dim == 0 {
                    channels
                } else {
                    rotary_dim
                };
                let rotary = RotaryAttributes {
                    interleaved,
                    rotary_dim,
                    ..Default::default()
                };
                for (batch, sequence) in [(1, 1), (1, 7), (2, 5)] {
                    let tables = [vec![sequence, r / 2], vec![batch, 1, sequence, r]];
                    cases.extend(tables.map(|table| Case {
                        attributes: RotaryHeadsAttributes {
                            rotary,
                            heads: taken,
                        },
                        x: [batch, sequence, heads, channels],
                        table,
                    }));
                }
            }
        }
    }
    run(&cases);
}

#[test]
fn any_heads_of_any_tensor() {
    let mut random = Random(7);
    let mut below = |n: u64| (random.bits() % n) as usize;
    let mut cases = Vec::new();
    for _ in 0..400 {
        let x = [below(4), below(6), below(9), 2 * below(12)];
        let [batch, sequence, _, channels] = x;
        let heads = range(below(9), below(12), 1 + below(4));
        let count = heads.count(x[2]);
        let offset = below(channels as u64 / 2 + 1);
        let rotary_dim = 2 * below((channels - offset) as u64 / 2 + 1);
        let rotated = match rotary_dim {
            0 => (channels - offset) / 2 * 2,
            r => r,
        };
        let rotary = RotaryAttributes {
            interleaved: below(2) == 1,
            output_interleaved: [None, Some(false), Some(true)][below(3)],
            rotary_dim: rotated,
            rotary_offset: if rotated == 0 { channels } else { offset },
            inverse: below(2) == 1,
        };
        let width = [rotated / 2, rotated][below(2)];
        let mut either = |size: usize| [1, size][below(2)];
        let table = [
            vec![either(batch), either(count), either(sequence), width],
            vec![either(count), either(sequence), width],
            vec![width],
        ][below(3)]
        .clone();
        cases.push(Case {
            attributes: RotaryHeadsAttributes { rotary, heads },
            x,
            table,
        });
    }
    run(&cases);
}
