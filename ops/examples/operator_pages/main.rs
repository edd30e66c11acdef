//! Writes the pages of `docs/operators`: one per operator, made of its `OperatorSpec` and of the example beside them, and an index.
//!
//! ```text
//! cargo run --release -p phasor-ops --example operator_pages
//! ```

mod body;
mod page;

use std::process::ExitCode;

fn main() -> ExitCode {
    let write = || -> std::io::Result<()> {
        for (path, text) in page::all()? {
            std::fs::write(&path, text)?;
            println!("wrote `{}`", path.display());
        }
        Ok(())
    };
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
