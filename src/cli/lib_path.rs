//! `phasor lib-path`: where the operator library is.

use super::{Advice, Ending, print_data};
use crate::OPERATORS_VARIABLE;
use clap::Args;

/// Prints the path of the operator library, for `register_custom_ops_library`
#[derive(Args)]
pub(super) struct LibPath {}

impl LibPath {
    pub(super) fn run(self) -> anyhow::Result<Ending> {
        let path = crate::operator_library().map_err(|tried| {
            let hint = format!(
                "build it with `cargo build --release -p phasor-ops`, or name it in `{OPERATORS_VARIABLE}`"
            );
            Advice::new(format!("the operator library was not found: {tried}"), hint)
        })?;
        print_data(&format!("{}\n", path.display()))?;
        Ok(Ending::Good)
    }
}
