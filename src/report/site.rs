//! A site, as reports show it: what all families have in common, and what its own adds.

use serde::Serialize;

use super::attention::AttentionReport;
use super::relative::{AlibiReport, RelativeBiasReport, RelativeGatherReport};
use super::rotary::RotaryReport;
use super::sinusoidal::SinusoidalReport;
use crate::pipeline::{Findings, Found};
use crate::recognize::{Kind, Site};

/// One position encoding.
#[derive(Clone, Debug, Serialize)]
pub struct SiteReport {
    /// Rule that proved it.
    pub rule: &'static str,
    /// Node that produces `y`.
    pub node: String,
    /// The encoded tensor.
    pub y: String,
    /// Symbolic shape of `y`.
    pub shape: String,
    /// Element type of `y`.
    pub dtype: String,
    /// What is proven.
    pub proof: &'static str,
    /// Whether it holds for finite inputs alone.
    pub assumes_finite: bool,
    /// Largest difference from the reference while it was probed.
    pub max_diff: f64,
    /// Number of probes.
    pub probes: usize,
    /// What the family adds, with the name of the family.
    #[serde(flatten)]
    pub kind: KindReport,
}

/// What a family adds to its sites.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "family", rename_all = "kebab-case")]
#[cfg_attr(test, allow(clippy::large_enum_variant))]
pub enum KindReport {
    /// Rotary embeddings.
    Rotary(RotaryReport),
    /// Biases that are read from a table by distance.
    RelativeBias(RelativeBiasReport),
    /// Scores that are gathered by distance.
    RelativeGather(RelativeGatherReport),
    /// Biases that are linear in the distance.
    Alibi(AlibiReport),
    /// Sinusoidal embeddings.
    Sinusoidal(SinusoidalReport),
    /// Attention.
    Attention(AttentionReport),
    /// Toys, which show what a family needs.
    #[cfg(test)]
    #[allow(missing_docs)]
    Toy { x: String },
}

impl SiteReport {
    /// What a rotary site adds; `None` for another family.
    pub fn rotary(&self) -> Option<&RotaryReport> {
        match &self.kind {
            KindReport::Rotary(rotary) => Some(rotary),
            KindReport::RelativeBias(_)
            | KindReport::RelativeGather(_)
            | KindReport::Alibi(_)
            | KindReport::Sinusoidal(_)
            | KindReport::Attention(_) => None,
            #[cfg(test)]
            KindReport::Toy { .. } => None,
        }
    }

    /// The reports of all sites.
    pub(super) fn all(findings: &Findings) -> Vec<Self> {
        let sites = findings.sites.iter();
        sites.map(|found| Self::new(found, findings)).collect()
    }

    /// The report of a site among everything that was found.
    fn new(found: &Found, findings: &Findings) -> Self {
        let Found {
            site, confirmed, ..
        } = found;
        let kind = match &site.kind {
            Kind::Rotary(rotary) => {
                KindReport::Rotary(RotaryReport::new(rotary, found.scope, findings))
            }
            Kind::RelativeBias(bias) => KindReport::RelativeBias(bias.into()),
            Kind::RelativeGather(gather) => KindReport::RelativeGather(gather.into()),
            Kind::Alibi(alibi) => KindReport::Alibi(alibi.into()),
            Kind::Sinusoidal(sinusoidal) => {
                KindReport::Sinusoidal(SinusoidalReport::new(sinusoidal))
            }
            Kind::Attention(attention) => KindReport::Attention(attention.into()),
            #[cfg(test)]
            Kind::Toy(toy) => KindReport::Toy { x: toy.x.clone() },
        };
        let Site {
            rule,
            proof,
            assumes_finite,
            ..
        } = *site;
        Self {
            rule,
            node: site.node_name.clone(),
            y: site.y.clone(),
            shape: site.shape.clone(),
            dtype: site.dtype.to_string(),
            proof: proof.as_str(),
            assumes_finite,
            max_diff: confirmed.max_diff,
            probes: confirmed.probes,
            kind,
        }
    }
}
