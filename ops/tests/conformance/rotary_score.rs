//! What a rotary embedding is for: the score of a query at position m and a key at n depends on m - n alone.
//!
//! `RotaryTable` makes the cosines and sines, `RotaryEmbedding` turns query and key by them, and their product is compared with the same
//! product written in terms of n - m (`docs/background.md`), at places far apart. With exact angles the error does not depend on the place;
//! with rounded ones an angle is off by half a unit in its last place, which grows with the place.

use crate::angles::frequencies;
use crate::common::{Random, Runner, Values};
use crate::rotary::turned;
use crate::rotary_table;
use crate::runners;
use phasor_ops::contract::angle::ULP_ERROR;
use phasor_ops::contract::rotary::{RotaryAttributes, UNIT_ERROR};
use phasor_ops::contract::rotary_table::RotaryTableAttributes;

const EPSILON: f64 = f32::EPSILON as f64;
/// Pairs of a head, of one that fills no vector and of one that fills several.
const PAIRS: [usize; 3] = [1, 5, 64];
/// Distances from query to key.
const DISTANCES: [i64; 6] = [0, 1, -1, 7, -100, 4095];
/// Places of the query, shifts of one another.
const PLACES: [i64; 7] = [0, 1, -13, 4096, 1 << 20, 1 << 24, (1 << 31) - 5000];

/// One query, one key and the frequencies of their pairs.
struct Head {
    interleaved: bool,
    q: Vec<f32>,
    k: Vec<f32>,
    frequencies: Vec<f32>,
}

impl Head {
    fn new(pairs: usize, interleaved: bool, random: &mut Random) -> Head {
        let mut tensor = || random.tensor(&[2 * pairs], 4.0, Values::Ordinary);
        Head {
            interleaved,
            q: tensor(),
            k: tensor(),
            frequencies: frequencies(pairs),
        }
    }

    /// The channels of a pair.
    fn pair(&self, x: &[f32], pair: usize) -> (f64, f64) {
        let half = self.frequencies.len();
        let (first, second) = match self.interleaved {
            true => (2 * pair, 2 * pair + 1),
            false => (pair, pair + half),
        };
        (x[first].into(), x[second].into())
    }

    /// The score by the kernels.
    fn score(&self, runner: Runner, precise: bool, m: i64, n: i64) -> f64 {
        let table = RotaryTableAttributes {
            axis: 0,
            amplitude: 1.0,
            precise,
        };
        let attributes = RotaryAttributes {
            interleaved: self.interleaved,
            ..RotaryAttributes::default()
        };
        let width = self.frequencies.len();
        let rotated = |x: &[f32], position: i64| {
            let frequencies = (&self.frequencies[..], &[width][..]);
            let (cos, sin) = rotary_table::run(table, runner, (&[position], &[1]), frequencies);
            let shape = &[1, width][..];
            let tables = [(&cos[..], shape), (&sin[..], shape)];
            turned(attributes, runner, (x, &[1, 2 * width]), tables, false)
        };
        let products = rotated(&self.q, m).into_iter().zip(rotated(&self.k, n));
        products.map(|(q, k)| f64::from(q) * f64::from(k)).sum()
    }

    /// The score of a distance `n - m`, in double precision.
    fn expected(&self, distance: i64) -> f64 {
        let term = |(pair, frequency): (usize, &f32)| {
            let ((qa, qb), (ka, kb)) = (self.pair(&self.q, pair), self.pair(&self.k, pair));
            let (sin, cos) = (distance as f64 * f64::from(*frequency)).sin_cos();
            (qa * ka + qb * kb) * cos + (qb * ka - qa * kb) * sin
        };
        self.frequencies.iter().enumerate().map(term).sum()
    }

    /// How far the score may be off at positions up to `place`.
    fn bound(&self, precise: bool, place: i64) -> f64 {
        let term = |(pair, frequency): (usize, &f32)| {
            let angle = place.unsigned_abs() as f64 * f64::from(*frequency);
            // Half a unit in the last place of a rounded angle, by which its cosine and sine move at most; and of a rounded position.
            let roundings = match place.unsigned_abs() {
                _ if precise => 0.0,
                ..=0x0100_0000 => 1.0,
                _ => 2.0,
            };
            let moved = roundings * angle * EPSILON / 2.0;
            // An entry of a table, a product of it, and the rounding of the sum of two; relative to the sum of both magnitudes.
            let turned = moved + (ULP_ERROR + UNIT_ERROR + 1.0) * EPSILON;
            let ((qa, qb), (ka, kb)) = (self.pair(&self.q, pair), self.pair(&self.k, pair));
            let magnitude = (qa.abs() + qb.abs()) * (ka.abs() + kb.abs());
            // Two channels, in each of which either factor is off, or both are.
            2.0 * (2.0 * turned + turned * turned) * magnitude
        };
        self.frequencies.iter().enumerate().map(term).sum()
    }
}

#[test]
fn a_score_depends_on_the_distance_alone() {
    let mut random = Random(1);
    for pairs in PAIRS {
        for interleaved in [false, true] {
            let head = Head::new(pairs, interleaved, &mut random);
            for runner in runners() {
                for (precise, distance) in [true, false]
                    .into_iter()
                    .flat_map(|precise| DISTANCES.map(|distance| (precise, distance)))
                {
                    let expected = head.expected(distance);
                    for m in PLACES {
                        let n = m + distance;
                        let got = head.score(runner, precise, m, n);
                        let bound = head.bound(precise, m.abs().max(n.abs()));
                        assert!(
                            (got - expected).abs() <= bound,
                            "{got:e} at {m} and {n}, expected {expected:e}, allowed {bound:e}: {runner:?} {precise} {pairs}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_score_depends_on_the_distance_indeed() {
    let head = Head::new(64, false, &mut Random(2));
    for runner in runners() {
        let scores = [0, 1, -1, 2].map(|distance| head.score(runner, true, 1000, 1000 + distance));
        let bound = 2.0 * head.bound(true, 1002);
        for (i, a) in scores.iter().enumerate() {
            for b in &scores[..i] {
                assert!((a - b).abs() > 100.0 * bound, "{scores:?}, {bound:e}");
            }
        }
    }
}

#[test]
fn rounded_angles_lose_the_distance_far_away() {
    // What exact angles are for: the bound on rounded ones is not met by luck alone.
    let head = Head::new(64, false, &mut Random(3));
    let far = 1 << 24;
    let expected = head.expected(7);
    for runner in runners().filter(Runner::is_kernel) {
        let off = |precise| (head.score(runner, precise, far + 1, far + 8) - expected).abs();
        assert!(off(true) < 1e-3 && off(false) > 1e-2, "{runner:?}");
    }
}
