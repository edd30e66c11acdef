//! The abstract interpreter: one domain for shapes, positions, tables and activations.
//!
//! A tensor's elements are polynomials ([`poly`]) over the channels of root tensors ([`root`]), dimension symbols and known
//! functions ([`function`], [`table`]). [`value`] says which axes are told apart; [`Interpreter::run`] walks the graph and [`ops`]
//! holds one file for each operator family. What is computed is read off the result by [`crate::recognize`]; how the
//! exporter spelled it is gone by then.
#![forbid(unsafe_code)]

mod algebra;
mod bounds;
mod branch;
pub mod broadcast;
pub mod budget;
mod constants;
mod derive;
pub mod dims;
pub mod display;
mod division;
pub mod element;
pub mod function;
pub mod generalise;
mod grid;
mod ids;
pub mod interpreter;
mod live;
mod numbering;
mod operation;
pub mod ops;
pub mod poly;
pub mod range;
pub mod root;
mod sets;
mod sizes;
pub mod stop;
mod substitute;
pub mod table;
mod term;
#[cfg(test)]
pub(crate) mod testing;
pub mod value;
pub mod visit;
mod walk;

pub use budget::{Budget, Limits, Work};
pub use interpreter::{Interpreter, Stopped};
pub use operation::Operation;
pub use stop::Stop;
