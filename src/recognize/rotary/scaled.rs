//! Rotations whose result the graph multiplies by a factor: `x·cos·s + rotate(x)·sin·s`, as xPos does by a power of the position.
//!
//! The factor goes into the tables, which are made by one product each: it is the same for all heads. The graph multiplies the rotated
//! channels by it, so a factor that is tiny or huge would leave other numbers: of a table it takes the last digits, or makes it infinite.
//! Only factors of moderate size are taken, and powers of a number, which are so at the positions that a model is made for.

use std::ops::RangeInclusive;

use crate::onnx::DataType;
use crate::recognize::TableInput;
use crate::recognize::kit::made::Maker;
use crate::recognize::kit::step::Step;
use crate::recognize::kit::tables::{TableMatch, Tables, Wanted, fits};
use crate::symbolic::Interpreter;
use crate::symbolic::function::Function;
use crate::symbolic::ops::{arithmetic, with_unit_axes};
use crate::symbolic::poly::{Arena, Atom, AtomId, PolyId};
use crate::symbolic::value::Value;

use super::readoff::{Pair, Rotation, product, shared_factors, wanted};
use crate::recognize::kit::behind::Behind;

/// Factors that are neither tiny nor huge, in half precision too.
const MODERATE: RangeInclusive<f64> = 1.0 / 256.0..=256.0;

/// The rotation without the factors that both coefficients of each channel have, and the factors; `None` if there are none, or if the
/// channels of a pair have different ones.
pub(super) fn split(
    it: &mut Interpreter<'_>,
    rotation: &Rotation,
    dtype: DataType,
) -> Option<(Rotation, Vec<Vec<PolyId>>)> {
    let arena = &mut it.arena;
    let mut plain = rotation.clone();
    let mut factors = Vec::with_capacity(rotation.pairs.len());
    for pairs in &mut plain.pairs {
        let mut row = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let first = without_factor(arena, pair.first)?;
            let second = without_factor(arena, pair.second)?;
            if first.1 != second.1 {
                return None;
            }
            *pair = Pair {
                first: first.0,
                second: second.0,
            };
            row.push(first.1);
        }
        factors.push(row);
    }
    let is_one = |&factor: &PolyId| factor == PolyId::ONE;
    let is_fit = |&factor: &PolyId| is_moderate(it, factor, dtype);
    let mut all = factors.iter().flatten();
    (!all.clone().all(is_one) && all.all(is_fit)).then_some((plain, factors))
}

/// Powers of powers that are looked through.
const NESTED: usize = 4;

/// Whether an expression is a positive number of moderate size, a power of one, or one over that.
fn is_power(arena: &Arena, p: PolyId, nested: usize) -> bool {
    if let Some(number) = arena.as_constant(p) {
        return number > 0.0 && MODERATE.contains(&number);
    }
    let atom = arena.as_atom(p).map(|atom| arena.atom_of(atom));
    match atom {
        Some(Atom::Apply {
            function: Function::Pow | Function::Reciprocal,
            args,
        }) => {
            nested > 0
                && args
                    .first()
                    .is_some_and(|&base| is_power(arena, base, nested - 1))
        }
        _ => false,
    }
}

/// Whether products with a factor neither overflow nor vanish where those with cosines do not.
fn is_moderate(it: &Interpreter<'_>, factor: PolyId, dtype: DataType) -> bool {
    let arena = &it.arena;
    let fits = |number: f64| number == 0.0 || MODERATE.contains(&number.abs());
    let [term] = *arena.terms(factor) else {
        return false;
    };
    let is_fit = |&atom: &AtomId| match arena.atom_of(atom) {
        Atom::Apply {
            function: Function::Table(table),
            ..
        } => (0..it.tables.rows(*table)).all(|row| fits(it.tables.get(*table, row))),
        // Powers leave the range of half types soon.
        Atom::Apply {
            function: Function::Pow | Function::Reciprocal,
            ..
        } => dtype.holds_floats_of(DataType::F32) && is_power(arena, PolyId::of_atom(atom), NESTED),
        other => match arena.grid_of(other) {
            Some(grid) => it.tables.grid(grid).iter().all(|&number| fits(number)),
            None => false,
        },
    };
    fits(term.coefficient) && arena.factors(term.mono).iter().all(is_fit)
}

/// Coefficients of one term each without the factor that they share, and the factor.
fn without_factor(
    arena: &mut Arena,
    (cos, sin): (PolyId, PolyId),
) -> Option<((PolyId, PolyId), PolyId)> {
    if sin == PolyId::ZERO {
        return Some(((PolyId::ONE, PolyId::ZERO), cos));
    }
    let [c, s] = [cos, sin].map(|p| match *arena.terms(p) {
        [term] => Some(term),
        _ => None,
    });
    let (c, s) = (c?, s?);
    let (common, [own_c, own_s]) = shared_factors(arena, [c.mono, s.mono]);
    let size = c.coefficient.abs();
    let is_shared = (size - s.coefficient.abs()).abs() <= 1e-9 * size;
    let size = if is_shared { size } else { 1.0 };
    let cos = product(arena, c.coefficient / size, &own_c)?;
    let sin = product(arena, s.coefficient / size, &own_s)?;
    Some(((cos, sin), product(arena, size, &common)?))
}

