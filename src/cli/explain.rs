//! `phasor explain`: why a place is not fused, or how it is fused.

use std::path::PathBuf;

use crate::Model;
use crate::report::text;
use clap::Args;

use super::search::Sizes;
use super::{Advice, Ending, Format, print_data, print_json, streams, warn_of_missing_data};

/// How many similar names are suggested for one that the model does not have.
const OFFERED: usize = 3;

/// Explains near misses: how far each got, what stopped it, and how to fix it
#[derive(Args)]
pub(super) struct Explain {
    /// Model to read (.onnx); `-` for standard input
    input: PathBuf,
    /// Show only what is at or nearest to this node or value, sites that can be fused included
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    #[command(flatten)]
    sizes: Sizes,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

impl Explain {
    pub(super) fn run(self) -> anyhow::Result<Ending> {
        let model = streams::open(&self.input)?;
        warn_of_missing_data(&model, &|| {});
        let name = self.site.as_deref();
        let report = crate::explain(&model, name, &self.sizes.search())?
            .ok_or_else(|| unknown(&model, name.unwrap_or_default()))?;
        match self.format {
            Format::Json => print_json(&report)?,
            Format::Text => print_data(&text::explain(&report))?,
        }
        Ok(Ending::Good)
    }
}

/// The error for a name that the model does not have, with names that contain it as a hint.
pub fn unknown(model: &Model, name: &str) -> Advice {
    let nodes = model.graph().node.iter();
    let wanted = name.to_lowercase();
    let near: Vec<String> = nodes
        .flat_map(|node| {
            [node.name()]
                .into_iter()
                .chain(node.output.iter().map(String::as_str))
        })
        .filter(|known| !wanted.is_empty() && known.to_lowercase().contains(&wanted))
        .take(OFFERED)
        .map(|known| format!("`{known}`"))
        .collect();
    let hint = match near.is_empty() {
        true => format!(
            "`phasor inspect {}` lists the nodes of sites",
            model.path().display()
        ),
        false => format!("similar names: {}", near.join(", ")),
    };
    let path = model.path().display();
    Advice::new(format!("`{path}` has no node or value `{name}`"), hint)
}
