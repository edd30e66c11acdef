//! Replacing the channels of a root inside expressions: renaming a root, and substituting a position.

use smallvec::SmallVec;

use super::poly::{Arena, Atom, Memo, PolyId, Stop};
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
        for term in self.terms(p).to_vec() {
            let mut product = self.constant(term.coefficient);
            for atom in self.factors(term.mono) {
                let factor = match self.atom_of(atom).clone() {
                    Atom::Channel { root, index } if root == from => replace(self, index)?,
                    Atom::Channel { .. } | Atom::Symbol(_) => PolyId::of_atom(atom),
                    Atom::Apply { function, args } => {
                        let mut new = SmallVec::<[PolyId; 3]>::new();
                        for arg in args {
                            new.push(self.rewrite(arg, from, key.of(arg), replace)?);
                        }
                        self.apply(function, &new)
                    }
                };
                product = self.mul(product, factor)?;
            }
            sum = self.add(sum, product)?;
        }
        Ok(sum)
    }
}

impl Memo {
    /// The key of the same rewrite applied to another polynomial.
    fn of(self, p: PolyId) -> Memo {
        match self {
            Memo::Rename(_, from, to) => Memo::Rename(p, from, to),
            Memo::Substitute(_, from, by) => Memo::Substitute(p, from, by),
            Memo::Add(..) | Memo::Mul(..) => unreachable!("only rewrites recurse"),
        }
    }
}
