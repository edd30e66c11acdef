//! Writes `docs/rules.md` from the pages of the rules.
//!
//! ```text
//! cargo run --release --example rule_pages
//! ```

mod page;

use std::process::ExitCode;

fn main() -> ExitCode {
    let path = page::path();
    match std::fs::write(&path, page::text()) {
        Ok(()) => {
            println!("wrote `{}`", path.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: `{}` cannot be written: {error}", path.display());
            ExitCode::from(2)
        }
    }
}
