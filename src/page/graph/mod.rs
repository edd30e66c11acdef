//! Parts of graphs as drawings: which nodes ([`trace`]), what is written on them ([`picture`]), where they lie ([`layout`]), and the SVG.
//!
//! Every step is bounded: a drawing has a few dozen boxes, however large the model is.

mod layout;
mod picture;
mod svg;
mod trace;
mod web;
mod words;

pub(super) use picture::{Picture, ShapeKind, Subject};
pub(super) use svg::figure;
pub(super) use trace::{Trace, around, back};
pub(super) use web::Web;
