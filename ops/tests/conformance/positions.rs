//! Positions of queries and keys, of every kind that kernels tell apart.

use crate::common::Random;
use phasor_ops::contract::relative::Integer;

/// A type of positions, made of integers it holds.
pub(crate) trait Made: Integer {
    const ENDS: [i64; 2];
    fn made(value: i64) -> Self;
}

impl Made for i64 {
    const ENDS: [i64; 2] = [i64::MIN, i64::MAX];
    fn made(value: i64) -> Self {
        value
    }
}

impl Made for i32 {
    const ENDS: [i64; 2] = [i32::MIN as i64, i32::MAX as i64];
    fn made(value: i64) -> Self {
        value as i32
    }
}

/// How positions follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Order {
    /// One by one, from a number on.
    From(i64),
    /// Anywhere within a range around 0, and in any order.
    Scattered,
    /// Stretches of up to 40, some of them backwards or standing still.
    Stretches,
    /// One by one from 0 on, but for the last one, which is one further.
    Torn,
    /// Zeros, then from 0 on: a sequence with padding on the left.
    Padded,
    /// The ends of the type, and what lies around 0.
    Extreme,
    /// One by one up to the end of the type, or from it on: by the sign.
    Edge(bool),
}

impl Order {
    pub(crate) const ALL: [Order; 9] = [
        Order::From(0),
        Order::From(-37),
        Order::Scattered,
        Order::Stretches,
        Order::Torn,
        Order::Padded,
        Order::Extreme,
        Order::Edge(false),
        Order::Edge(true),
    ];

    /// `count` positions.
    pub(crate) fn positions<I: Made>(self, random: &mut Random, count: usize) -> Vec<i64> {
        let n = count as i64;
        let mut below = |limit: i64| (random.bits() >> 33) as i64 % limit;
        let [lowest, highest] = I::ENDS;
        match self {
            Order::From(first) => (first..first + n).collect(),
            Order::Scattered => (0..n).map(|_| below(400) - 200).collect(),
            Order::Stretches => {
                let mut all = Vec::new();
                while all.len() < count {
                    let (first, length, step) = (below(300) - 150, below(40) + 1, below(4) - 1);
                    all.extend((0..length).map(|i| first + i * step.min(1)));
                }
                all.truncate(count);
                all
            }
            Order::Torn => (0..n).map(|i| if i + 1 == n { n } else { i }).collect(),
            Order::Padded => (0..n).map(|i| (i - n / 3).max(0)).collect(),
            Order::Extreme => {
                let known = [lowest, lowest + 1, highest, highest - 1, 0, 1, -1];
                (0..n).map(|_| known[below(7) as usize]).collect()
            }
            Order::Edge(false) => (0..n).map(|i| lowest + i).collect(),
            Order::Edge(true) => (0..n).map(|i| highest - (n - 1 - i)).collect(),
        }
    }
}

/// Positions in their type.
pub(crate) fn typed<I: Made>(positions: &[i64]) -> Vec<I> {
    positions.iter().map(|&p| I::made(p)).collect()
}
