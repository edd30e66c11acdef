//! Numbers for the inputs of a model: those that a prober takes, and those that it does not.

use phasor::onnx::{DataType, Tensor};

use crate::graph::{Name, Size};
use crate::random::Random;
use crate::tables::ROWS;

/// The symbol of the batch.
pub(crate) const BATCH: &str = "batch";
/// The symbol of the sequence.
pub(crate) const SEQUENCE: &str = "sequence";

/// What an input is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It is rotated.
    X,
    /// It holds positions.
    Positions,
    /// It holds cosines or sines.
    Table,
}

/// An input of a model.
pub(crate) struct Input {
    pub(crate) name: Name,
    pub(crate) dtype: DataType,
    pub(crate) sizes: Vec<Size>,
    pub(crate) role: Role,
}

/// What positions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Positions {
    /// Rows of the tables.
    Rows,
    /// Rows of the tables, counted from the end.
    Negative,
    /// Around and beyond what half precision and a byte hold.
    Hundreds,
    /// Beyond 2^24 and, negative, beyond -2^24.
    Millions,
    /// Beyond 2^31.
    Billions,
}

/// What is rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activations {
    /// Numbers up to 1.
    Plain,
    /// Some of them are NaN.
    Nan,
    /// Some of them are infinite.
    Infinite,
    /// Large, and not near the largest of the type: there a product alone may overflow where the sum of two does not. Half
    /// precision has no numbers between.
    Large,
    /// Small, and not near the smallest of the type.
    Small,
}

/// One set of inputs: sizes where they are not fixed, and numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Feed {
    pub(crate) batch: i64,
    pub(crate) sequence: i64,
    pub(crate) positions: Positions,
    pub(crate) activations: Activations,
}

/// What every model is run on.
pub(crate) const PLAIN: Feed = Feed {
    batch: 2,
    sequence: 3,
    positions: Positions::Rows,
    activations: Activations::Plain,
};

/// The sizes that feeds have.
const SIZES: [(i64, i64); 12] = [
    (2, 3),
    (1, 1),
    (1, 2),
    (2, 0),
    (0, 3),
    (3, 1),
    (1, 17),
    (2, 12),
    (1, 300),
    (2, 513),
    (1, 1000),
    (1, 2049),
];

/// `count` sets of inputs, others for each `seed`; the first is [`PLAIN`].
pub(crate) fn feeds(seed: u64, count: usize) -> Vec<Feed> {
    let mut random = Random::new(seed);
    let mut all = vec![PLAIN];
    while all.len() < count {
        let (batch, sequence) = SIZES[random.below(SIZES.len() as u64) as usize];
        let positions = match random.below(6) {
            0 | 1 => Positions::Rows,
            2 => Positions::Negative,
            3 => Positions::Hundreds,
            4 => Positions::Millions,
            _ => Positions::Billions,
        };
        all.push(Feed {
            batch,
            sequence,
            // An engine may leave out what an empty tensor needs, and with it a position that its table does not have.
            positions: match batch {
                0 => Positions::Rows,
                _ => positions,
            },
            activations: match random.below(8) {
                0 => Activations::Nan,
                1 => Activations::Infinite,
                2 => Activations::Large,
                3 => Activations::Small,
                _ => Activations::Plain,
            },
        });
    }
    all
}

impl Feed {
    /// A tensor for each input.
    pub(crate) fn tensors(&self, inputs: &[Input]) -> Vec<(String, Tensor)> {
        let mut random = Random::new(7);
        let tensor = |input: &Input| (input.name.clone(), self.tensor(input, &mut random));
        inputs.iter().map(tensor).collect()
    }

    fn tensor(&self, input: &Input, random: &mut Random) -> Tensor {
        let size = |&(size, symbol): &Size| match symbol {
            Some(BATCH) => self.batch as usize,
            Some(_) => self.sequence as usize,
            None => size as usize,
        };
        let shape: Vec<usize> = input.sizes.iter().map(size).collect();
        if input.role != Role::Positions {
            let tensor = random.tensor(input.dtype, &shape);
            return match input.role {
                Role::X => self.activations.of(&tensor, random),
                _ => tensor,
            };
        }
        let count = shape.iter().product();
        let values: Vec<i64> = (0..count).map(|_| self.positions.number(random)).collect();
        Tensor::from_i64(&shape, &values)
    }
}

impl Positions {
    fn number(self, random: &mut Random) -> i64 {
        let rows = ROWS as u64;
        let below = random.below(1 << 30) as i64;
        match self {
            Positions::Rows => below % rows as i64,
            Positions::Negative => below % (2 * rows as i64) - rows as i64,
            Positions::Hundreds => below % 5000 - 300,
            Positions::Millions => (below % (1 << 27)) - (1 << 26),
            Positions::Billions => (below << 3) - (1 << 31),
        }
    }
}

impl Activations {
    fn of(self, tensor: &Tensor, random: &mut Random) -> Tensor {
        let wide = tensor.dtype != DataType::F16;
        let change = |value: f64| match self {
            Activations::Plain => value,
            Activations::Large => value * if wide { 1e30 } else { 1.0 },
            Activations::Small => value * if wide { 1e-30 } else { 1e-4 },
            _ if random.below(5) > 0 => value,
            Activations::Nan => f64::NAN,
            Activations::Infinite => value.signum() * f64::INFINITY,
        };
        let values: Vec<f64> = tensor
            .to_f64()
            .expect("numbers")
            .into_iter()
            .map(change)
            .collect();
        Tensor::from_f64_as(tensor.dtype, &tensor.shape, &values)
    }
}

impl Input {
    /// The axis of the sequence.
    pub(crate) fn sequence(&self) -> i64 {
        let channels = self.sizes.len() - 1;
        let named = self
            .sizes
            .iter()
            .position(|(_, symbol)| *symbol == Some(SEQUENCE));
        named.unwrap_or(channels - 1) as i64
    }
}
