//! Functions of polynomials: the atoms that are computed.

use crate::onnx::DataType;

use super::operation::Operation;
use super::table::TableId;

/// A function the domain knows by name.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    Cos,
    Sin,
    Exp,
    Log,
    Sqrt,
    Reciprocal,
    Floor,
    Ceil,
    Round,
    Abs,
    Sign,
    Trunc,
    Not,
    IsTrue,
    Pow,
    Equal,
    Less,
    LessOrEqual,
    And,
    Or,
    Xor,
    Max,
    Min,
    /// The size that axes of two sizes broadcast to.
    Broadcast,
    /// An index into an axis of the size that is the second argument, counted from the end where negative.
    Wrapped,
    /// Integer division, rounded to zero as ONNX `Div` does.
    IntegerDiv,
    /// ONNX `Mod` with `fmod = 0`: the sign of the divisor.
    Mod,
    /// ONNX `Mod` with `fmod = 1`: the sign of the dividend.
    Fmod,
    Where,
    /// The row of a constant table.
    Table(TableId),
    /// An operation whose results are those of a type: rounded, or wrapped.
    Typed(Operation, DataType),
}

impl Function {
    /// Its name for people.
    pub fn name(self) -> String {
        match self {
            Function::Typed(operation, dtype) => {
                format!("{}<{dtype}>", format!("{operation:?}").to_lowercase())
            }
            Function::Table(_) => "table".to_owned(),
            function => format!("{function:?}").to_lowercase(),
        }
    }

    /// The operation that rounds it to a type; `None` of a function whose results every type holds.
    pub fn operation(self) -> Option<Operation> {
        Some(match self {
            Function::Pow => Operation::Pow,
            Function::Sqrt => Operation::Sqrt,
            Function::Exp => Operation::Exp,
            Function::Log => Operation::Log,
            Function::Sin => Operation::Sin,
            Function::Cos => Operation::Cos,
            Function::Reciprocal => Operation::Reciprocal,
            _ => return None,
        })
    }

    /// The value at constant arguments; `None` where it is undefined there or not a plain function of numbers.
    pub fn eval(self, args: &[f64]) -> Option<f64> {
        let truth = |b: bool| if b { 1.0 } else { 0.0 };
        let value = match (self, args) {
            (Function::Cos, [x]) => x.cos(),
            (Function::Sin, [x]) => x.sin(),
            (Function::Exp, [x]) => x.exp(),
            (Function::Log, [x]) => x.ln(),
            (Function::Sqrt, [x]) => x.sqrt(),
            (Function::Reciprocal, [x]) => 1.0 / x,
            (Function::Floor, [x]) => x.floor(),
            (Function::Ceil, [x]) => x.ceil(),
            (Function::Round, [x]) => x.round_ties_even(),
            (Function::Abs, [x]) => x.abs(),
            (Function::Sign, [x]) => truth(*x > 0.0) - truth(*x < 0.0),
            (Function::Trunc, [x]) => x.trunc(),
            (Function::Not, [x]) => truth(*x == 0.0),
            (Function::IsTrue, [x]) => truth(*x != 0.0),
            (Function::Pow, [x, y]) => x.powf(*y),
            (Function::Equal, [x, y]) => truth(x == y),
            (Function::Less, [x, y]) => truth(x < y),
            (Function::LessOrEqual, [x, y]) => truth(x <= y),
            (Function::And, [x, y]) => truth(*x != 0.0 && *y != 0.0),
            (Function::Or, [x, y]) => truth(*x != 0.0 || *y != 0.0),
            (Function::Xor, [x, y]) => truth((*x != 0.0) != (*y != 0.0)),
            (Function::Max, [x, y]) => x.max(*y),
            (Function::Min, [x, y]) => x.min(*y),
            (Function::Broadcast, [x, y]) if x == y || *y == 1.0 => *x,
            (Function::Broadcast, [x, y]) if *x == 1.0 => *y,
            (Function::Wrapped, [x, size]) if *x < 0.0 => x + size,
            (Function::Wrapped, [x, _]) => *x,
            (Function::IntegerDiv, [x, y]) => (x / y).trunc(),
            (Function::Mod, [x, y]) => x - y * (x / y).floor(),
            (Function::Fmod, [x, y]) => x % y,
            (Function::Where, [c, x, y]) => {
                if *c != 0.0 {
                    *x
                } else {
                    *y
                }
            }
            // What engines compute differently in the last place stays a function.
            (Function::Typed(operation, dtype), args) if operation.is_exact() => {
                operation.eval(dtype, args)?
            }
            _ => return None,
        };
        value.is_finite().then_some(value)
    }
}
