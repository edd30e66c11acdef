//! Hash-consed polynomials: what one element of a tensor is, as an exact expression.
//!
//! An element is a polynomial with real coefficients over *atoms*. An atom is one channel of a root tensor, a symbolic
//! dimension, or a function of polynomials (`cos`, `where`, a row of a constant table ...). Equal expressions get equal
//! ids, so that equality is an integer comparison and every operation is computed once.
//!
//! Everything is exact over the reals; rounding and casts are not modelled. Sums and products are bounded.

use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::onnx::DataType;

use super::function::Function;
use super::ids::{RootId, TAG};
use super::range::{EXACT, Range};
use super::root::{Root, RootKind};
use super::sets::{SetId, Sets};

pub use super::ids::{AtomId, MonoId, PolyId};
pub use super::stop::Stop;
pub use super::term::{Term, Terms};

/// Bytes of a polynomial of a few terms with its place in the tables, and of a monomial and an atom.
const BYTES_OF_POLY: usize = 160;
const BYTES_OF_MONO: usize = 120;
const BYTES_OF_ATOM: usize = 120;
/// Bytes of a remembered operation with its place in the table.
const BYTES_OF_MEMO: usize = 32;

/// An indivisible factor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Atom {
    /// Element `index` of the enumerated axes of a root.
    Channel {
        /// The root tensor.
        root: RootId,
        /// Row-major position over the root's enumerated axes.
        index: u32,
    },
    /// A symbolic dimension, by its position in the symbol list.
    Symbol(u32),
    /// An integer that a coefficient would round.
    Integer(i64),
    /// The index of an element along an axis.
    Coordinate {
        /// Which axis.
        axis: u32,
        /// Its size.
        size: PolyId,
    },
    /// An element of a tensor of which nothing more is said.
    Access {
        /// The number of the value.
        value: u32,
        /// Its element type.
        dtype: DataType,
        /// The index along each axis.
        indices: SmallVec<[PolyId; 4]>,
    },
    /// A function of polynomials.
    Apply {
        /// The function.
        function: Function,
        /// Its arguments.
        args: SmallVec<[PolyId; 3]>,
    },
}

struct Poly {
    terms: Rc<[Term]>,
    roots: SetId,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Memo {
    Add(PolyId, PolyId),
    Mul(PolyId, PolyId),
    Rename(PolyId, RootId, RootId),
    Substitute(PolyId, RootId, PolyId),
    Follow(PolyId, RootId, u32),
}

/// All polynomials, atoms and roots of one analysis.
pub struct Arena {
    atoms: Vec<Atom>,
    atom_roots: Vec<SetId>,
    sets: Sets<RootId>,
    /// The coordinates on which atoms depend that are none of a root.
    atom_coordinates: FxHashMap<AtomId, SetId>,
    coordinate_sets: Sets<AtomId>,
    atom_ids: FxHashMap<Atom, AtomId>,
    /// The numbers that the functions among the atoms can be.
    ranges: FxHashMap<AtomId, Range>,
    monos: Vec<SmallVec<[AtomId; 4]>>,
    mono_ids: FxHashMap<SmallVec<[AtomId; 4]>, MonoId>,
    polys: Vec<Poly>,
    poly_ids: FxHashMap<Rc<[Term]>, PolyId>,
    pub(super) memo: FxHashMap<Memo, Result<PolyId, Stop>>,
    symbols: Vec<String>,
    symbol_ids: FxHashMap<String, u32>,
    /// Expressions that are sizes of tensors of a graph that runs, whatever their ranges would be.
    pub(super) sizes: FxHashSet<PolyId>,
    /// Sizes that tensors of a graph that runs have together, in order.
    pub(super) volumes: FxHashSet<SmallVec<[AtomId; 6]>>,
    pub(super) roots: Vec<Root>,
    pub(super) root_ids: FxHashMap<RootKind, RootId>,
}

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}

impl Arena {
    /// An empty arena.
    pub fn new() -> Self {
        let mut arena = Arena {
            atoms: Vec::new(),
            atom_roots: Vec::new(),
            sets: Sets::new(),
            atom_coordinates: FxHashMap::default(),
            coordinate_sets: Sets::new(),
            atom_ids: FxHashMap::default(),
            ranges: FxHashMap::default(),
            monos: Vec::new(),
            mono_ids: FxHashMap::default(),
            polys: Vec::new(),
            poly_ids: FxHashMap::default(),
            memo: FxHashMap::default(),
            symbols: Vec::new(),
            symbol_ids: FxHashMap::default(),
            sizes: FxHashSet::default(),
            volumes: FxHashSet::default(),
            roots: Vec::new(),
            root_ids: FxHashMap::default(),
        };
        let empty = arena.mono(SmallVec::new());
        debug_assert_eq!(empty, MonoId::ONE);
        let zero = arena.intern(Vec::new());
        debug_assert_eq!(zero, PolyId::ZERO);
        let one = arena.constant(1.0);
        debug_assert_eq!(one, PolyId::ONE);
        arena
    }

