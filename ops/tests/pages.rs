//! The pages of `docs/operators` say what the contracts say.

#[path = "../examples/operator_pages/body.rs"]
mod body;
#[path = "../examples/operator_pages/page.rs"]
mod page;

use std::collections::BTreeSet;
use std::path::PathBuf;

#[test]
fn pages_are_up_to_date() {
    let pages = page::all().unwrap();
    let stale: Vec<PathBuf> = pages
        .iter()
        .filter(|(path, text)| std::fs::read_to_string(path).ok().as_ref() != Some(text))
        .map(|(path, _)| path.clone())
        .collect();
    assert!(
        stale.is_empty(),
        "not what the contracts say: {stale:?}; run `{}`",
        page::COMMAND
    );
    let known: BTreeSet<PathBuf> = pages.into_iter().map(|(path, _)| path).collect();
    for entry in std::fs::read_dir(page::folder()).unwrap() {
        let path = entry.unwrap().path();
        let is_page = path.extension().is_some_and(|e| e == "md");
        assert!(
            !is_page || known.contains(&path),
            "{} is the page of no operator",
            path.display()
        );
    }
}
