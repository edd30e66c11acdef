//! From a column of elements to one expression in the position: anti-unification against iota, and against vectors whose
//! elements were told apart.

use smallvec::SmallVec;

use super::function::Function;
use super::poly::{Arena, Atom, PolyId, Stop};
use super::root::RootId;
use super::table::{Column, Tables};

/// A polynomial `p(iota)` with `p(k) = column[k]`.
///
/// Constants become an affine function or a table of iota; polynomials of one form, which differ in coefficients or inside
/// one function, are generalised part by part. Anything else stops.
pub fn along_iota(
    arena: &mut Arena,
    tables: &mut Tables,
    column: &[PolyId],
) -> Result<PolyId, Stop> {
    let first = *column.first().ok_or(Stop::EmptyAxis)?;
    if column.iter().all(|&p| p == first) {
        return Ok(first);
    }
    if let Some(numbers) = column
        .iter()
        .map(|&p| arena.as_constant(p))
        .collect::<Option<Vec<f64>>>()
    {
        return numbers_along_iota(arena, tables, &numbers);
    }
    match same_monomials(arena, tables, column)? {
        Some(p) => Ok(p),
        None => same_function(arena, tables, column),
    }
}

/// Opens the roots that have a channel for each position of the column, where the element at every position speaks of the
/// channel of that position and of no other. Roots that are `laid` along other axes stay. Adds the opened ones to `opened`.
pub fn open_roots(
    arena: &mut Arena,
    column: &mut Vec<PolyId>,
    laid: &dyn Fn(RootId) -> bool,
    opened: &mut SmallVec<[RootId; 1]>,
) {
    let first = column.first().copied().unwrap_or(PolyId::ZERO);
    if column.iter().all(|&p| p == first) {
        return;
    }
    for root in arena.roots_of(first).to_vec() {
        let channels = arena.root_of(root).channels as usize;
        if arena.is_iota(root) || channels != column.len() || laid(root) {
            continue;
        }
        let open = arena.open(root);
        let followed = (0..)
            .zip(&*column)
            .map(|(at, &p)| arena.follow(p, root, at, open));
        if let Ok(followed) = followed.collect() {
            *column = followed;
            if !opened.contains(&open) {
                opened.push(open);
            }
        }
    }
}

fn numbers_along_iota(
    arena: &mut Arena,
    tables: &mut Tables,
    numbers: &[f64],
) -> Result<PolyId, Stop> {
    let iota = arena.iota();
    let position = arena.channel(iota, 0);
    let column = tables.numbers(numbers);
    column_at(arena, column, position)
}

/// The element of a table column in row `row`.
pub fn column_at(arena: &mut Arena, column: Column, row: PolyId) -> Result<PolyId, Stop> {
    match column {
        Column::Constant(value) => Ok(arena.constant(value)),
        Column::Affine { start, step } => {
            let slope = arena.scale(row, step);
            let start = arena.constant(start);
            arena.add(slope, start)
        }
        Column::Table(table, sign) => {
            let element = arena.apply(Function::Table(table), &[row]);
            Ok(arena.scale(element, sign))
        }
    }
}

/// Columns whose elements are sums over the same monomials, with coefficients that vary; a constant term may be absent.
fn same_monomials(
    arena: &mut Arena,
    tables: &mut Tables,
    column: &[PolyId],
) -> Result<Option<PolyId>, Stop> {
    let mut monos = SmallVec::<[_; 8]>::new();
    let longest = column
        .iter()
        .map(|&p| arena.terms(p).len())
        .max()
        .unwrap_or(0);
    for &p in column {
        for term in arena.terms(p).iter() {
            if !monos.contains(&term.mono) {
                monos.push(term.mono);
            }
        }
        if monos.len() > longest + 1 {
            return Ok(None);
        }
    }
    let mut sum = PolyId::ZERO;
    for mono in monos {
        let coefficients: Vec<f64> = column
            .iter()
            .map(|&p| {
                arena
                    .terms(p)
                    .iter()
                    .find(|t| t.mono == mono)
                    .map_or(0.0, |t| t.coefficient)
            })
            .collect();
        let mut product = numbers_along_iota(arena, tables, &coefficients)?;
        for atom in arena.factors(mono) {
            product = arena.mul(product, PolyId::of_atom(atom))?;
        }
        sum = arena.add(sum, product)?;
    }
    Ok(Some(sum))
}

/// Columns whose elements are one function each, with arguments that vary.
fn same_function(
    arena: &mut Arena,
    tables: &mut Tables,
    column: &[PolyId],
) -> Result<PolyId, Stop> {
    let mut function = None;
    let mut arguments: Vec<Vec<PolyId>> = Vec::new();
    for &p in column {
        let atom = arena.as_atom(p).ok_or(Stop::NoRule)?;
        let Atom::Apply { function: f, args } = arena.atom_of(atom) else {
            return Err(Stop::NoRule);
        };
        if *function.get_or_insert(*f) != *f {
            return Err(Stop::NoRule);
        }
        arguments.resize(args.len(), Vec::new());
        for (list, &arg) in arguments.iter_mut().zip(args) {
            list.push(arg);
        }
    }
    let mut args = SmallVec::<[PolyId; 3]>::new();
    for list in &arguments {
        args.push(along_iota(arena, tables, list)?);
    }
    Ok(arena.apply(function.ok_or(Stop::NoRule)?, &args))
}
