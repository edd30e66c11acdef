//! Symbolic dimensions: sums of products of symbols with integer coefficients, and floor divisions by positive constants.
//!
//! Every constructor returns a canonical form (products expanded, like terms merged, terms sorted, the constant last), so two
//! dimensions that are the same polynomial compare equal. [`Dim::Unknown`] absorbs everything, also what would overflow or grow
//! beyond [`MAX_TERMS`] terms. A floor division is exact where the numerator is divisible, else an opaque factor.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Choice;

/// The most terms that a sum may have before it is given up as unknown.
const MAX_TERMS: usize = 64;
/// Longest dimension expression that is parsed; anything longer is taken as a name.
const MAX_TEXT: usize = 1024;
/// Deepest nesting of brackets in a dimension expression.
const MAX_DEPTH: usize = 32;

/// The size of one axis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dim {
    /// A fixed size.
    Known(i64),
    /// A named size, the same wherever the name appears in one model.
    Symbol(String),
    /// A sum of at least two terms.
    Add(Vec<Dim>),
    /// A product of at least two factors; a constant factor comes first.
    Mul(Vec<Dim>),
    /// A floor division by a constant of at least 2.
    Div(Box<Dim>, i64),
    /// One of at least two different sizes, in order.
    Choice(Choice, Vec<Dim>),
    /// Nothing is known. Two unknown sizes are not the same size.
    Unknown,
}

/// A canonical polynomial: monomial (sorted factors) to coefficient, never zero.
type Poly = BTreeMap<Vec<Dim>, i64>;

impl Dim {
    /// A named size.
    pub fn symbol(name: impl Into<String>) -> Dim {
        Dim::Symbol(name.into())
    }

    /// The sum of the terms; zero for none.
    pub fn sum(terms: impl IntoIterator<Item = Dim>) -> Dim {
        let mut total = Poly::new();
        for term in terms {
            let Some(poly) = term.poly() else {
                return Dim::Unknown;
            };
            for (monomial, coefficient) in poly {
                if accumulate(&mut total, monomial, coefficient).is_none() {
                    return Dim::Unknown;
                }
            }
        }
        Dim::from_poly(total)
    }

    /// The product of the factors; one for none.
    pub fn product(factors: impl IntoIterator<Item = Dim>) -> Dim {
        let mut total = Poly::from([(Vec::new(), 1)]);
        for factor in factors {
            let Some(poly) = factor.poly() else {
                return Dim::Unknown;
            };
            let mut next = Poly::new();
            for (left, a) in &total {
                for (right, b) in &poly {
                    let Some(coefficient) = a.checked_mul(*b) else {
                        return Dim::Unknown;
                    };
                    let mut monomial = [left.as_slice(), right.as_slice()].concat();
                    monomial.sort();
                    if accumulate(&mut next, monomial, coefficient).is_none() {
                        return Dim::Unknown;
                    }
                }
            }
            total = next;
        }
        Dim::from_poly(total)
    }

    /// The floor of this size divided by `by`; unknown unless `by` is positive.
    pub fn floor_div(self, by: i64) -> Dim {
        if by < 1 {
            return Dim::Unknown;
        }
        let Some(poly) = self.poly() else {
            return Dim::Unknown;
        };
        let (mut whole, mut rest) = (Poly::new(), Poly::new());
        for (monomial, coefficient) in poly {
            // floor((k q + r) / q) = k + floor(r / q) holds for every integer k.
            let quotient = coefficient.div_euclid(by);
            if monomial.is_empty() || coefficient % by == 0 {
                whole.insert(monomial.clone(), quotient);
                rest.insert(monomial, coefficient.rem_euclid(by));
            } else {
                rest.insert(monomial, coefficient);
            }
        }
        whole.retain(|_, c| *c != 0);
        rest.retain(|_, c| *c != 0);
        let rest = match Dim::from_poly(rest) {
            // A constant remainder is smaller than the divisor.
            Dim::Known(_) => Dim::Known(0),
            Dim::Div(inner, inner_by) => match inner_by.checked_mul(by) {
                Some(by) => Dim::Div(inner, by),
                None => return Dim::Unknown,
            },
            other => Dim::Div(Box::new(other), by),
        };
        Dim::sum([Dim::from_poly(whole), rest])
    }