    /// How many expressions there are, and about how many bytes they take.
    pub(super) fn size(&self) -> (u64, u64) {
        let size = |count: usize, each: usize| (count * each) as u64;
        let polys = size(self.polys.len(), BYTES_OF_POLY);
        let monos = size(self.monos.len(), BYTES_OF_MONO);
        let atoms = size(self.atoms.len(), BYTES_OF_ATOM);
        let memo = size(self.memo.len(), BYTES_OF_MEMO);
        let made = self.polys.len() + self.memo.len() + self.atoms.len();
        (made as u64, polys + monos + atoms + memo)
    }

    /// The constant `value`.
    pub fn constant(&mut self, value: f64) -> PolyId {
        if value == 0.0 {
            return PolyId::ZERO;
        }
        self.intern(vec![Term {
            mono: MonoId::ONE,
            coefficient: value,
        }])
    }

    /// The constant `value` of an integer.
    pub fn integer(&mut self, value: i64) -> PolyId {
        // A larger one may be rounded to this bound.
        if value.unsigned_abs() as f64 >= EXACT {
            return PolyId::of_atom(self.atom(Atom::Integer(value)));
        }
        self.constant(value as f64)
    }

    /// The symbolic dimension called `name`.
    pub fn symbol(&mut self, name: &str) -> PolyId {
        let id = match self.symbol_ids.get(name) {
            Some(&id) => id,
            None => {
                let id = self.symbols.len() as u32;
                self.symbols.push(name.to_owned());
                self.symbol_ids.insert(name.to_owned(), id);
                id
            }
        };
        let atom = self.atom(Atom::Symbol(id));
        PolyId::of_atom(atom)
    }

    /// The name of a symbol.
    pub fn symbol_name(&self, symbol: u32) -> &str {
        &self.symbols[symbol as usize]
    }

    /// `function(args)`, computed where all arguments are constants.
    pub fn apply(&mut self, function: Function, args: &[PolyId]) -> PolyId {
        let constants: Option<SmallVec<[f64; 3]>> =
            args.iter().map(|&p| self.as_constant(p)).collect();
        if let Some(value) = constants.and_then(|c| function.eval(&c)) {
            return self.constant(value);
        }
        let atom = self.atom(Atom::Apply {
            function,
            args: args.into(),
        });
        PolyId::of_atom(atom)
    }

    /// The value of a constant polynomial.
    pub fn as_constant(&self, p: PolyId) -> Option<f64> {
        match &*self.terms(p) {
            [] => Some(0.0),
            [term] if term.mono == MonoId::ONE => Some(term.coefficient),
            _ => None,
        }
    }

    /// The term without factors.
    pub fn constant_term(&self, p: PolyId) -> f64 {
        let terms = self.terms(p);
        let constant = terms.iter().find(|term| term.mono == MonoId::ONE);
        constant.map_or(0.0, |term| term.coefficient)
    }

    /// The value of a constant polynomial that is an integer.
    pub fn as_integer(&self, p: PolyId) -> Option<i64> {
        if let Some(Atom::Integer(value)) = self.as_atom(p).map(|atom| self.atom_of(atom)) {
            return Some(*value);
        }
        self.as_constant(p)
            .filter(|v| v.fract() == 0.0)
            .map(|v| v as i64)
    }

    /// The atom of a polynomial that is one atom with coefficient 1.
    pub fn as_atom(&self, p: PolyId) -> Option<AtomId> {
        p.atom()
    }

