//! What this program is: its version, the commit it was built from, and the parts that it has.

use std::sync::LazyLock;

use clap::Args;

use super::{Ending, print_data};

/// The version with the commit and the features; the commit is known where `PHASOR_COMMIT` was set when it was compiled.
static LONG: LazyLock<String> = LazyLock::new(|| {
    let commit = option_env!("PHASOR_COMMIT").map(|commit| format!("commit {commit}"));
    let features = match (cfg!(feature = "ort"), cfg!(feature = "tract")) {
        (true, true) => "with ort and tract",
        (true, false) => "with ort",
        (false, true) => "with tract",
        (false, false) => "without engines",
    };
    let details: Vec<String> = commit.into_iter().chain([features.to_owned()]).collect();
    format!("{} ({})", env!("CARGO_PKG_VERSION"), details.join(", "))
});

/// What `--version` prints after the name.
pub(super) fn long() -> &'static str {
    &LONG
}

/// Prints the version
#[derive(Args)]
pub(super) struct Version {}

impl Version {
    pub(super) fn run(self) -> anyhow::Result<Ending> {
        print_data(&format!("phasor {}\n", long()))?;
        Ok(Ending::Good)
    }
}