    /// The size chosen among these; unknown if one of them is.
    pub fn choice(choice: Choice, parts: impl IntoIterator<Item = Dim>) -> Dim {
        let mut parts: Vec<Dim> = parts.into_iter().collect();
        parts.sort();
        parts.dedup();
        if parts.len() > MAX_TERMS || parts.iter().any(Dim::is_unknown) {
            return Dim::Unknown;
        }
        match &parts[..] {
            [] => Dim::Unknown,
            [only] => only.clone(),
            _ => match parts.iter().map(Dim::known).collect::<Option<Vec<i64>>>() {
                Some(sizes) => choice.among(sizes).map_or(Dim::Unknown, Dim::Known),
                None => Dim::Choice(choice, parts),
            },
        }
    }

    /// The size, if it is fixed.
    pub fn known(&self) -> Option<i64> {
        match self {
            Dim::Known(n) => Some(*n),
            _ => None,
        }
    }

    /// Whether any part of it is unknown.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Dim::Unknown)
    }

    /// The size with every symbol replaced by what `bind` says; `None` for an unbound symbol, an unknown size or an overflow.
    pub fn eval(&self, bind: &dyn Fn(&str) -> Option<i64>) -> Option<i64> {
        match self {
            Dim::Known(n) => Some(*n),
            Dim::Symbol(name) => bind(name),
            Dim::Add(terms) => terms
                .iter()
                .try_fold(0i64, |sum, t| sum.checked_add(t.eval(bind)?)),
            Dim::Mul(factors) => factors
                .iter()
                .try_fold(1i64, |product, f| product.checked_mul(f.eval(bind)?)),
            Dim::Div(inner, by) => inner.eval(bind).map(|n| n.div_euclid(*by)),
            Dim::Choice(choice, parts) => {
                let sizes: Option<Vec<i64>> = parts.iter().map(|part| part.eval(bind)).collect();
                choice.among(sizes?)
            }
            Dim::Unknown => None,
        }
    }

    /// Adds the names of all symbols to `names`.
    pub fn collect_symbols(&self, names: &mut BTreeSet<String>) {
        match self {
            Dim::Symbol(name) => {
                names.insert(name.clone());
            }
            Dim::Add(parts) | Dim::Mul(parts) | Dim::Choice(_, parts) => {
                parts.iter().for_each(|p| p.collect_symbols(names))
            }
            Dim::Div(inner, _) => inner.collect_symbols(names),
            Dim::Known(_) | Dim::Unknown => {}
        }
    }

    /// Reads a `dim_param` as exporters write it: a name, or an expression such as `past + 1`, `2*batch`, `seq//4`, `floor(seq/2)`.
    /// Text that is not such an expression is one symbol, whatever its characters; an empty text and `?` are unknown.
    pub fn parse(text: &str) -> Dim {
        let text = text.trim();
        if text.is_empty() || text == "?" {
            return Dim::Unknown;
        }
        if text.len() <= MAX_TEXT {
            let mut parser = Parser {
                rest: text,
                depth: 0,
            };
            if let Some(dim) = parser.sum()
                && parser.rest.is_empty()
            {
                return dim;
            }
        }
        Dim::symbol(text)
    }

    /// `None` if unknown.
    fn poly(&self) -> Option<Poly> {
        let mut poly = Poly::new();
        match self {
            Dim::Unknown => return None,
            Dim::Known(0) => {}
            Dim::Known(n) => {
                poly.insert(Vec::new(), *n);
            }
            Dim::Symbol(_) | Dim::Div(..) | Dim::Choice(..) => {
                poly.insert(vec![self.clone()], 1);
            }
            Dim::Add(terms) => {
                for term in terms {
                    for (monomial, coefficient) in term.poly()? {
                        accumulate(&mut poly, monomial, coefficient)?;
                    }
                }
            }
            Dim::Mul(factors) => {
                // A canonical product holds at most one constant and only atoms beside it.
                let mut coefficient = 1i64;
                let mut monomial = Vec::new();
                for factor in factors {
                    match factor {
                        Dim::Known(n) => coefficient = coefficient.checked_mul(*n)?,
                        Dim::Symbol(_) | Dim::Div(..) | Dim::Choice(..) => {
                            monomial.push(factor.clone())
                        }
                        Dim::Add(_) | Dim::Mul(_) | Dim::Unknown => {
                            return Dim::product(factors.iter().cloned()).poly();
                        }
                    }
                }
                monomial.sort();
                if coefficient != 0 {
                    poly.insert(monomial, coefficient);
                }
            }
        }
        Some(poly)
    }

    fn from_poly(mut poly: Poly) -> Dim {
        poly.retain(|_, c| *c != 0);
        let constant = poly.remove(&Vec::new());
        let mut terms: Vec<Dim> = poly
            .into_iter()
            .map(|(mut monomial, coefficient)| {
                if coefficient == 1 && monomial.len() == 1 {
                    monomial.remove(0)
                } else if coefficient == 1 {
                    Dim::Mul(monomial)
                } else {
                    monomial.insert(0, Dim::Known(coefficient));
                    Dim::Mul(monomial)
                }
            })
            .collect();
        terms.extend(constant.map(Dim::Known));
        match terms.len() {
            0 => Dim::Known(0),
            1 => terms.remove(0),
            _ => Dim::Add(terms),
        }
    }
}

