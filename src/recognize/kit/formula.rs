//! Prints channels as formulas for people: `x0*cos(a) - x4*sin(a)`, with letters for angles, tables and other factors.

use smallvec::SmallVec;

use crate::onnx::{Tensor, ValueId};
use crate::symbolic::Interpreter;
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, AtomId, PolyId, Term};

/// Letters for the first angles; later ones get a number too.
const ANGLES: [&str; 4] = ["a", "b", "c", "d"];
const TABLES: [&str; 4] = ["T", "U", "V", "W"];
const OTHERS: [&str; 4] = ["u", "v", "w", "z"];
/// How many of the other factors a sentence explains.
const EXPLAINED: usize = 4;

/// The letters used in one sentence.
#[derive(Default)]
pub(in crate::recognize) struct Letters {
    angles: Vec<PolyId>,
    tables: Vec<Function>,
    others: Vec<AtomId>,
    /// The factors of each term so far.
    terms: Vec<SmallVec<[AtomId; 4]>>,
}

impl Letters {
    /// The sum of these channels of `x` times these coefficients.
    pub(in crate::recognize) fn row(&mut self, arena: &Arena, row: &[(usize, PolyId)]) -> String {
        let mut text = String::new();
        for &(channel, coefficient) in row {
            let terms = arena.terms(coefficient);
            match &*terms {
                [term] => {
                    let factors = self.factors(arena, term);
                    push_term(
                        &mut text,
                        term.coefficient,
                        &format!("x{channel}"),
                        &factors,
                    );
                }
                _ => {
                    let sum = self.sum(arena, coefficient);
                    push_term(&mut text, 1.0, &format!("x{channel}*({sum})"), &[]);
                }
            }
        }
        text
    }

    /// What the letters stand for, as `, where b = 1.5*a, and u is an element of ...`; empty where nothing simple is known of them. What
    /// every term is multiplied with, such as the factor of a norm, makes no difference mostly.
    pub(in crate::recognize) fn notes(&mut self, it: &mut Interpreter<'_>) -> String {
        self.explained(it, false)
    }

    /// The same, what every term is multiplied with included.
    pub(in crate::recognize) fn all_notes(&mut self, it: &mut Interpreter<'_>) -> String {
        self.explained(it, true)
    }

    /// Whether a term has other factors than cosines and sines.
    pub(in crate::recognize) fn has_others(&self) -> bool {
        !self.others.is_empty()
    }

    fn explained(&mut self, it: &mut Interpreter<'_>, shared: bool) -> String {
        let relation = self.relation(&mut it.arena);
        let notes: Vec<String> = relation
            .into_iter()
            .chain(self.legend(it, shared))
            .collect();
        match notes.is_empty() {
            true => String::new(),
            false => format!(", where {}", notes.join(", and ")),
        }
    }

    /// What each of the other factors is, those that all terms have included if `shared`.
    fn legend(&mut self, it: &mut Interpreter<'_>, shared: bool) -> Vec<String> {
        let mut parts: Vec<(Vec<String>, String)> = Vec::new();
        let mut k = 0;
        // What a factor is made of may bring further ones.
        while k < self.others.len().min(EXPLAINED) {
            let factor = self.others[k];
            let name = self.factor(&it.arena, factor);
            k += 1;
            let is_shared = self.terms.iter().all(|term| term.contains(&factor));
            if !shared && self.terms.len() > 1 && is_shared {
                continue;
            }
            let Some(meaning) = self.meaning(it, factor) else {
                continue;
            };
            match parts.iter_mut().find(|(_, known)| *known == meaning) {
                Some((names, _)) => names.push(name),
                None => parts.push((vec![name], meaning)),
            }
        }
        let said = |(names, meaning): (Vec<String>, String)| match &names[..] {
            [names @ .., last] if !names.is_empty() => {
                format!("{} and {last} are each {meaning}", names.join(", "))
            }
            names => format!("{} is {meaning}", names.concat()),
        };
        parts.into_iter().map(said).collect()
    }

    /// What a factor is, as far as it has a name: an element of a tensor, or a function of others.
    fn meaning(&mut self, it: &mut Interpreter<'_>, factor: AtomId) -> Option<String> {
        match it.arena.atom_of(factor).clone() {
            Atom::Channel { root, .. } => {
                let value = it.arena.origin(root).map(ValueId)?;
                // A root that begins inside a branch has no name in this graph.
                (value.index() < it.index().len()).then(|| tensor(it, value))
            }
            Atom::Apply { function, args } => {
                let args: Vec<String> = args.iter().map(|&arg| self.sum(&it.arena, arg)).collect();
                Some(format!("{}({})", function.name(), args.join(", ")))
            }
            _ => None,
        }
    }

    fn sum(&mut self, arena: &Arena, p: PolyId) -> String {
        let terms = arena.terms(p);
        let mut text = String::new();
        for term in terms.iter() {
            let factors = self.factors(arena, term);
            push_term(&mut text, term.coefficient, "", &factors);
        }
        match text.is_empty() {
            true => "0".to_owned(),
            false => text,
        }
    }

    fn factors(&mut self, arena: &Arena, term: &Term) -> Vec<String> {
        let factors = arena.factors(term.mono);
        let names = factors.iter().map(|&f| self.factor(arena, f)).collect();
        self.terms.push(factors);
        names
    }

    fn factor(&mut self, arena: &Arena, factor: AtomId) -> String {
        match arena.atom_of(factor) {
            Atom::Apply { function, args } => match (function, &args[..]) {
                (Function::Cos, &[angle]) => format!("cos({})", self.angle(angle)),
                (Function::Sin, &[angle]) => format!("sin({})", self.angle(angle)),
                (Function::Table(_), &[row]) => {
                    let table = letter(&mut self.tables, *function, &TABLES);
                    format!("{table}[{}]", self.angle(row))
                }
                _ => letter(&mut self.others, factor, &OTHERS),
            },
            _ => letter(&mut self.others, factor, &OTHERS),
        }
    }

