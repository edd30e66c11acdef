//! Arithmetic in a type: operations whose results the type rounds, so that they are no polynomials of their operands.
//!
//! Half-precision types are computed in `float` and rounded once more, as runtimes do. Of sums, differences, products, quotients and
//! roots that is the correctly rounded result.

use half::{bf16, f16};

use crate::onnx::DataType;

/// An operation on one or two numbers of a type.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    /// From any type to this one.
    Cast,
    Sqrt,
    Exp,
    Log,
    Sin,
    Cos,
    Reciprocal,
}

impl Operation {
    /// Whether the result is correctly rounded, so that it is the same on every engine.
    pub fn is_exact(self) -> bool {
        !matches!(
            self,
            Operation::Pow | Operation::Exp | Operation::Log | Operation::Sin | Operation::Cos
        )
    }

    /// The result of a float type; `None` for integers, which wrap.
    pub fn eval(self, dtype: DataType, args: &[f64]) -> Option<f64> {
        match dtype {
            DataType::F64 => self.double(args),
            DataType::F32 => self.single(args).map(f64::from),
            DataType::F16 => Some(f16::from_f32(self.single(args)?).to_f64()),
            DataType::BF16 => Some(bf16::from_f32(self.single(args)?).to_f64()),
            _ => None,
        }
    }

    fn double(self, args: &[f64]) -> Option<f64> {
        Some(match (self, args) {
            (Operation::Add, [x, y]) => x + y,
            (Operation::Sub, [x, y]) => x - y,
            (Operation::Mul, [x, y]) => x * y,
            (Operation::Div, [x, y]) => x / y,
            (Operation::Pow, [x, y]) => x.powf(*y),
            (Operation::Cast, [x]) => *x,
            (Operation::Sqrt, [x]) => x.sqrt(),
            (Operation::Exp, [x]) => x.exp(),
            (Operation::Log, [x]) => x.ln(),
            (Operation::Sin, [x]) => x.sin(),
            (Operation::Cos, [x]) => x.cos(),
            (Operation::Reciprocal, [x]) => 1.0 / x,
            _ => return None,
        })
    }

    fn single(self, args: &[f64]) -> Option<f32> {
        let at = |k: usize| args.get(k).map(|&x| x as f32);
        let x = at(0)?;
        Some(match self {
            Operation::Add => x + at(1)?,
            Operation::Sub => x - at(1)?,
            Operation::Mul => x * at(1)?,
            Operation::Div => x / at(1)?,
            Operation::Pow => x.powf(at(1)?),
            Operation::Cast => x,
            Operation::Sqrt => x.sqrt(),
            Operation::Exp => x.exp(),
            Operation::Log => x.ln(),
            Operation::Sin => x.sin(),
            Operation::Cos => x.cos(),
            Operation::Reciprocal => 1.0 / x,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_those_of_the_type() {
        let third = |dtype| Operation::Div.eval(dtype, &[1.0, 3.0]);
        assert_eq!(third(DataType::F64), Some(1.0 / 3.0));
        assert_eq!(third(DataType::F32), Some(f64::from(1.0f32 / 3.0)));
        assert_eq!(
            third(DataType::F16),
            Some(f16::from_f32(1.0 / 3.0).to_f64())
        );
        assert_eq!(third(DataType::I64), None);
        let large = Operation::Cast.eval(DataType::F32, &[16_777_217.0]);
        assert_eq!(large, Some(16_777_216.0));
    }
}
