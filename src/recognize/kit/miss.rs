//! An attempt that failed: how far it got, and why.

use crate::onnx::ValueId;
use crate::recognize::{Lost, Refusal, Stage};
use crate::symbolic::Interpreter;

/// An attempt that failed.
#[derive(Clone, Debug)]
pub(in crate::recognize) struct Miss {
    /// The rule that nearly matched.
    pub rule: &'static str,
    /// The stage that it did not pass.
    pub stage: Stage,
    /// The value that was tried.
    pub value: ValueId,
    /// The condition that failed.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where the analysis lost track, if that is the cause.
    pub lost: Option<Box<Lost>>,
}

impl Miss {
    /// A miss at a value.
    pub(in crate::recognize) fn new(
        rule: &'static str,
        stage: Stage,
        value: ValueId,
        reason: impl Into<String>,
    ) -> Miss {
        Miss {
            rule,
            stage,
            value,
            reason: reason.into(),
            hint: None,
            lost: None,
        }
    }

    /// The same with advice.
    pub(in crate::recognize) fn with_hint(mut self, hint: Option<&str>) -> Miss {
        self.hint = hint.map(str::to_owned);
        self
    }

    /// The miss as reports show it, with names.
    pub(in crate::recognize) fn refusal(self, it: &Interpreter<'_>) -> Refusal {
        let value = it.index().name(self.value).to_owned();
        let node = it
            .index()
            .producer(self.value)
            .map_or_else(|| value.clone(), |(node, _)| node_name(it, node));
        Refusal {
            rule: self.rule,
            stage: self.stage,
            node,
            value,
            reason: self.reason,
            hint: self.hint,
            lost: self.lost.map(|lost| *lost),
        }
    }
}

/// The name of a node for people.
pub(in crate::recognize) fn node_name(it: &Interpreter<'_>, node: usize) -> String {
    it.file.graph().node[node].label().to_owned()
}
