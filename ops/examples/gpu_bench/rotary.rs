//! Queries and keys turned in one launch.

use crate::case::{Case, Tensor, type_name};
use phasor_ops::contract::ElementType::{self, BF16, F16, F32, F64};
use phasor_ops::contract::rotary::RotaryAttributes;
use phasor_ops::contract::rotary_pair::geometries;
use phasor_ops::cuda::rotary::{Reading, RotaryCuda, Turned};

const QUERIES: usize = 32;
const KEYS: usize = 8;
const CHANNELS: usize = 128;

/// Where the heads of a tensor are.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// `[batch, heads, sequence, channels]`.
    Heads,
    /// `[batch, sequence, heads, channels]`.
    Tokens,
}

/// A pair of tensors, and how they are turned.
#[derive(Clone, Copy)]
struct Pair {
    element: ElementType,
    table: ElementType,
    batch: usize,
    sequence: usize,
    order: Order,
    interleaved: bool,
    channels: usize,
    /// Channels that are turned; 0 for all.
    rotated: usize,
    /// Tables have an entry per channel.
    by_channel: bool,
    in_place: bool,
}

const PLAIN: Pair = Pair {
    element: F16,
    table: F16,
    batch: 1,
    sequence: 4096,
    order: Order::Heads,
    interleaved: false,
    channels: CHANNELS,
    rotated: 0,
    by_channel: false,
    in_place: false,
};

/// All of them.
pub(crate) fn cases(small: bool) -> Vec<Case> {
    let (sizes, sequence) = match small {
        true => (vec![(1, 16), (2, 1)], 16),
        false => (vec![(1, 4096), (8, 2048), (1, 1), (16, 1), (64, 1)], 4096),
    };
    let mut pairs = Vec::new();
    // What `RotaryTable` makes is f32 for tensors of half precision too.
    let types = [
        (F16, F16),
        (F16, F32),
        (BF16, BF16),
        (BF16, F32),
        (F32, F32),
    ];
    for (element, table) in types {
        for &(batch, sequence) in &sizes {
            pairs.push(Pair {
                element,
                table,
                batch,
                sequence,
                ..PLAIN
            });
        }
    }
    let doubles = [(F64, F64), (F64, F32)];
    for (element, table) in types.into_iter().chain(doubles) {
        let plain = Pair {
            element,
            table,
            sequence,
            ..PLAIN
        };
        if element == F64 {
            pairs.push(plain);
        }
        pairs.push(Pair {
            order: Order::Tokens,
            ..plain
        });
        pairs.push(Pair {
            interleaved: true,
            ..plain
        });
        pairs.push(Pair {
            by_channel: true,
            ..plain
        });
        pairs.push(Pair {
            rotated: 32,
            ..plain
        });
        pairs.push(Pair {
            in_place: true,
            ..plain
        });
        // No access of 16 bytes fits.
        pairs.push(Pair {
            channels: 80,
            rotated: 20,
            ..plain
        });
    }
    pairs.into_iter().map(case).collect()
}

fn case(pair: Pair) -> Case {
    let Pair {
        batch, sequence, ..
    } = pair;
    let shape = |heads| match pair.order {
        Order::Heads => vec![batch, heads, sequence, pair.channels],
        Order::Tokens => vec![batch, sequence, heads, pair.channels],
    };
    let (q, k) = (shape(QUERIES), shape(KEYS));
    let turned = match pair.rotated {
        0 => pair.channels,
        rotated => rotated,
    };
    let width = if pair.by_channel { turned } else { turned / 2 };
    // With one token per sequence, each token has a position of its own.
    let rows = if sequence == 1 {
        [batch, 1]
    } else {
        [1, sequence]
    };
    let table = match pair.order {
        Order::Heads => vec![rows[0], 1, rows[1], width],
        Order::Tokens => vec![rows[0], rows[1], 1, width],
    };
    let count = |shape: &[usize]| shape.iter().product::<usize>();
    let bytes = |shape: &[usize]| count(shape) * pair.element.size();
    let tables = [(); 2].map(|()| Tensor::Read(count(&table) * pair.table.size()));
    let mut tensors: Vec<_> = match pair.in_place {
        // What is copied in other calls stays where it is.
        true => [&q, &k].map(|of| Tensor::Turned(bytes(of))).into(),
        false => [&q, &k].map(|of| Tensor::Read(bytes(of))).into(),
    };
    tensors.extend(tables);
    if !pair.in_place {
        tensors.extend([&q, &k].map(|of| Tensor::Written(bytes(of))));
    }
    let attributes = RotaryAttributes {
        interleaved: pair.interleaved,
        rotary_dim: pair.rotated,
        ..Default::default()
    };
    Case {
        name: name(&pair, &q, &k),
        tensors,
        prepare: Box::new(move |loader| {
            let kernel = RotaryCuda::new(
                &loader,
                attributes,
                Reading::Dense,
                pair.element,
                pair.table,
            )?;
            let [of_q, of_k] = geometries(&attributes, &q, &k, &table, &table)?;
            let results = if pair.in_place { [0, 1] } else { [4, 5] };
            Ok(Box::new(move |stream, at| {
                let [yq, yk] = results;
                let turned = [(&of_q, 0, yq), (&of_k, 1, yk)].map(|(geometry, x, y)| Turned {
                    geometry,
                    x: at[x],
                    y: at[y],
                });
                // SAFETY: the tensors have these sizes, and outlive the graph that is launched.
                unsafe { kernel.run(&loader, stream, &turned, [at[2], at[3]]) }
            }))
        }),
    }
}

fn name(pair: &Pair, q: &[usize], k: &[usize]) -> String {
    let mut name = format!("RotaryEmbeddingPair {q:?} + {k:?}");
    let rotated = format!(", {} of {} channels", pair.rotated, pair.channels);
    for (holds, words) in [
        (pair.interleaved, ", interleaved"),
        (pair.by_channel, ", tables by channel"),
        (pair.rotated != 0, rotated.as_str()),
        (pair.in_place, ", in place"),
    ] {
        if holds {
            name += words;
        }
    }
    name += &format!(", {}", type_name(pair.element));
    if pair.table != pair.element {
        name += &format!(", tables in {}", type_name(pair.table));
    }
    name
}