/// Adds a term in place; `None` on overflow or when the sum grows too long.
fn accumulate(poly: &mut Poly, monomial: Vec<Dim>, coefficient: i64) -> Option<()> {
    let slot = poly.entry(monomial).or_insert(0);
    *slot = slot.checked_add(coefficient)?;
    (poly.len() <= MAX_TERMS).then_some(())
}

impl From<i64> for Dim {
    fn from(n: i64) -> Dim {
        Dim::Known(n)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Known(n) => write!(f, "{n}"),
            Dim::Symbol(name) => f.write_str(name),
            Dim::Add(terms) => {
                for (i, term) in terms.iter().enumerate() {
                    let text = term.to_string();
                    match (i, text.strip_prefix('-')) {
                        (0, _) => f.write_str(&text)?,
                        (_, Some(positive)) => write!(f, " - {positive}")?,
                        (_, None) => write!(f, " + {text}")?,
                    }
                }
                Ok(())
            }
            Dim::Mul(factors) => {
                let (sign, factors) = match factors.as_slice() {
                    [Dim::Known(-1), rest @ ..] => ("-", rest),
                    all => ("", all),
                };
                f.write_str(sign)?;
                for (i, factor) in factors.iter().enumerate() {
                    let times = if i == 0 { "" } else { "*" };
                    match factor {
                        Dim::Add(_) => write!(f, "{times}({factor})")?,
                        _ => write!(f, "{times}{factor}")?,
                    }
                }
                Ok(())
            }
            Dim::Div(inner, by) => match **inner {
                Dim::Symbol(_) => write!(f, "{inner}//{by}"),
                _ => write!(f, "({inner})//{by}"),
            },
            Dim::Choice(choice, parts) => {
                let parts: Vec<String> = parts.iter().map(Dim::to_string).collect();
                write!(f, "{}({})", choice.as_str(), parts.join(", "))
            }
            Dim::Unknown => f.write_str("?"),
        }
    }
}

