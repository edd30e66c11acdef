//! Dimensions and facts carried between tract and this crate.
//!
//! Names of dimensions may be anything, tract's symbols may not: each name gets a number. So does a product of names, which tract
//! does not read in a dimension.

use super::super::{Dim, Fact};
use crate::engine::tract::copy::Retype;
use crate::onnx::DataType;
use tract_onnx::prelude::DatumType;
use tract_onnx::tract_hir::internal::{Factoid, InferenceFact, TDim};

/// The symbols of a model: what each number stands for.
#[derive(Default)]
pub(super) struct Symbols {
    atoms: Vec<Dim>,
}

impl Symbols {
    /// tract's names of the symbols.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        (0..self.atoms.len()).map(|number| format!("d{number}"))
    }

    /// A dimension in tract's spelling.
    pub(super) fn expression(&mut self, dim: &Dim) -> String {
        match dim {
            Dim::Known(n) => n.to_string(),
            Dim::Add(terms) => {
                let terms: Vec<String> = terms
                    .iter()
                    .map(|t| format!("({})", self.expression(t)))
                    .collect();
                terms.join("+")
            }
            Dim::Mul(factors) => match factors.as_slice() {
                [Dim::Known(n), factor] => format!("{n}*({})", self.expression(factor)),
                [Dim::Known(n), factors @ ..] => {
                    format!("{n}*{}", self.atom(Dim::product(factors.iter().cloned())))
                }
                _ => self.atom(dim.clone()),
            },
            Dim::Div(inner, by) => format!("floor(({})/{by})", self.expression(inner)),
            Dim::Unknown => "?".to_owned(),
            Dim::Symbol(_) | Dim::Choice(..) => self.atom(dim.clone()),
        }
    }

    fn atom(&mut self, dim: Dim) -> String {
        let number = self
            .atoms
            .iter()
            .position(|atom| *atom == dim)
            .unwrap_or_else(|| {
                self.atoms.push(dim);
                self.atoms.len() - 1
            });
        format!("d{number}")
    }

    /// A dimension from tract; whatever is no polynomial of known symbols is unknown.
    fn dim(&self, dim: &TDim) -> Dim {
        match dim {
            TDim::Val(n) => Dim::Known(*n),
            TDim::Sym(symbol) => {
                let number = symbol
                    .to_string()
                    .strip_prefix('d')
                    .and_then(|n| n.parse::<usize>().ok());
                number
                    .and_then(|n| self.atoms.get(n))
                    .cloned()
                    .unwrap_or(Dim::Unknown)
            }
            TDim::Add(terms) => Dim::sum(terms.iter().map(|t| self.dim(t))),
            TDim::Mul(factors) => Dim::product(factors.iter().map(|f| self.dim(f))),
            TDim::MulInt(by, inner) => Dim::product([Dim::Known(*by), self.dim(inner)]),
            TDim::Div(inner, by) => {
                i64::try_from(*by).map_or(Dim::Unknown, |by| self.dim(inner).floor_div(by))
            }
            _ => Dim::Unknown,
        }
    }

    /// A fact from tract, its stand-in types undone.
    pub(super) fn fact(&self, fact: &InferenceFact, retype: &Retype) -> Fact {
        let dtype = fact
            .datum_type
            .concretize()
            .and_then(dtype)
            .map(|dtype| retype.original(dtype));
        let shape = fact.shape.rank().concretize().map(|_| {
            let dims = fact.shape.dims();
            dims.map(|dim| dim.concretize().map_or(Dim::Unknown, |dim| self.dim(&dim)))
                .collect()
        });
        Fact { dtype, shape }
    }
}

fn dtype(datum_type: DatumType) -> Option<DataType> {
    Some(match datum_type {
        DatumType::F32 => DataType::F32,
        DatumType::F64 => DataType::F64,
        DatumType::F16 => DataType::F16,
        DatumType::I8 => DataType::I8,
        DatumType::I16 => DataType::I16,
        DatumType::I32 => DataType::I32,
        // tract's symbolic integers are the int64 values of shapes.
        DatumType::I64 | DatumType::TDim => DataType::I64,
        DatumType::U8 => DataType::U8,
        DatumType::U16 => DataType::U16,
        DatumType::U32 => DataType::U32,
        DatumType::U64 => DataType::U64,
        DatumType::Bool => DataType::Bool,
        DatumType::String => DataType::String,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::dim_expr::parse_onnx_dim;
    use tract_onnx::tract_hir::internal::SymbolScope;

    #[test]
    fn dimensions_survive_the_way_there_and_back() {
        let mut symbols = Symbols::default();
        let scope = SymbolScope::default();
        for text in [
            "7",
            "batch size",
            "past + 1",
            "2*a*b - 3",
            "(a + 1)//4",
            "a//4 + b",
        ] {
            let dim = Dim::parse(text);
            let there = parse_onnx_dim(&scope, &symbols.expression(&dim)).unwrap();
            assert_eq!(symbols.dim(&there), dim, "{text}");
        }
    }
}
