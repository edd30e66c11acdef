//! The tools with which every family of position encodings is recognised.
//!
//! For proofs: [`order`] says which values exist before which, [`behind`] from which values a tensor is computed, and [`scale`]
//! whether numbers keep their size on the way. [`tables`] finds tensors of the graph that hold wanted coefficients, [`assemble`]
//! builds such tensors from parts, [`made`] names what is built, by a [`step`] each, and [`sized`] finds one along which places can be
//! counted.
//!
//! For near misses: [`flow`] follows tensors where the interpreter has stopped, [`lost`] finds the node where it did, [`formula`]
//! prints coefficients, and [`miss`] collects what a report says.

pub(super) mod assemble;
pub(super) mod behind;
pub(super) mod flow;
pub(super) mod formula;
mod gathered;
pub(super) mod lost;
pub(super) mod made;
pub(super) mod miss;
pub(super) mod order;
pub(super) mod scale;
pub(super) mod sized;
pub(super) mod step;
pub(super) mod tables;

use std::cell::RefCell;

use rustc_hash::FxHashSet;

use super::angles::AngleTables;
use crate::symbolic::Interpreter;
use made::Maker;
use order::Order;

/// What the families share while they look at one graph.
pub(super) struct Context<'a> {
    /// The order in which the graph's values exist.
    pub order: Order,
    /// The tables of angles found so far.
    pub angle_tables: RefCell<AngleTables>,
    /// The values that sites need and the graph does not hold, as made so far.
    pub maker: RefCell<Maker<'a>>,
}

impl<'a> Context<'a> {
    /// The context of an interpreted graph. No site may name its `hidden` values.
    pub(super) fn of(it: &Interpreter<'a>, hidden: &FxHashSet<String>) -> Context<'a> {
        Context {
            order: Order::of(it, hidden),
            angle_tables: RefCell::default(),
            maker: RefCell::new(Maker::new(it.file)),
        }
    }
}
