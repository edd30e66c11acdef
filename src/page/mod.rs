//! The page of `phasor report`: what was found in a model, before and after, as one file of HTML that needs nothing else.
//!
//! Its parts are gathered first ([`scene`], [`form`], [`miss`], [`map`], [`times`]) and written then (`sections`). There is no script: graphs
//! are static SVG, and what folds is HTML's own. `maud` escapes every text, and what is from a model passes through [`shown`] before.
#![forbid(unsafe_code)]

pub(crate) mod file;
mod form;
mod graph;
mod map;
mod miss;
mod scene;
mod sections;
mod shown;
mod times;

pub use times::{Times, TimesError};

use crate::onnx::ModelFile;
use crate::pipeline::Findings;
use crate::report::{DiffReport, ExistingReport, FuseReport};
use form::{Form, Spot};
use miss::Miss;
use scene::Scene;

/// What a page is made of.
pub(crate) struct Subject<'a> {
    pub model: &'a ModelFile,
    /// The fused model, given or made; `None` if there is nothing to fuse.
    pub fused: Option<&'a ModelFile>,
    /// Whether it was given.
    pub is_given: bool,
    pub findings: &'a Findings,
    pub report: &'a FuseReport,
    pub diff: Option<&'a DiffReport>,
    pub existing: &'a [ExistingReport],
    pub times: Option<&'a Times>,
}

/// A page, and what is on it.
pub(crate) struct Page {
    pub html: String,
    /// Number of forms that the sites have.
    pub forms: usize,
}

/// What was gathered for a page.
struct Gathered<'a> {
    subject: &'a Subject<'a>,
    scenes: Vec<Scene<'a>>,
    spots: Vec<Spot>,
    forms: Vec<Form>,
    misses: Vec<Miss<'a>>,
}

impl Gathered<'_> {
    /// How many forms the sites have; tables have some of their own.
    fn forms_of_sites(&self) -> usize {
        let has_site = |form: &&Form| form.spots.iter().any(|&at| self.spots[at].site.is_some());
        self.forms.iter().filter(has_site).count()
    }
}

/// Makes the page.
pub(crate) fn page(subject: &Subject<'_>) -> Page {
    let scenes = Scene::all(subject.model, subject.fused, subject.findings);
    let (spots, forms) = form::all(subject.findings, &scenes);
    let misses = miss::all(&subject.report.refusals, &scenes);
    let gathered = Gathered {
        subject,
        scenes,
        spots,
        forms,
        misses,
    };
    Page {
        html: sections::page(&gathered).into_string(),
        forms: gathered.forms_of_sites(),
    }
}
