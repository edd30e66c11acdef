//! The characters of a text: names, numbers, strings and marks, and where they are.

use std::str::FromStr;

use super::SyntaxError;

/// Most graphs and types inside of each other.
const MAX_DEPTH: usize = 64;

/// A position in a text.
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

/// A number as it is written.
#[derive(Clone, Copy)]
pub(super) struct Number<'t> {
    pub text: &'t str,
    /// Whether it has a fraction or an exponent, or is no finite number.
    pub is_float: bool,
    start: usize,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Scanner<'t> {
        Scanner {
            text,
            at: 0,
            depth: 0,
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Goes past white space and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest().trim_start();
            self.at = self.text.len() - rest.len();
            if !rest.starts_with('#') {
                return;
            }
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    /// The next character that is neither white space nor in a comment.
    pub(super) fn peek(&mut self) -> Option<char> {
        self.skip();
        self.rest().chars().next()
    }

    /// Goes past `mark` if it is next.
    pub(super) fn takes(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(mark);
        if found {
            self.at += mark.len_utf8();
        }
        found
    }

    /// Goes past `mark`, which must be next.
    pub(super) fn mark(&mut self, mark: char) -> Result<(), SyntaxError> {
        match self.takes(mark) {
            true => Ok(()),
            false => Err(self.expected(&format!("`{mark}`"))),
        }
    }

    /// Goes past `=>`.
    pub(super) fn arrow(&mut self) -> Result<(), SyntaxError> {
        self.skip();
        match self.rest().starts_with("=>") {
            true => {
                self.at += 2;
                Ok(())
            }
            false => Err(self.expected("`=>`")),
        }
    }

    /// The text must be over.
    pub(super) fn end(&mut self) -> Result<(), SyntaxError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.expected("the end of the text")),
        }
    }

    /// The identifier that is next.
    pub(super) fn peek_identifier(&mut self) -> Option<&'t str> {
        self.skip();
        let rest = self.rest();
        let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = rest.find(|c: char| !inside(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        word.starts_with(|c: char| !c.is_ascii_digit())
            .then_some(word)
    }

    /// An identifier, of what is said in `what`.
    pub(super) fn identifier(&mut self, what: &str) -> Result<&'t str, SyntaxError> {
        let word = self.peek_identifier().ok_or_else(|| self.expected(what))?;
        self.at += word.len();
        Ok(word)
    }

    /// A name, if one is next: an identifier or a string.
    pub(super) fn optional_name(&mut self) -> Result<Option<String>, SyntaxError> {
        if self.peek() == Some('"') {
            return self.string("a name").map(Some);
        }
        let word = self.peek_identifier();
        self.at += word.map_or(0, str::len);
        Ok(word.map(str::to_owned))
    }

    /// A name, of what is said in `what`.
    pub(super) fn name(&mut self, what: &str) -> Result<String, SyntaxError> {
        match self.optional_name()? {
            Some(name) => Ok(name),
            None => Err(self.expected(what)),
        }
    }

    /// A string in quotes. A backslash stands before a character that is taken as it is.
    pub(super) fn string(&mut self, what: &str) -> Result<String, SyntaxError> {
        if self.peek() != Some('"') {
            return Err(self.expected(what));
        }
        let start = self.at;
        let mut string = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = start + at + 1;
                    return Ok(string);
                }
                '\\' => string.extend(chars.next().map(|(_, c)| c)),
                _ => string.push(c),
            }
        }
        Err(self.error_at(start, "a string that does not end".to_owned()))
    }

    /// A number, of what is said in `what`.
    pub(super) fn number(&mut self, what: &str) -> Result<Number<'t>, SyntaxError> {
        self.skip();
        let (start, rest) = (self.at, self.rest());
        let digits = rest.strip_prefix('-').unwrap_or(rest);
        let sign = rest.len() - digits.len();
        let (length, is_float) = match word_of(digits) {
            word if is_no_finite_number(word) => (word.len(), true),
            _ => decimal(digits).ok_or_else(|| self.expected(what))?,
        };
        self.at += sign + length;
        Ok(Number {
            text: &rest[..sign + length],
            is_float,
            start,
        })
    }

    /// Whether the next word is `inf`, `infinity` or `nan`.
    pub(super) fn is_number_word(&mut self) -> bool {
        self.peek_identifier().is_some_and(is_no_finite_number)
    }

    /// An integer of type `T`, called `kind`.
    pub(super) fn integer<T: FromStr>(&mut self, kind: &str) -> Result<T, SyntaxError> {
        let number = self.number(&format!("a number of type {kind}"))?;
        self.parsed(number, kind)
    }

    /// A number as one of type `T`, called `kind`.
    pub(super) fn parsed<T: FromStr>(
        &self,
        number: Number<'_>,
        kind: &str,
    ) -> Result<T, SyntaxError> {
        let wrong = |_| {
            let message = format!("`{}` is no number of type {kind}", number.text);
            self.error_at(number.start, message)
        };
        number.text.parse().map_err(|_| ()).map_err(wrong)
    }

    /// A number in single precision, of which it does not exceed the range.
    pub(super) fn as_float(&self, number: Number<'_>) -> Result<f32, SyntaxError> {
        let value: f32 = self.parsed(number, "float")?;
        self.in_range(number, "float", value, value.is_infinite())
    }

    /// A number in double precision, of which it does not exceed the range.
    pub(super) fn as_double(&self, number: Number<'_>) -> Result<f64, SyntaxError> {
        let value: f64 = self.parsed(number, "double")?;
        self.in_range(number, "double", value, value.is_infinite())
    }

    fn in_range<T>(
        &self,
        number: Number<'_>,
        kind: &str,
        value: T,
        infinite: bool,
    ) -> Result<T, SyntaxError> {
        let digits = number.text.contains(|c: char| c.is_ascii_digit());
        match infinite && digits {
            true => {
                let message = format!("`{}` is beyond the range of {kind}", number.text);
                Err(self.error_at(number.start, message))
            }
            false => Ok(value),
        }
    }

    /// What `item` reads, between commas, up to `close`.
    pub(super) fn list<T>(
        &mut self,
        close: char,
        mut item: impl FnMut(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<Vec<T>, SyntaxError> {
        let mut items = Vec::new();
        if self.takes(close) {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.takes(close) {
                return Ok(items);
            }
            if !self.takes(',') {
                return Err(self.expected(&format!("`,` or `{close}`")));
            }
        }
    }

    /// What `inner` reads inside of a graph or a type.
    pub(super) fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.depth == MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} graphs or types inside of each other");
            return Err(self.error(message));
        }
        self.depth += 1;
        let read = inner(self);
        self.depth -= 1;
        read
    }

    /// The error that `what` is not next.
    pub(super) fn expected(&mut self, what: &str) -> SyntaxError {
        let found = match (self.peek_identifier(), self.peek()) {
            (Some(word), _) => format!("`{word}`"),
            (None, Some(mark)) => format!("`{mark}`"),
            (None, None) => "the end of the text".to_owned(),
        };
        self.error(format!("expected {what}, found {found}"))
    }

    /// An error of what is next.
    pub(super) fn error(&mut self, message: String) -> SyntaxError {
        self.skip();
        self.error_at(self.at, message)
    }

    /// Where the scanner is, for an error that is found later.
    pub(super) fn place(&mut self) -> usize {
        self.skip();
        self.at
    }

    /// An error at that place.
    pub(super) fn error_at(&self, place: usize, message: String) -> SyntaxError {
        let before = &self.text[..place];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        SyntaxError {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message,
        }
    }
}

/// The letters at the start of a text.
fn word_of(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric());
    &text[..end.unwrap_or(text.len())]
}

fn is_no_finite_number(word: &str) -> bool {
    ["inf", "infinity", "nan"]
        .iter()
        .any(|name| word.eq_ignore_ascii_case(name))
}

/// Length of the number without sign at the start of a text, and whether it is a float.
fn decimal(text: &str) -> Option<(usize, bool)> {
    let digits = |from: usize| {
        let rest = &text[from..];
        let end = rest.find(|c: char| !c.is_ascii_digit());
        from + end.unwrap_or(rest.len())
    };
    let mut end = digits(0);
    if end == 0 {
        return None;
    }
    let mut is_float = false;
    if text[end..].starts_with('.') {
        end = digits(end + 1);
        is_float = true;
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
            is_float = true;
        }
    }
    Some((end, is_float))
}
