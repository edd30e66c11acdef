//! Sizes and numbers for the inputs of a model with positions by distance.

use phasor::onnx::{DataType, Tensor};

use crate::agree::Inputs;
use crate::graph::{Name, Size};
use crate::random::Random;

/// The symbols of sizes.
pub(crate) const BATCH: &str = "batch";
pub(crate) const QUERIES: &str = "queries";
pub(crate) const KEYS: &str = "keys";
pub(crate) const PAST: &str = "past";
/// A size that is that of the queries, or 1.
pub(crate) const STRETCHED: &str = "stretched";

/// What an input is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It is copied, or only its sizes are read.
    Numbers,
    /// It holds positions.
    Positions,
    /// It is added to distances.
    Small,
}

/// An input of a model.
pub(crate) struct Input {
    pub(crate) name: Name,
    pub(crate) dtype: DataType,
    pub(crate) sizes: Vec<Size>,
    pub(crate) role: Role,
}

/// One set of inputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Feed {
    pub(crate) batch: i64,
    pub(crate) queries: i64,
    pub(crate) keys: i64,
    pub(crate) past: i64,
    /// Positions lie between this and its negative.
    pub(crate) far: i64,
    seed: u64,
}

/// Sizes of batches, queries, keys and the cache, of which the first are those that all models run on.
const SIZES: [[i64; 4]; 12] = [
    [2, 3, 4, 2],
    [1, 1, 1, 0],
    [1, 1, 9, 8],
    [2, 2, 2, 1],
    [1, 5, 1, 3],
    [1, 7, 7, 0],
    [2, 12, 17, 5],
    [0, 2, 3, 1],
    [1, 0, 3, 4],
    [1, 3, 0, 2],
    [1, 2, 300, 299],
    [1, 150, 160, 10],
];

/// The sets of inputs of a case, others for each `seed`.
pub(crate) fn feeds(seed: u64) -> impl Iterator<Item = Feed> {
    let feeds = SIZES.iter().enumerate();
    feeds.map(move |(at, &[batch, queries, keys, past])| Feed {
        batch,
        queries,
        keys,
        past,
        far: match (seed as usize + at) % 4 {
            0 => 3,
            1 => 20,
            2 => 1000,
            _ => i64::from(i32::MAX),
        },
        seed,
    })
}

impl Feed {
    /// A tensor for each input.
    pub(crate) fn tensors(&self, inputs: &[Input]) -> Inputs {
        let mut random = Random::new(self.seed);
        let tensor = |input: &Input| (input.name.clone(), self.tensor(input, &mut random));
        inputs.iter().map(tensor).collect()
    }

    fn tensor(&self, input: &Input, random: &mut Random) -> Tensor {
        let size = |&(size, symbol): &Size| {
            let size = match symbol {
                Some(BATCH) => self.batch,
                Some(QUERIES) => self.queries,
                Some(KEYS) => self.keys,
                Some(PAST) => self.past,
                Some(STRETCHED) if self.seed.is_multiple_of(2) => self.queries,
                Some(_) => 1,
                None => size,
            };
            size as usize
        };
        let shape: Vec<usize> = input.sizes.iter().map(size).collect();
        let far = match input.role {
            Role::Numbers => return random.tensor(input.dtype, &shape),
            Role::Positions => self.far,
            Role::Small => 2,
        };
        let count = shape.iter().product();
        let number = |random: &mut Random| {
            let below = random.below(2 * far as u64 + 1) as i64;
            (below - far) as f64
        };
        let values: Vec<f64> = (0..count).map(|_| number(random)).collect();
        Tensor::from_f64_as(input.dtype, &shape, &values)
    }
}
