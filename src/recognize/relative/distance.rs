//! Reads an index as a function of the distance between a query and a key.
//!
//! The index is an expression in the coordinates of the query and of the key. It depends on their distance alone if some integer sum
//! in it, each term of which speaks of one of the two, can be replaced by one number wherever it occurs, and neither coordinate is
//! left.

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::onnx::DataType;
use crate::symbolic::Operation;
use crate::symbolic::element::evaluate;
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, AtomId, MonoId, PolyId, Term};

/// Most sums that are tried as the distance in one index.
const MAX_CANDIDATES: usize = 16;

/// The number of no value: stands for the distance.
const DISTANCE: u32 = u32::MAX;

/// An index that depends on a distance alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Distance {
    /// The distance: the terms that speak of the key, less those that speak of the query.
    pub of: PolyId,
    /// The index, in terms of [`distance`].
    pub index: PolyId,
}

/// What stands for the distance in an index.
pub(super) fn distance(arena: &mut Arena) -> PolyId {
    arena.access(DISTANCE, DataType::I64, &[])
}

/// Whether an atom stands for the distance.
pub(super) fn is_distance(atom: &Atom) -> bool {
    matches!(atom, Atom::Access { value, .. } if *value == DISTANCE)
}

/// Whether an index is the place of an element in a tensor whose axes are merged: coordinates times sizes.
pub(super) fn is_place(arena: &mut Arena, index: PolyId) -> bool {
    let mut signs = SmallVec::<[f64; 2]>::new();
    for term in arena.terms(index).to_vec() {
        let factors = arena.factors(term.mono);
        let is_coordinate =
            |arena: &Arena, f: AtomId| matches!(arena.atom_of(f), Atom::Coordinate { .. });
        match factors[..] {
            [only] if is_coordinate(arena, only) => signs.push(term.coefficient),
            [only] if arena.coordinates_of(PolyId::of_atom(only)).is_empty() => {}
            [] => {}
            _ if factors.iter().any(|&f| is_coordinate(arena, f)) => return true,
            _ => return false,
        }
    }
    matches!(signs[..], [a, b] if a != -b)
}

/// Whether the distance occurs in an expression.
pub(super) fn occurs(arena: &Arena, p: PolyId) -> bool {
    evaluate::parts(arena, p).is_none_or(|parts| {
        let mut atoms = parts.iter().flat_map(|&part| evaluate::atoms(arena, part));
        atoms.any(|atom| is_distance(arena.atom_of(atom)))
    })
}

/// Whether a distance has a term that does not speak of the key.
pub(super) fn is_from_a_query(arena: &mut Arena, of: PolyId, key: AtomId) -> bool {
    let terms = arena.terms(of).to_vec();
    terms.into_iter().any(|term| {
        let one = arena.sum_of(vec![term]);
        !arena.depends_on(one, key)
    })
}

/// Every way to read `index` as a function of a distance between these coordinates; of `query` there is none where there is only one
/// query. The ways in which more belongs to the distance come first.
pub(super) fn readings(
    arena: &mut Arena,
    index: PolyId,
    query: Option<AtomId>,
    key: AtomId,
) -> Vec<Distance> {
    let Some(parts) = evaluate::parts(arena, index) else {
        return Vec::new();
    };
    let mut candidates: Vec<PolyId> = Vec::new();
    for &part in &parts {
        for with_sizes in [true, false] {
            let Some(of) = varying(arena, part, with_sizes) else {
                continue;
            };
            let of = counted_up(arena, of, key);
            // Where all terms are multiples of one number, positions may be those before that.
            for of in [Some(of), primitive(arena, of)].into_iter().flatten() {
                if !candidates.contains(&of) && is_sum_of_sides(arena, of, query, key) {
                    candidates.push(of);
                }
            }
        }
    }
    candidates.truncate(MAX_CANDIDATES);
    candidates.sort_by_key(|&of| std::cmp::Reverse(arena.terms(of).len()));
    let mut found = Vec::new();
    for of in candidates {
        if let Some(index) = replaced(arena, &parts, index, of, query, key) {
            found.push(Distance { of, index });
        }
    }
    found
}

/// The terms of a sum that are no numbers; without `with_sizes` only those that depend on coordinates.
fn varying(arena: &mut Arena, p: PolyId, with_sizes: bool) -> Option<PolyId> {
    let mut terms: Vec<Term> = Vec::new();
    for term in arena.terms(p).to_vec() {
        let factors = arena.factors(term.mono);
        let varies = factors
            .iter()
            .any(|&f| !arena.coordinates_of(PolyId::of_atom(f)).is_empty());
        if varies || with_sizes && term.mono != MonoId::ONE {
            terms.push(term);
        }
    }
    (!terms.is_empty()).then(|| arena.sum_of(terms))
}

/// A sum with the sign with which the first term of the key is positive.
fn counted_up(arena: &mut Arena, of: PolyId, key: AtomId) -> PolyId {
    for term in arena.terms(of).to_vec() {
        let one = arena.sum_of(vec![term]);
        if arena.depends_on(one, key) {
            return arena.scale(of, term.coefficient.signum());
        }
    }
    of
}

