//! What is not linear in the channels of any root starts a new root: nothing that follows can be a rotation of its parts, and it may
//! be rotated itself.

use smallvec::SmallVec;

use crate::symbolic::function::Function;
use crate::symbolic::interpreter::Interpreter;
use crate::symbolic::poly::{Atom, PolyId, Stop};
use crate::symbolic::root::RootId;
use crate::symbolic::value::Value;

/// The result of a product, a choice or a function, unless an element is a function of channels, or a product of two of one root.
///
/// Cosines and sines are kept, as positions may be floats with channels of their own, and so are reciprocals: a quotient is linear in
/// its numerator. Roots of a single channel, such as the factor of a norm, scale all channels alike.
pub(super) fn linear(it: &Interpreter<'_>, value: Value) -> Result<Value, Stop> {
    if !value.dtype.is_float() {
        return Ok(value);
    }
    match value.data.iter().any(|&p| is_bent(it, p)) {
        true => Err(Stop::NotLinear),
        false => Ok(value),
    }
}

fn is_bent(it: &Interpreter<'_>, p: PolyId) -> bool {
    let arena = &it.arena;
    let has_channels = |root: &RootId| {
        let root = arena.root_of(*root);
        root.is_activation() && root.channels > 1
    };
    if !arena.roots_of(p).iter().any(has_channels) {
        return false;
    }
    arena.terms(p).iter().any(|term| {
        let mut seen = SmallVec::<[RootId; 4]>::new();
        arena
            .factors(term.mono)
            .into_iter()
            .any(|factor| match arena.atom_of(factor) {
                Atom::Channel { root, .. } if has_channels(root) => {
                    let twice = seen.contains(root);
                    seen.push(*root);
                    twice
                }
                Atom::Apply {
                    function: Function::Cos | Function::Sin | Function::Reciprocal,
                    ..
                } => false,
                Atom::Apply { args, .. } => {
                    let mut roots = args.iter().flat_map(|&arg| arena.roots_of(arg));
                    roots.any(has_channels)
                }
                _ => false,
            })
    })
}

/// A sum of activations whose terms share no root (a bias, a residual connection) starts a new root: nothing that
/// follows can be linear in one of its parts.
pub(super) fn homogeneous(it: &Interpreter<'_>, value: Value) -> Result<Value, Stop> {
    if !value.dtype.is_float() {
        return Ok(value);
    }
    let arena = &it.arena;
    let mut last = None;
    for &p in value.data.iter() {
        if last == Some(p) {
            continue;
        }
        last = Some(p);
        let mut shared: Option<SmallVec<[_; 4]>> = None;
        let mut any = false;
        for term in arena.terms(p).iter() {
            let mut roots = SmallVec::<[_; 4]>::new();
            for factor in arena.factors(term.mono) {
                if let Atom::Channel { root, .. } = arena.atom_of(factor)
                    && arena.root_of(*root).is_activation()
                {
                    roots.push(*root);
                }
            }
            any |= !roots.is_empty();
            shared = Some(match shared {
                None => roots,
                Some(kept) => kept.into_iter().filter(|r| roots.contains(r)).collect(),
            });
        }
        if any && shared.is_some_and(|s| s.is_empty()) {
            return Err(Stop::UnrelatedSum);
        }
    }
    Ok(value)
}
