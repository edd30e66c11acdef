//! Prints channels as formulas for people: `x0*cos(a) - x4*sin(a)`, with letters for angles, tables and other factors.

use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, AtomId, PolyId, Term};

/// Letters for the first angles; later ones get a number too.
const ANGLES: [&str; 4] = ["a", "b", "c", "d"];
const TABLES: [&str; 4] = ["T", "U", "V", "W"];
const OTHERS: [&str; 4] = ["u", "v", "w", "z"];

/// The letters used in one sentence.
#[derive(Default)]
pub(in crate::recognize) struct Letters {
    angles: Vec<PolyId>,
    tables: Vec<Function>,
    others: Vec<AtomId>,
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
                terms => {
                    let mut sum = String::new();
                    for term in terms {
                        let factors = self.factors(arena, term);
                        push_term(&mut sum, term.coefficient, "", &factors);
                    }
                    push_term(&mut text, 1.0, &format!("x{channel}*({sum})"), &[]);
                }
            }
        }
        text
    }

    fn factors(&mut self, arena: &Arena, term: &Term) -> Vec<String> {
        let factors = arena.factors(term.mono);
        factors.iter().map(|&f| self.factor(arena, f)).collect()
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

    /// How the second angle depends on the first, as `, where b = 1.5*a`; empty if there is no second angle or no simple rule.
    pub(in crate::recognize) fn relation(&self, arena: &mut Arena) -> String {
        let &[a, b, ..] = &self.angles[..] else {
            return String::new();
        };
        if let Some(ratio) = ratio(arena, a, b) {
            let more = ratio - 1.0;
            return match number(ratio) == "1" {
                true => format!(", where b is a but for a part in {:.0e}", 1.0 / more.abs()),
                false => format!(", where b = {}*a", number(ratio)),
            };
        }
        match arena
            .sub(b, a)
            .map(|difference| arena.as_constant(difference))
        {
            Ok(Some(shift)) if shift < 0.0 => format!(", where b = a - {}", number(-shift)),
            Ok(Some(shift)) => format!(", where b = a + {}", number(shift)),
            _ => String::new(),
        }
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
        assert_eq!(letters.relation(&mut arena), ", where b = 1.5*a");

        let near = arena.scale(angle, 1.0 + 1e-7);
        let sin = arena.apply(Function::Sin, &[near]);
        let mut letters = Letters::default();
        letters.row(&arena, &[(0, cos), (4, sin)]);
        let relation = letters.relation(&mut arena);
        assert_eq!(relation, ", where b is a but for a part in 1e7");
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
        assert_eq!(letters.relation(&mut arena), ", where b = a + 0.25");
    }
}