/// A sum of multiples of one number, divided by it.
fn primitive(arena: &mut Arena, of: PolyId) -> Option<PolyId> {
    let coefficients = arena.terms(of).to_vec().into_iter();
    let coefficients = coefficients.map(|term| term.coefficient.abs());
    let common = coefficients.reduce(|a, b| {
        let (mut a, mut b) = (a, b);
        while b > 0.0 {
            (a, b) = (b, a % b);
        }
        a
    })?;
    let is_whole = common.fract() == 0.0 && common > 1.0;
    is_whole.then(|| arena.scale(of, 1.0 / common))
}

/// Why there is no distance, if that is because one may not fit its integer type: positions are any numbers, and their difference
/// then wraps in the graph.
pub(super) fn overflow(
    arena: &mut Arena,
    index: PolyId,
    query: Option<AtomId>,
    key: AtomId,
) -> Option<String> {
    for part in evaluate::parts(arena, index)? {
        let atom = arena.as_atom(part).map(|atom| arena.atom_of(atom).clone());
        let Some(Atom::Apply { function, args }) = atom else {
            continue;
        };
        let exact = match (function, &args[..]) {
            (Function::Typed(Operation::Add, _), &[a, b]) => arena.add(a, b),
            (Function::Typed(Operation::Sub, _), &[a, b]) => arena.sub(a, b),
            _ => continue,
        };
        let (Function::Typed(_, dtype), Ok(exact)) = (function, exact) else {
            continue;
        };
        if dtype.is_integer() && is_sum_of_sides(arena, exact, query, key) {
            return Some(format!(
                "the distance may not fit {dtype}: nothing bounds the positions"
            ));
        }
    }
    None
}

/// Whether a sum is of integers, each term speaks of the query or of the key and not of both, and both occur.
pub(super) fn is_sum_of_sides(
    arena: &mut Arena,
    of: PolyId,
    query: Option<AtomId>,
    key: AtomId,
) -> bool {
    if !arena.range(of).whole {
        return false;
    }
    let mut sides = [false; 2];
    for term in arena.terms(of).to_vec() {
        let factors = arena.factors(term.mono);
        let speaks = |arena: &mut Arena, of: AtomId| {
            factors
                .iter()
                .any(|&f| arena.depends_on(PolyId::of_atom(f), of))
        };
        let of_query = query.is_some_and(|query| speaks(arena, query));
        let of_key = speaks(arena, key);
        if of_query && of_key {
            return false;
        }
        sides[0] |= of_query;
        sides[1] |= of_key;
    }
    sides == [query.is_some(), true]
}

/// The index with `of` replaced wherever it occurs; `None` if something of the query or the key is left.
fn replaced(
    arena: &mut Arena,
    parts: &[PolyId],
    index: PolyId,
    of: PolyId,
    query: Option<AtomId>,
    key: AtomId,
) -> Option<PolyId> {
    let varies = |arena: &mut Arena, p: PolyId| {
        arena.depends_on(p, key) || query.is_some_and(|query| arena.depends_on(p, query))
    };
    let lead = *arena
        .terms(of)
        .iter()
        .find(|term| term.mono != MonoId::ONE)?;
    let mut done: FxHashMap<PolyId, PolyId> = FxHashMap::default();
    let mut failed: FxHashSet<PolyId> = FxHashSet::default();
    for &part in parts {
        if !varies(arena, part) {
            done.insert(part, part);
            continue;
        }
        let own = arena
            .terms(part)
            .iter()
            .find(|t| t.mono == lead.mono)
            .copied();
        if let Some(own) = own {
            let factor = own.coefficient / lead.coefficient;
            let scaled = arena.scale(of, factor);
            let rest = arena.sub(part, scaled).ok()?;
            if factor.fract() == 0.0 && !varies(arena, rest) {
                let d = distance(arena);
                let d = arena.scale(d, factor);
                let whole = arena.add(d, rest).ok()?;
                done.insert(part, whole);
                continue;
            }
        }
        match rebuilt(arena, part, &done, &failed) {
            Some(new) => done.insert(part, new),
            None => {
                failed.insert(part);
                continue;
            }
        };
    }
    done.get(&index).copied()
}

/// A sum of products with the arguments of its functions replaced; `None` if a coordinate is left.
fn rebuilt(
    arena: &mut Arena,
    p: PolyId,
    done: &FxHashMap<PolyId, PolyId>,
    failed: &FxHashSet<PolyId>,
) -> Option<PolyId> {
    let mut sum = PolyId::ZERO;
    for term in arena.terms(p).to_vec() {
        let mut product = arena.constant(term.coefficient);
        for factor in arena.factors(term.mono) {
            let new = |parts: &[PolyId]| -> Option<SmallVec<[PolyId; 4]>> {
                let is_known = |part: &PolyId| !failed.contains(part);
                let known = parts.iter().filter(|part| is_known(part));
                let known: SmallVec<[PolyId; 4]> =
                    known.filter_map(|part| done.get(part).copied()).collect();
                (known.len() == parts.len()).then_some(known)
            };
            let factor = match arena.atom_of(factor).clone() {
                Atom::Coordinate { .. } => return None,
                Atom::Apply { function, args } => {
                    let args = new(&args)?;
                    arena.apply(function, &args)
                }
                Atom::Access {
                    value,
                    dtype,
                    indices,
                } => {
                    let indices = new(&indices)?;
                    arena.access(value, dtype, &indices)
                }
                Atom::Channel { .. } | Atom::Symbol(_) | Atom::Integer(_) => {
                    PolyId::of_atom(factor)
                }
            };
            product = arena.mul(product, factor).ok()?;
        }
        sum = arena.add(sum, product).ok()?;
    }
    Some(sum)
}
