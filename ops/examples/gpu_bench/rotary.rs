//! Queries and keys turned in one launch.

use crate::case::{Case, Tensor, type_name};
use phasor_ops::contract::ElementType::{self, BF16, F16, F32};
use phasor_ops::contract::rotary::RotaryAttributes;
use phasor_ops::contract::rotary_pair::geometries;
use phasor_ops::cuda::rotary::{RotaryCuda, Turned};

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

/// All of them.
pub(crate) fn cases(small: bool) -> Vec<Case> {
    let sizes = match small {
        true => vec![(1, 16), (2, 1)],
        false => vec![(1, 4096), (8, 2048), (1, 1), (16, 1), (64, 1)],
    };
    let mut cases = Vec::new();
    for element in [F16, BF16, F32] {
        for &(batch, sequence) in &sizes {
            cases.push(case(element, batch, sequence, Order::Heads, false));
            if sequence > 1 && batch == 1 {
                cases.push(case(element, batch, sequence, Order::Tokens, false));
                cases.push(case(element, batch, sequence, Order::Heads, true));
            }
        }
    }
    cases
}

fn case(element: ElementType, batch: usize, sequence: usize, order: Order, near: bool) -> Case {
    let shape = |heads| match order {
        Order::Heads => vec![batch, heads, sequence, CHANNELS],
        Order::Tokens => vec![batch, sequence, heads, CHANNELS],
    };
    let (q, k) = (shape(QUERIES), shape(KEYS));
    // With one token per sequence, each token has a position of its own.
    let rows = if sequence == 1 {
        [batch, 1]
    } else {
        [1, sequence]
    };
    let table = match order {
        Order::Heads => vec![rows[0], 1, rows[1], CHANNELS / 2],
        Order::Tokens => vec![rows[0], rows[1], 1, CHANNELS / 2],
    };
    let bytes = |shape: &[usize]| shape.iter().product::<usize>() * element.size();
    let mut tensors: Vec<_> = [&q, &k, &table, &table]
        .map(|shape| Tensor::Read(bytes(shape)))
        .into();
    tensors.extend([&q, &k].map(|shape| Tensor::Written(bytes(shape))));
    let layout = if near { ", interleaved" } else { "" };
    let name = format!(
        "RotaryEmbeddingPair {q:?} + {k:?}{layout}, {}",
        type_name(element)
    );
    let attributes = RotaryAttributes {
        interleaved: near,
        ..Default::default()
    };
    Case {
        name,
        tensors,
        prepare: Box::new(move |device| {
            let kernel = RotaryCuda::new(&device, attributes, element, element)?;
            let [of_q, of_k] = geometries(&attributes, &q, &k, &table, &table)?;
            Ok(Box::new(move |stream, at| {
                let turned = [(&of_q, 0, 4), (&of_k, 1, 5)].map(|(geometry, x, y)| Turned {
                    geometry,
                    x: at[x],
                    y: at[y],
                });
                // SAFETY: the tensors have these sizes, and outlive the graph that is launched.
                unsafe { kernel.run(&device, stream, &turned, [at[2], at[3]]) }
            }))
        }),
    }
}