    /// The terms of a polynomial.
    pub fn terms(&self, p: PolyId) -> Terms<'_> {
        match p.atom() {
            Some(atom) => Terms::One([Term {
                mono: MonoId(atom.0),
                coefficient: 1.0,
            }]),
            None => Terms::Many(&self.polys[p.0 as usize].terms),
        }
    }

    /// The atoms of a monomial, ascending, repeated for powers; none for the empty product.
    pub fn factors(&self, mono: MonoId) -> SmallVec<[AtomId; 4]> {
        if mono.0 & TAG == 0 {
            SmallVec::from_slice(&[AtomId(mono.0)])
        } else {
            self.monos[(mono.0 & !TAG) as usize].clone()
        }
    }

    /// The definition of an atom.
    pub fn atom_of(&self, atom: AtomId) -> &Atom {
        &self.atoms[atom.0 as usize]
    }

    /// The roots a polynomial depends on, ascending.
    pub fn roots_of(&self, p: PolyId) -> &[RootId] {
        self.sets.members(self.root_set(p))
    }

    /// The coordinates that a polynomial depends on, ascending.
    pub fn coordinates_of(&mut self, p: PolyId) -> &[AtomId] {
        let set = self.coordinate_set(p);
        self.coordinate_sets.members(set)
    }

    /// Whether a polynomial depends on a coordinate.
    pub fn depends_on(&mut self, p: PolyId, coordinate: AtomId) -> bool {
        self.coordinates_of(p).contains(&coordinate)
    }

    pub(super) fn coordinate_members(&self, set: SetId) -> &[AtomId] {
        self.coordinate_sets.members(set)
    }

    pub(super) fn coordinate_set(&mut self, p: PolyId) -> SetId {
        let terms = self.terms(p).to_vec();
        terms.iter().fold(SetId::EMPTY, |set, term| {
            self.factors(term.mono).iter().fold(set, |set, atom| {
                let of_atom = self.atom_coordinates.get(atom).copied();
                self.coordinate_sets
                    .union(set, of_atom.unwrap_or(SetId::EMPTY))
            })
        })
    }

    /// The coordinate along axis `axis`, of this size.
    pub fn coordinate(&mut self, axis: u32, size: PolyId) -> PolyId {
        PolyId::of_atom(self.atom(Atom::Coordinate { axis, size }))
    }

    /// The element at these indices of the value of this number.
    pub fn access(&mut self, value: u32, dtype: DataType, indices: &[PolyId]) -> PolyId {
        PolyId::of_atom(self.atom(Atom::Access {
            value,
            dtype,
            indices: indices.into(),
        }))
    }

    /// Those roots as a number that is equal for equal sets.
    pub(super) fn root_set(&self, p: PolyId) -> SetId {
        match p.atom() {
            Some(atom) => self.atom_roots[atom.0 as usize],
            None => self.polys[p.0 as usize].roots,
        }
    }

    pub(super) fn applied_range(&self, atom: AtomId) -> Range {
        self.ranges.get(&atom).copied().unwrap_or(Range::ANY)
    }

    pub(super) fn push_channels(&mut self, root: RootId, count: u32) -> u32 {
        let first = self.atoms.len() as u32;
        self.atoms
            .extend((0..count).map(|index| Atom::Channel { root, index }));
        let alone = self.sets.of(root);
        self.atom_roots.resize(self.atoms.len(), alone);
        first
    }

    fn atom(&mut self, atom: Atom) -> AtomId {
        if let Some(&id) = self.atom_ids.get(&atom) {
            return id;
        }
        let roots = match &atom {
            Atom::Channel { root, .. } => self.sets.of(*root),
            Atom::Symbol(_) | Atom::Integer(_) | Atom::Coordinate { .. } | Atom::Access { .. } => {
                SetId::EMPTY
            }
            Atom::Apply { args, .. } => args.iter().fold(SetId::EMPTY, |roots, &arg| {
                let of_arg = self.root_set(arg);
                self.sets.union(roots, of_arg)
            }),
        };
        let id = AtomId(self.atoms.len() as u32);
        let coordinates = match &atom {
            Atom::Coordinate { .. } => self.coordinate_sets.of(id),
            Atom::Access { indices: parts, .. } => self.coordinates_in(parts),
            Atom::Apply { args: parts, .. } => self.coordinates_in(parts),
            Atom::Channel { .. } | Atom::Symbol(_) | Atom::Integer(_) => SetId::EMPTY,
        };
        if coordinates != SetId::EMPTY {
            self.atom_coordinates.insert(id, coordinates);
        }
        if let Atom::Apply { function, args } = &atom {
            let args: SmallVec<[Range; 3]> = args.iter().map(|&arg| self.range(arg)).collect();
            self.ranges.insert(id, function.range(&args));
        }
        self.atoms.push(atom.clone());
        self.atom_roots.push(roots);
        self.atom_ids.insert(atom, id);
        id
    }

    /// The coordinates that any of these depend on.
    pub(super) fn coordinates_in(&mut self, parts: &[PolyId]) -> SetId {
        parts.iter().fold(SetId::EMPTY, |set, &part| {
            let of_part = self.coordinate_set(part);
            self.coordinate_sets.union(set, of_part)
        })
    }

    pub(super) fn mono(&mut self, factors: SmallVec<[AtomId; 4]>) -> MonoId {
        if let [atom] = factors[..] {
            return MonoId(atom.0);
        }
        if let Some(&id) = self.mono_ids.get(&factors) {
            return id;
        }
        let id = MonoId(self.monos.len() as u32 | TAG);
        self.monos.push(factors.clone());
        self.mono_ids.insert(factors, id);
        id
    }

    /// The polynomial of these terms, of different monomials in order, none of them 0.
    pub(super) fn intern(&mut self, terms: Vec<Term>) -> PolyId {
        if let [
            Term {
                mono,
                coefficient: 1.0,
            },
        ] = terms[..]
            && mono.0 & TAG == 0
        {
            return PolyId::of_atom(AtomId(mono.0));
        }
        if let Some(&id) = self.poly_ids.get(&terms[..]) {
            return id;
        }
        let mut roots = SetId::EMPTY;
        for term in &terms {
            for atom in self.factors(term.mono) {
                roots = self.sets.union(roots, self.atom_roots[atom.0 as usize]);
            }
        }
        let id = PolyId(self.polys.len() as u32);
        let terms: Rc<[Term]> = terms.into();
        self.polys.push(Poly {
            terms: terms.clone(),
            roots,
        });
        self.poly_ids.insert(terms, id);
        id
    }
}
