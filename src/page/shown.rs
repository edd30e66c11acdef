//! Text from a model or a file, made fit for people: names are hostile input, of any length and with any characters.

use maud::{Markup, html};

/// Most characters of a name in running text and tables.
pub(super) const NAME: usize = 64;
/// Most characters of a sentence, which may quote several names.
pub(super) const SENTENCE: usize = 700;

/// The text on one line, with characters spelt out that cannot be seen, and without its middle where it is longer than `most` characters.
pub(super) fn shown(text: &str, most: usize) -> String {
    let spelt = |c: char| match is_plain(c) {
        true => c.to_string(),
        false => c.escape_default().to_string(),
    };
    let length = text.chars().take(most + 1).count();
    if length <= most {
        return text.chars().map(spelt).collect();
    }
    // The end of a name tells more than its beginning, which all have in common.
    let head = most / 3;
    let tail = most - head - 1;
    let start = text
        .char_indices()
        .rev()
        .nth(tail - 1)
        .map_or(0, |(at, _)| at);
    let head = text.chars().take(head).map(spelt);
    head.chain(["…".to_owned()])
        .chain(text[start..].chars().map(spelt))
        .collect()
}

/// The end of a name, which tells more than its beginning, of `most` characters.
pub(super) fn ending(text: &str, most: usize) -> String {
    let start = text.char_indices().rev().nth(most.saturating_sub(2));
    match start {
        Some((start, _)) if text[..start].chars().nth(1).is_some() => {
            format!("…{}", shown(&text[start..], most))
        }
        _ => shown(text, most),
    }
}

/// Whether a character shows itself and leaves the others where they are: no control characters, and none that turn the direction of text.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// A name as code.
pub(super) fn name(text: &str) -> Markup {
    html! { code title=[(text.len() > NAME).then(|| shown(text, 4 * NAME))] { (shown(text, NAME)) } }
}

/// A sentence of a report: what is between backticks is code.
pub(super) fn sentence(text: &str) -> Markup {
    let text = shown(text, SENTENCE);
    let pieces: Vec<&str> = text.split('`').collect();
    let is_code = |at: usize| at % 2 == 1 && at + 1 < pieces.len();
    html! {
        @for (at, piece) in pieces.iter().enumerate() {
            @if is_code(at) { code { (piece) } }
            @else { @if at % 2 == 1 { "`" } (piece) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_loses_its_middle() {
        assert_eq!(shown("abc", 3), "abc");
        assert_eq!(shown("abcdefghij", 6), "ab…hij");
        assert_eq!(
            (&ending("abc", 3)[..], &ending("abcdefghij", 6)[..]),
            ("abc", "…fghij")
        );
        let long = "ä".repeat(1_000_000);
        assert_eq!(ending(&long, NAME).chars().count(), NAME);
        assert_eq!(shown(&long, NAME).chars().count(), NAME);
    }

    #[test]
    fn what_cannot_be_seen_is_spelt_out() {
        assert_eq!(
            shown("a\u{1b}[31m\n\u{202e}b\0", 50),
            "a\\u{1b}[31m\\n\\u{202e}b\\u{0}"
        );
        assert_eq!(shown("Größe 日本", 50), "Größe 日本");
    }

    #[test]
    fn everything_is_escaped() {
        let hostile = "<script>alert(\"1\")</script>&'";
        for made in [
            name(hostile),
            sentence(hostile),
            sentence(&format!("at `{hostile}`")),
        ] {
            let made = made.into_string();
            assert!(!made.contains("<script"), "{made}");
            assert!(
                made.contains("&lt;script&gt;") && made.contains("&amp;"),
                "{made}"
            );
        }
        let long = name(&"\"><img onerror=x>".repeat(20)).into_string();
        assert!(
            !long.contains("<img") && long.starts_with("<code title=\""),
            "{long}"
        );
    }

    #[test]
    fn backticks_make_code() {
        let made = sentence("node `a` has `b").into_string();
        assert_eq!(made, "node <code>a</code> has `b");
    }
}
