//! What every family of position encodings is recognised with.
//!
//! [`order`] says which values exist before which, [`behind`] which ones a tensor is computed from, [`scale`] whether numbers keep their
//! size on the way. [`tables`] finds tensors of the graph that hold wanted coefficients, [`assemble`] puts them together from parts,
//! and [`made`] names what is put together. The rest is for near misses: [`flow`] follows tensors where abstract values give out,
//! [`lost`] finds where they did, [`formula`] writes coefficients down, and [`miss`] is what a report makes of it.

pub(super) mod assemble;
pub(super) mod behind;
pub(super) mod flow;
pub(super) mod formula;
pub(super) mod lost;
pub(super) mod made;
pub(super) mod miss;
pub(super) mod order;
pub(super) mod scale;
pub(super) mod tables;

use std::cell::RefCell;

use rustc_hash::FxHashSet;

use super::angles::Angles;
use crate::symbolic::Interpreter;
use made::Maker;
use order::Order;

/// What the families share while they look at one graph.
pub(super) struct Ground<'a> {
    /// The order in which its values exist.
    pub order: Order,
    /// The tables of angles found so far.
    pub angles: RefCell<Angles>,
    /// The values made so far.
    pub maker: RefCell<Maker<'a>>,
}

impl<'a> Ground<'a> {
    /// The ground of an interpreted graph, of whose values the `hidden` ones may not be named.
    pub(super) fn of(it: &Interpreter<'a>, hidden: &FxHashSet<String>) -> Ground<'a> {
        Ground {
            order: Order::of(it, hidden),
            angles: RefCell::default(),
            maker: RefCell::new(Maker::new(it.file)),
        }
    }
}
