//! Replacing the channels of a root inside expressions: renaming a root, substituting a position, and opening a root whose
//! channels were told apart.

use smallvec::SmallVec;

use super::poly::{Arena, Atom, AtomId, Memo, PolyId, Stop, Term};
use super::root::RootId;

impl Arena {
    /// `p` with every channel of root `from` replaced by the same channel of root `to`.
    pub fn rename(&mut self, p: PolyId, from: RootId, to: RootId) -> Result<PolyId, Stop> {
        self.rewrite(p, from, Memo::Rename(p, from, to), &mut |arena, index| {
            Ok(arena.channel(to, index))
        })
    }

    /// `p` with the (only) channel of root `from` replaced by the polynomial `by`.
    pub fn substitute(&mut self, p: PolyId, from: RootId, by: PolyId) -> Result<PolyId, Stop> {
        self.rewrite(p, from, Memo::Substitute(p, from, by), &mut |_, _| Ok(by))
    }

    /// `p`, which stands at position `at` along an axis, with channel `at` of root `from` replaced by the one channel of
    /// `opened`.
    pub fn follow(
        &mut self,
        p: PolyId,
        from: RootId,
        at: u32,
        opened: RootId,
    ) -> Result<PolyId, Stop> {
        self.rewrite(p, from, Memo::Follow(p, from, at), &mut |arena, index| {
            if index != at {
                return Err(Stop::OtherPosition);
            }
            Ok(arena.channel(opened, 0))
        })
    }

    fn rewrite(
        &mut self,
        p: PolyId,
        from: RootId,
        key: Memo,
        replace: &mut dyn FnMut(&mut Arena, u32) -> Result<PolyId, Stop>,
    ) -> Result<PolyId, Stop> {
        if !self.roots_of(p).contains(&from) {
            return Ok(p);
        }
        if let Some(atom) = self.as_atom(p)
            && let Atom::Channel { index, .. } = *self.atom_of(atom)
        {
            return replace(self, index);
        }
        if let Some(&known) = self.memo.get(&key) {
            return known;
        }
        let result = self.rewrite_terms(p, from, key, replace);
        self.memo.insert(key, result);
        result
    }

    fn rewrite_terms(
        &mut self,
        p: PolyId,
        from: RootId,
        key: Memo,
        replace: &mut dyn FnMut(&mut Arena, u32) -> Result<PolyId, Stop>,
    ) -> Result<PolyId, Stop> {
        let mut sum = PolyId::ZERO;
        let mut terms: Vec<Term> = Vec::new();
        for term in self.terms(p).to_vec() {
            let mut atoms = SmallVec::<[AtomId; 4]>::new();
            let mut others = SmallVec::<[PolyId; 2]>::new();
            for atom in self.factors(term.mono) {
                let factor = match self.atom_of(atom).clone() {
                    Atom::Channel { root, index } if root == from => replace(self, index)?,
                    Atom::Channel { .. }
                    | Atom::Symbol(_)
                    | Atom::Integer(_)
                    | Atom::Coordinate { .. }
                    | Atom::Access { .. } => PolyId::of_atom(atom),
                    Atom::Apply { function, args } => {
                        let mut new = SmallVec::<[PolyId; 3]>::new();
                        for arg in args {
                            new.push(self.rewrite(arg, from, key.of(arg), replace)?);
                        }
                        self.apply(function, &new)
                    }
                };
                match self.as_atom(factor) {
                    Some(atom) => atoms.push(atom),
                    None => others.push(factor),
                }
            }
            atoms.sort_unstable();
            let product = Term {
                mono: self.mono(atoms),
                coefficient: term.coefficient,
            };
            if others.is_empty() {
                terms.push(product);
                continue;
            }
            let mut product = self.collect(vec![product])?;
            for factor in others {
                product = self.mul(product, factor)?;
            }
            sum = self.add(sum, product)?;
        }
        let rest = self.collect(terms)?;
        self.add(sum, rest)
    }
}

impl Memo {
    /// The key of the same rewrite applied to another polynomial.
    fn of(self, p: PolyId) -> Memo {
        match self {
            Memo::Rename(_, from, to) => Memo::Rename(p, from, to),
            Memo::Substitute(_, from, by) => Memo::Substitute(p, from, by),
            Memo::Follow(_, from, at) => Memo::Follow(p, from, at),
            Memo::Add(..) | Memo::Mul(..) => unreachable!("only rewrites recurse"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbolic::function::Function;

    #[test]
    fn substitution_reaches_into_functions() {
        let mut a = Arena::new();
        let iota = a.iota();
        let i = a.channel(iota, 0);
        let half = a.scale(i, 0.5);
        let c = a.apply(Function::Cos, &[half]);
        let p = a.symbol("p");
        let half_p = a.scale(p, 0.5);
        let expected = a.apply(Function::Cos, &[half_p]);
        assert_eq!(a.substitute(c, iota, p), Ok(expected));
    }
}
