//! `phasor lib-path`: where the operator library is.

use clap::Args;
use phasor::engine::locate;

use super::{Advice, Ending, print_data};

/// Prints the path of the operator library, for `register_custom_ops_library`
#[derive(Args)]
pub(super) struct LibPath {}

impl LibPath {
    pub(super) fn run(self) -> anyhow::Result<Ending> {
        let found = locate::operators(None).first().map_err(|tried| {
            let hint = format!(
                "build it with `cargo build --release -p phasor-ops`, or name it in `{}`",
                locate::OPS_VARIABLE
            );
            Advice::new(format!("the operator library was not found: {tried}"), hint)
        })?;
        let path = found.path.canonicalize().unwrap_or(found.path);
        print_data(&format!("{}\n", path.display()))?;
        Ok(Ending::Good)
    }
}
