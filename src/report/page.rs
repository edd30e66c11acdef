//! Report of `phasor report`.

use serde::Serialize;

use super::{ModelSummary, Tool, Verification};

/// What is on a page, and where it is.
#[derive(Clone, Debug, Serialize)]
pub struct PageReport {
    /// Version of this layout.
    pub schema: u32,
    /// Who wrote it.
    pub tool: Tool,
    /// The model that was read.
    pub model: ModelSummary,
    /// The file of the fused model, if one was given.
    pub fused: Option<String>,
    /// Number of sites.
    pub sites: usize,
    /// Number of forms that the sites have: those of equal form share a drawing.
    pub forms: usize,
    /// Number of near misses.
    pub refusals: usize,
    /// Comparison of the model with the fused one, given or made.
    pub verification: Verification,
    /// The file with the page, if one is written.
    pub path: Option<String>,
    /// Size of the page.
    pub bytes: usize,
    /// Time for all of it.
    pub seconds: f64,
    /// The page.
    #[serde(skip)]
    pub html: String,
}
