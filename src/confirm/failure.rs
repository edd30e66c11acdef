//! Why a site is not confirmed.

use std::fmt::Display;

use crate::engine::EngineError;

/// Why a probe does not confirm.
#[derive(Clone)]
pub(super) enum Failure {
    /// The graph computes something else; the text follows `run on random numbers`.
    Differs(String),
    /// The part could not be run.
    NotRun(String),
    /// The tensors of the part are too large.
    TooLarge(String),
    /// The budget has run out.
    Unaffordable,
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        match error {
            EngineError::Late { .. } => Failure::Unaffordable,
            EngineError::TooMuch { cause, .. } => Failure::TooLarge(cause),
            other => Failure::NotRun(other.to_string()),
        }
    }
}

impl Failure {
    /// The reference refuses the tensors with which the graph ran, so the operator cannot stand for the graph.
    pub(super) fn refused(why: &impl Display) -> Failure {
        Failure::Differs(format!("it runs where the operator does not: {why}"))
    }
}
