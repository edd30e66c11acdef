//! How sizes compare, and what axes of two sizes broadcast to, for all sizes with which a graph runs.

use super::function::Function;
use super::poly::{Arena, Atom, PolyId};

impl Arena {
    /// The smaller of two integers.
    pub fn least(&mut self, a: PolyId, b: PolyId) -> PolyId {
        match self.order(a, b) {
            Some(std::cmp::Ordering::Greater) => b,
            Some(_) => a,
            None => self.sorted(Function::Min, a, b),
        }
    }

    /// The larger of two integers.
    pub fn greatest(&mut self, a: PolyId, b: PolyId) -> PolyId {
        match self.order(a, b) {
            Some(std::cmp::Ordering::Less) => b,
            Some(_) => a,
            None => self.sorted(Function::Max, a, b),
        }
    }

    /// The size that axes of sizes `a` and `b` broadcast to, in a graph that runs.
    pub fn broadcast_size(&mut self, a: PolyId, b: PolyId) -> PolyId {
        if a == b || b == PolyId::ONE {
            return a;
        }
        if a == PolyId::ONE {
            return b;
        }
        for p in [a, b] {
            if self.as_integer(p).is_some() {
                return p;
            }
        }
        // What is never 1 is not stretched.
        for p in [a, b] {
            if self.range(p).low >= 2.0 {
                return p;
            }
        }
        // Sizes that are 1 together are equal wherever the graph runs.
        let unit = self.unit_form(a);
        if unit == self.unit_form(b) {
            return unit;
        }
        // One element of an axis, or none where the axis has none.
        for (part, whole) in [(a, b), (b, a)] {
            if self.is_first_of(part, whole) {
                return whole;
            }
        }
        self.sorted(Function::Broadcast, a, b)
    }

    /// Whether a size is the smaller one of 1 and another.
    fn is_first_of(&self, part: PolyId, whole: PolyId) -> bool {
        let atom = self.as_atom(part).map(|atom| self.atom_of(atom));
        matches!(atom, Some(Atom::Apply { function: Function::Min, args })
            if args.contains(&PolyId::ONE) && args.contains(&whole))
    }

    /// Whether an axis of size `own` may be 1 where it is broadcast to one of size `whole` that is not.
    pub fn may_stretch(&self, own: PolyId, whole: PolyId) -> bool {
        own != whole
            && own != PolyId::ONE
            && self.range(own).low < 2.0
            && self.unit_form(own) != self.unit_form(whole)
    }

    /// Whether an axis of size `part` broadcasts to one of size `whole`, whatever the sizes are with which a graph runs that does not
    /// itself broadcast the two.
    pub fn lies_along(&self, part: PolyId, whole: PolyId) -> bool {
        let atom = self.as_atom(whole).map(|atom| self.atom_of(atom));
        part == PolyId::ONE
            || self.unit_form(part) == self.unit_form(whole)
            || match atom {
                Some(Atom::Apply {
                    function: Function::Broadcast,
                    args,
                }) => args.iter().any(|&arg| self.lies_along(part, arg)),
                _ => false,
            }
    }

    /// How `a` and `b` compare in all cases: `Less` and `Greater` include equality in some.
    pub(super) fn order(&mut self, a: PolyId, b: PolyId) -> Option<std::cmp::Ordering> {
        if a == b {
            return Some(std::cmp::Ordering::Equal);
        }
        let difference = self.sub(a, b).ok()?;
        let range = self.range(difference);
        if range.low >= 0.0 {
            Some(std::cmp::Ordering::Greater)
        } else if range.high <= 0.0 {
            Some(std::cmp::Ordering::Less)
        } else {
            None
        }
    }

    /// A size that is 1 where this one is, and nowhere else.
    fn unit_form(&self, p: PolyId) -> PolyId {
        let mut unit = p;
        while let Some(Atom::Apply {
            function: Function::Min,
            args,
        }) = self.as_atom(unit).map(|atom| self.atom_of(atom))
        {
            let mut rest = args.iter().filter(|&&arg| self.range(arg).low < 2.0);
            match (rest.next(), rest.next()) {
                (Some(&only), None) => unit = only,
                _ => break,
            }
        }
        unit
    }

    /// An associative function that does not mind the order of its arguments, nor an argument that is given twice.
    fn sorted(&mut self, function: Function, a: PolyId, b: PolyId) -> PolyId {
        let within = |arena: &Arena, whole: PolyId, part: PolyId| {
            let atom = arena.as_atom(whole).map(|atom| arena.atom_of(atom));
            matches!(atom, Some(Atom::Apply { function: f, args }) if *f == function && args.contains(&part))
        };
        if within(self, a, b) {
            return a;
        }
        if within(self, b, a) {
            return b;
        }
        self.apply(function, &[a.min(b), a.max(b)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_integers_that_f64_rounds_together_do_not_compare() {
        let mut arena = Arena::new();
        let a = arena.integer((1 << 53) + 1);
        let b = arena.integer((1 << 53) + 2);
        assert_ne!(a, b);
        assert_eq!(arena.order(a, b), None);
        let size = arena.symbol("a");
        assert_eq!(arena.order(size, a), Some(std::cmp::Ordering::Less));
    }

    #[test]
    fn sizes_that_are_one_together_broadcast_to_either() {
        let mut arena = Arena::new();
        let s = ["a", "b"].map(|name| arena.symbol(name));
        let rows = arena.integer(300);
        let clamped = arena.least(s[0], rows);
        assert_ne!(clamped, s[0]);
        assert_eq!(arena.broadcast_size(clamped, s[0]), s[0]);
        let joined = arena.broadcast_size(s[0], s[1]);
        assert_ne!(joined, s[0]);
        assert_eq!(arena.broadcast_size(s[1], s[0]), joined);
        assert_eq!(arena.broadcast_size(joined, s[0]), joined);
        assert_eq!(arena.broadcast_size(rows, s[0]), rows);
    }

    #[test]
    fn one_element_of_an_axis_broadcasts_to_it() {
        let mut arena = Arena::new();
        let [a, b] = ["a", "b"].map(|name| arena.symbol(name));
        let last = arena.least(a, PolyId::ONE);
        assert_ne!(last, PolyId::ONE);
        assert_eq!(arena.broadcast_size(last, a), a);
        assert_eq!(arena.broadcast_size(a, last), a);
        assert_ne!(arena.broadcast_size(last, b), b);
    }
}
