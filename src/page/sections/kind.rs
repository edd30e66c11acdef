//! How each rule is marked: a letter, a colour of its own and a name, so that none is told by colour alone.

use maud::{Markup, html};

/// A mark.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub letter: &'static str,
    pub class: &'static str,
}

/// The mark of a rule.
pub(super) fn of(rule: &str) -> Kind {
    let (letter, class) = match rule {
        "rotary" => ("R", "rotary"),
        "rotary-table" => ("T", "table"),
        "relative-bias" => ("B", "relative"),
        "relative-gather" => ("G", "relative"),
        "alibi" => ("L", "relative"),
        "sinusoidal" | "sinusoidal-table" => ("S", "sinusoidal"),
        "attention" => ("A", "attention"),
        _ => ("•", "other"),
    };
    Kind { letter, class }
}

/// The mark, beside a text that names the rule.
pub(super) fn mark(rule: &str) -> Markup {
    let Kind { letter, class } = of(rule);
    html! { span class={ "mark " (class) } aria-hidden="true" { (letter) } }
}
