//! The page in HTML, a section a file.

mod bench;
mod found;
mod head;
mod kind;
mod map;
mod misses;
mod operators;
mod sites;
mod verification;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Gathered;
use super::shown::{NAME, shown};

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub(super) fn page(gathered: &Gathered<'_>) -> Markup {
    let report = gathered.subject.report;
    let file = shown(head::file_name(&report.model.path), NAME);
    let parts: Vec<(&str, &str, Markup)> = [
        ("found", "What was found", found::section(gathered)),
        ("map", "Where it is", map::section(gathered)),
        ("sites", "Before and after", sites::section(gathered)),
        ("misses", "Near misses", misses::section(gathered)),
        ("numbers", "Numbers", verification::section(gathered)),
        ("operators", "Operators", operators::section(gathered)),
        ("bench", "Speed", bench::section(gathered)),
    ]
    .into_iter()
    .filter_map(|(id, title, part)| Some((id, title, part?)))
    .collect();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "phasor " (env!("CARGO_PKG_VERSION")) };
                title { (file) " – Phasor report" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the report" }
                (head::header(gathered, &file))
                nav aria-label="Sections" {
                    ul { @for (id, title, _) in &parts { li { a href={ "#" (id) } { (title) } } } }
                }
                main #main {
                    @for (id, title, part) in &parts {
                        section id=(id) aria-labelledby={ (id) "-title" } {
                            h2 id={ (id) "-title" } { (title) }
                            (part)
                        }
                    }
                }
                footer {
                    p { "Written by " code { "phasor report" } " " (env!("CARGO_PKG_VERSION")) "." }
                }
            }
        }
    }
}