    fn angle(&mut self, angle: PolyId) -> String {
        letter(&mut self.angles, angle, &ANGLES)
    }

    /// How the second angle depends on the first, as `b = 1.5*a`; `None` if there is no second angle or no simple rule.
    fn relation(&self, arena: &mut Arena) -> Option<String> {
        let &[a, b, ..] = &self.angles[..] else {
            return None;
        };
        if let Some(ratio) = ratio(arena, a, b) {
            let more = ratio - 1.0;
            return Some(match number(ratio) == "1" {
                true => format!("b is a but for a part in {:.0e}", 1.0 / more.abs()),
                false => format!("b = {}*a", number(ratio)),
            });
        }
        let difference = arena.sub(b, a).ok()?;
        arena
            .as_constant(difference)
            .map(|shift| match shift < 0.0 {
                true => format!("b = a - {}", number(-shift)),
                false => format!("b = a + {}", number(shift)),
            })
    }
}

/// An element of a tensor, with what is known of that.
fn tensor(it: &mut Interpreter<'_>, value: ValueId) -> String {
    let name = it.index().name(value).to_owned();
    if it.is_constant(value) {
        let tensor = it.tensor(value);
        let is_finite = |tensor: &Tensor| (0..tensor.len()).all(|k| tensor.element(k).is_finite());
        return match tensor.is_some_and(|tensor| tensor.dtype.is_float() && !is_finite(&tensor)) {
            true => {
                format!("an element of the constant `{name}`, which has some that are not finite")
            }
            false => format!("an element of the constant `{name}`"),
        };
    }
    match it.index().producer(value) {
        Some((node, _)) => {
            format!(
                "an element of `{name}` ({})",
                it.file.graph().node[node].op_type()
            )
        }
        None => format!("an element of `{name}`"),
    }
}

fn letter<T: PartialEq>(known: &mut Vec<T>, item: T, letters: &[&str]) -> String {
    let at = known.iter().position(|k| *k == item).unwrap_or_else(|| {
        known.push(item);
        known.len() - 1
    });
    let letter = letters[at % letters.len()];
    match at / letters.len() {
        0 => letter.to_owned(),
        round => format!("{letter}{round}"),
    }
}

/// `b / a` if all terms have the same ratio, to the precision of rounded frequencies.
fn ratio(arena: &Arena, a: PolyId, b: PolyId) -> Option<f64> {
    let (a, b) = (arena.terms(a), arena.terms(b));
    if a.len() != b.len() {
        return None;
    }
    let ratio = b.first()?.coefficient / a.first()?.coefficient;
    let same = |(a, b): (&Term, &Term)| {
        a.mono == b.mono && (b.coefficient / a.coefficient - ratio).abs() <= 1e-6 * ratio.abs()
    };
    a.iter().zip(b.iter()).all(same).then_some(ratio)
}

fn push_term(text: &mut String, coefficient: f64, first: &str, factors: &[String]) {
    match (text.is_empty(), coefficient < 0.0) {
        (true, true) => text.push('-'),
        (true, false) => {}
        (false, true) => text.push_str(" - "),
        (false, false) => text.push_str(" + "),
    }
    let size = coefficient.abs();
    let scale = (size != 1.0 || (first.is_empty() && factors.is_empty())).then(|| number(size));
    let parts: Vec<&str> = scale
        .iter()
        .map(String::as_str)
        .chain([first])
        .chain(factors.iter().map(String::as_str))
        .filter(|part| !part.is_empty())
        .collect();
    text.push_str(&parts.join("*"));
}

/// A number with four significant figures at most.
fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (1.5, "1.5"),
            (0.1, "0.1"),
            (2.0 / 3.0, "0.6667"),
            (100.0, "100"),
            (12345.6, "12346"),
            (0.000_123_45, "0.0001234"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_rotated_channel_reads_as_a_formula() {
        let mut arena = Arena::new();
        let angle = arena.symbol("p");
        let other = arena.scale(angle, 1.5);
        let cos = arena.apply(Function::Cos, &[angle]);
        let sin = arena.apply(Function::Sin, &[other]);
        let minus = arena.scale(sin, -0.5);
        let mut letters = Letters::default();
        let text = letters.row(&arena, &[(0, cos), (4, minus)]);
        assert_eq!(text, "x0*cos(a) - 0.5*x4*sin(b)");
        assert_eq!(letters.relation(&mut arena), Some("b = 1.5*a".to_owned()));

        let near = arena.scale(angle, 1.0 + 1e-7);
        let sin = arena.apply(Function::Sin, &[near]);
        let mut letters = Letters::default();
        letters.row(&arena, &[(0, cos), (4, sin)]);
        let relation = letters.relation(&mut arena);
        assert_eq!(relation.as_deref(), Some("b is a but for a part in 1e7"));
    }

    #[test]
    fn a_shifted_angle_says_by_how_much() {
        let mut arena = Arena::new();
        let angle = arena.symbol("p");
        let shift = arena.constant(0.25);
        let other = arena.add(angle, shift).unwrap();
        let coefficients = [angle, other].map(|a| arena.apply(Function::Cos, &[a]));
        let mut letters = Letters::default();
        letters.row(&arena, &[(0, coefficients[0]), (1, coefficients[1])]);
        assert_eq!(
            letters.relation(&mut arena),
            Some("b = a + 0.25".to_owned())
        );
    }
}