/// What tables are made from: the model's tensors, and where they are needed.
pub(super) struct Workshop<'w, 'a> {
    pub tables: &'w Tables,
    pub maker: &'w mut Maker<'a>,
    /// The rotated tensor, and what it is computed from.
    pub y: (&'w Value, &'w Behind),
}

impl Workshop<'_, '_> {
    /// These tables of a rotation times the factors of its channels, as tables of `rotation`, which has both.
    pub(super) fn multiplied(
        &mut self,
        it: &mut Interpreter<'_>,
        rotation: &Rotation,
        (cos, sin): (TableMatch, TableMatch),
        factors: &[Vec<PolyId>],
    ) -> Option<(TableMatch, TableMatch)> {
        let factor = self.factor(it, &cos, rotation, factors)?;
        let cosines = wanted(rotation, |c| c.0);
        let sines = wanted(rotation, |c| c.1);
        let cos = self.product(it, &cos, &factor, &cosines)?;
        let sin = self.product(it, &sin, &factor, &sines)?;
        Some((cos, sin))
    }

    /// What a table is multiplied by: a tensor of its width, or a number.
    fn factor(
        &self,
        it: &mut Interpreter<'_>,
        table: &TableMatch,
        rotation: &Rotation,
        factors: &[Vec<PolyId>],
    ) -> Option<Factor> {
        let first = *factors.first()?.first()?;
        if let Some(number) = it.arena.as_constant(first) {
            let is_same = |&factor: &PolyId| factor == first;
            return factors
                .iter()
                .flatten()
                .all(is_same)
                .then_some(Factor::Number(number));
        }
        // Laid out as coefficients are: one a pair, or one a channel.
        let mut scales = rotation.clone();
        for (pairs, factors) in scales.pairs.iter_mut().zip(factors) {
            for (pair, &factor) in pairs.iter_mut().zip(factors) {
                (pair.first.0, pair.second.0) = (factor, factor);
            }
        }
        let scales = wanted(&scales, |c| c.0);
        let found = self.tables.candidates(it, &scales, self.y);
        let fits = |f: &TableMatch| f.width == table.width && f.dtype == table.dtype;
        found.into_iter().find(fits).map(Factor::Tensor)
    }

    fn product(
        &mut self,
        it: &mut Interpreter<'_>,
        table: &TableMatch,
        factor: &Factor,
        wanted: &Wanted,
    ) -> Option<TableMatch> {
        let (mut name, mut value) = self.laid(it, table)?;
        let mut sources = table.sources.clone();
        match factor {
            Factor::Number(number) => {
                let mut scaled = value.clone();
                let data = value.data.iter().map(|&p| it.arena.scale(p, *number));
                scaled.data = data.collect();
                let step = Step::Times(number.to_bits());
                name = self.maker.make(step, &[&name], &scaled);
                value = scaled;
            }
            Factor::Tensor(factor) => {
                let (other, by) = self.laid(it, factor)?;
                let product = arithmetic::product(it, &value, &by).ok()?;
                name = self.maker.make(Step::Product, &[&name, &other], &product);
                value = product;
                sources.extend(factor.sources.iter().copied());
            }
        }
        let fit = fits(&mut it.arena, &value, self.y.0, wanted)?;
        Some(TableMatch {
            input: TableInput {
                value: name,
                unsqueeze: fit.unsqueeze,
            },
            dtype: value.dtype,
            width: fit.width,
            rows: fit.rows,
            sources,
        })
    }

    /// A table as it broadcasts against the rotated tensor.
    fn laid(&mut self, it: &Interpreter<'_>, table: &TableMatch) -> Option<(String, Value)> {
        let TableInput { value, unsqueeze } = &table.input;
        let made = self.maker.values.get(value).cloned();
        let known = made.or_else(|| {
            let known = it.known(it.index().id(value)?)?;
            Some((**known).clone())
        })?;
        if unsqueeze.is_empty() {
            return Some((value.clone(), known));
        }
        let laid = with_unit_axes(&known, unsqueeze).ok()?;
        let axes = unsqueeze.iter().map(|&axis| axis as i64).collect();
        let name = self.maker.make(Step::Unsqueeze(axes), &[value], &laid);
        Some((name, laid))
    }
}

enum Factor {
    Number(f64),
    Tensor(TableMatch),
}
