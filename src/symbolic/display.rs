//! Symbolic expressions for people.

use super::poly::{Arena, Atom, MonoId, PolyId};

/// A shape as `[batch, 32, seq, 128]`.
pub fn shape(arena: &Arena, dims: &[PolyId]) -> String {
    let dims: Vec<String> = dims.iter().map(|&dim| poly(arena, dim)).collect();
    format!("[{}]", dims.join(", "))
}

/// A polynomial in the manner of `2*a*b + 1`; what has no short name is `?`.
pub fn poly(arena: &Arena, p: PolyId) -> String {
    written(arena, p, &|atom| self::atom(arena, atom))
}

/// A polynomial with its atoms as `atom` writes them.
pub(super) fn written(arena: &Arena, p: PolyId, atom: &dyn Fn(&Atom) -> String) -> String {
    let terms = arena.terms(p);
    if terms.is_empty() {
        return "0".into();
    }
    let mut text = String::new();
    for term in terms.iter() {
        if !text.is_empty() {
            text.push_str(if term.coefficient < 0.0 { " - " } else { " + " });
        } else if term.coefficient < 0.0 {
            text.push('-');
        }
        let size = term.coefficient.abs();
        if term.mono == MonoId::ONE {
            text.push_str(&size.to_string());
            continue;
        }
        if size != 1.0 {
            text.push_str(&format!("{size}*"));
        }
        let factors: Vec<String> = arena
            .factors(term.mono)
            .iter()
            .map(|&f| atom(arena.atom_of(f)))
            .collect();
        text.push_str(&factors.join("*"));
    }
    text
}

/// An element with the functions and the elements of other tensors that it is made of, called by their names.
pub fn element(arena: &Arena, p: PolyId, name: &dyn Fn(u32) -> String) -> String {
    let list = |parts: &[PolyId]| -> String {
        let parts: Vec<String> = parts
            .iter()
            .map(|&part| element(arena, part, name))
            .collect();
        parts.join(", ")
    };
    written(arena, p, &|atom| match atom {
        Atom::Apply { function, args } => format!("{}({})", function.name(), list(args)),
        Atom::Access { value, indices, .. } => format!("{}[{}]", name(*value), list(indices)),
        atom => self::atom(arena, atom),
    })
}

/// A size, or `?`.
pub(super) fn atom(arena: &Arena, atom: &Atom) -> String {
    match atom {
        Atom::Symbol(symbol) => match arena.symbol_name(*symbol) {
            name if name.starts_with('?') => "?".into(),
            name => name.to_owned(),
        },
        Atom::Integer(value) => value.to_string(),
        Atom::Coordinate { axis, .. } => format!("i{axis}"),
        Atom::Channel { .. } | Atom::Access { .. } | Atom::Apply { .. } => "?".into(),
    }
}