/// Recursive descent over a dimension expression; every method returns `None` where the text is not one.
struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn take(&mut self, token: &str) -> bool {
        let text = self.rest.trim_start();
        match text.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn sum(&mut self) -> Option<Dim> {
        let mut total = self.product()?;
        loop {
            if self.take("+") {
                total = Dim::sum([total, self.product()?]);
            } else if self.take("-") {
                total = Dim::sum([total, Dim::product([Dim::Known(-1), self.product()?])]);
            } else {
                return Some(total);
            }
        }
    }

    fn product(&mut self) -> Option<Dim> {
        let mut total = self.atom()?;
        loop {
            if self.take("//") || self.take("/") {
                let by = self.atom()?.known().filter(|by| *by > 0)?;
                total = total.floor_div(by);
            } else if self.take("*") {
                total = Dim::product([total, self.atom()?]);
            } else {
                return Some(total);
            }
        }
    }

    fn atom(&mut self) -> Option<Dim> {
        if self.take("-") {
            return Some(Dim::product([Dim::Known(-1), self.atom()?]));
        }
        if self.take("(") || self.take("floor(") {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return None;
            }
            let inner = self.sum()?;
            self.depth -= 1;
            return self.take(")").then_some(inner);
        }
        let (word, rest) = self.rest.split_at(word_length(self.rest));
        if word.is_empty() || rest.starts_with('(') {
            return None;
        }
        let dim = match word.parse::<i64>() {
            Ok(n) => Dim::Known(n),
            Err(_) if word.starts_with(|c: char| c.is_ascii_digit()) => return None,
            Err(_) => Dim::symbol(word),
        };
        self.rest = rest.trim_start();
        Some(dim)
    }
}

/// Bytes of the name or number at the start. A hyphen between letters, as in `batch-size`, belongs to the name.
fn word_length(text: &str) -> usize {
    let mut previous = ' ';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let hyphen = c == '-'
            && previous.is_alphabetic()
            && chars.peek().is_some_and(|(_, next)| next.is_alphabetic());
        if !(hyphen || c.is_alphanumeric() || "_.:".contains(c)) {
            return at;
        }
        previous = c;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(text: &str) -> Dim {
        Dim::parse(text)
    }

    #[test]
    fn equal_polynomials_compare_equal() {
        assert_eq!(p("a + b"), p("b + a"));
        assert_eq!(p("2*(a + 1)"), p("a*2 + 2"));
        assert_eq!(p("(a + b)*(a - b)"), p("a*a - b*b"));
        assert_eq!(p("a - a"), Dim::Known(0));
        assert_eq!(p("a + 1 - 1"), Dim::symbol("a"));
    }

    #[test]
    fn floor_division_keeps_only_the_remainder_opaque() {
        assert_eq!(p("4*a//2"), p("2*a"));
        assert_eq!(p("(4*a + 7)//2"), p("2*a + 3"));
        assert_eq!(
            p("(a + 5)//4"),
            Dim::sum([Dim::Known(1), Dim::Div(Box::new(p("a + 1")), 4)])
        );
        assert_eq!(p("a//2//3"), p("a//6"));
        assert_eq!(p("floor(a/2)"), p("a//2"));
        let bind = |_: &str| Some(7);
        assert_eq!(p("(a - 8)//4").eval(&bind), Some(-1));
        assert_eq!(p("(3*a + 9)//5").eval(&bind), Some(6));
    }

    #[test]
    fn text_that_is_no_expression_is_a_name() {
        for name in [
            "Unsqueeze/x_dim_1",
            "Max(1, s0)",
            "2nd",
            "a b",
            "a +",
            "(a",
            "1.5*a",
            "batch-size",
        ] {
            assert_eq!(p(name), Dim::symbol(name));
        }
        assert_eq!(
            p("past_sequence_length + 1").to_string(),
            "past_sequence_length + 1"
        );
        assert_eq!(p("?"), Dim::Unknown);
        let deep = "(".repeat(500) + "a" + &")".repeat(500);
        assert_eq!(p(&deep), Dim::symbol(deep.clone()));
    }

    #[test]
    fn overflow_and_unknown_parts_are_unknown() {
        let big = Dim::Known(i64::MAX);
        assert_eq!(Dim::sum([big.clone(), Dim::Known(1)]), Dim::Unknown);
        assert_eq!(Dim::product([big.clone(), Dim::Known(2)]), Dim::Unknown);
        assert_eq!(Dim::sum([Dim::Unknown, Dim::Known(1)]), Dim::Unknown);
        assert_eq!(Dim::symbol("a").floor_div(0), Dim::Unknown);
        assert_eq!(p("a").eval(&|_| None), None);
    }

    #[test]
    fn text_form_reads_back() {
        for text in ["a - b + 3", "2*a*b", "(a + 1)//4", "a//4 + 2", "-a + 1"] {
            assert_eq!(p(&p(text).to_string()), p(text), "{text}");
        }
    }
}
