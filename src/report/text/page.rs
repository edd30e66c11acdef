//! The report of `phasor report` as text: what is on the page, and where it is.

use super::{GOOD, count, paint, path, size, verification};
use crate::report::PageReport;

/// The report of `phasor report`.
pub fn page(report: &PageReport) -> String {
    let place = match &report.path {
        Some(file) => path(file),
        None => "the page".to_owned(),
    };
    let line = format!(
        "{} {place}: {} of {}, {}, {}, in {:.2} s\n",
        paint(GOOD, "Wrote"),
        count(report.sites, "site"),
        count(report.forms, "form"),
        count(report.refusals, "near miss"),
        size(report.bytes as u64),
        report.seconds,
    );
    verification(&report.verification) + &line
}
