//! The interface of the crate: one function a command.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::doctor::Installation;
use crate::engine::locate;
use crate::onnx::ModelFile;
use crate::page::{self, Times};
use crate::pipeline::{self, Check, Destination, Error, Options, Preview, Progress, Search};
use crate::report::{
    DiffReport, DoctorReport, ExistingReport, ExplainReport, FuseReport, InspectReport, PageReport,
    SCHEMA, Tool, UnfuseReport, VerifyReport,
};
use crate::verify::{self, Options as VerifyOptions};

/// Lists every position encoding of a model that is proven and confirmed, and the near misses.
///
/// ```
/// use phasor::{Model, Search, report::KindReport};
///
/// # fn main() -> Result<(), phasor::Error> {
/// let model = Model::open("models/llama-dynamo/model.onnx")?;
/// for site in phasor::inspect(&model, &Search::default())?.sites {
///     let KindReport::Rotary(rotary) = &site.kind else { continue };
///     assert_eq!(rotary.pairing, "half");
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A model that ONNX does not allow; a size for a dimension that the model does not have.
pub fn inspect(model: &ModelFile, search: &Search) -> Result<InspectReport, Error> {
    Ok(InspectReport::new(model, &pipeline::find(model, search)?))
}

/// Explains the near misses of a model: how far each got, what stopped it, and what to do about it.
///
/// With the `name` of a node or a value, only what is at or nearest to it; `None` if the model has neither.
///
/// ```
/// use phasor::{Model, Search};
///
/// # fn main() -> Result<(), phasor::Error> {
/// let model = Model::open("models/llama-dynamo/model.onnx")?;
/// let report = phasor::explain(&model, None, &Search::default())?.expect("no name, so none is unknown");
/// assert!(report.refusals.is_empty());
/// assert!(phasor::explain(&model, Some("nobody"), &Search::default())?.is_none());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`inspect`].
pub fn explain(
    model: &ModelFile,
    name: Option<&str>,
    search: &Search,
) -> Result<Option<ExplainReport>, Error> {
    let findings = pipeline::find(model, search)?;
    Ok(ExplainReport::new(model, &findings, name))
}

/// Replaces the position encodings of a model by native operators, compares the new model with the old one, and writes it.
///
/// That the models differ, or that there is nothing to fuse, is a verdict of the report and no error.
///
/// ```
/// use phasor::{FuseOptions, Model, report::Verdict};
///
/// # fn main() -> Result<(), phasor::Error> {
/// let model = Model::open("models/llama-dynamo/model.onnx")?;
/// // Without a goal of its own it only says what it would do.
/// let report = phasor::fuse(&model, &FuseOptions::default(), &mut ())?;
/// assert_eq!(report.verdict, Verdict::WouldFuse);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`inspect`]; a file that cannot be written, a target that the model's opset is too old for, an engine that is asked for by
/// name and cannot be used.
pub fn fuse(
    model: &ModelFile,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<FuseReport, Error> {
    fuse_and_report(model, options, progress, &mut |_| Ok(()))
}

/// Does what [`fuse`] does, and hands the report to `deliver` when everything is decided and no file is in its place yet: if it cannot be
/// delivered, nothing is written.
///
/// # Errors
/// Those of [`fuse`], and of `deliver`.
pub fn fuse_and_report(
    model: &ModelFile,
    options: &Options,
    progress: &mut dyn Progress,
    deliver: &mut dyn FnMut(&FuseReport) -> io::Result<()>,
) -> Result<FuseReport, Error> {
    let begun = Instant::now();
    let mut report = None;
    pipeline::fuse_and_report(model, options, progress, &mut |outcome| {
        deliver(report.insert(FuseReport::new(model, outcome, begun.elapsed())))
    })?;
    Ok(report.expect("a report before the end"))
}

/// Expands the fused nodes of a model to standard operators, compares the result with the model, and hands it over. Without `verify` nothing
/// is compared.
///
/// ```
/// use phasor::{Destination, FuseOptions, Goal, Model, VerifyOptions, report::UnfusedVerdict};
///
/// # fn main() -> Result<(), phasor::Error> {
/// let folder = tempfile::tempdir().expect("a temporary folder");
/// let [fused, plain] = ["fused.onnx", "plain.onnx"].map(|name| folder.path().join(name));
/// let goal = Goal::Write { path: fused.clone(), force: false };
/// let model = Model::open("models/llama-dynamo/model.onnx")?;
/// phasor::fuse(&model, &FuseOptions { goal, ..FuseOptions::default() }, &mut ())?;
///
/// let verify = VerifyOptions::default();
/// let output = Destination::File { path: &plain, force: false };
/// let report = phasor::unfuse(&Model::open(&fused)?, output, Some(&verify), &mut ())?;
/// assert_eq!(report.verdict, UnfusedVerdict::Unfused);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A node whose operator neither the model nor Phasor defines; a file that cannot be written; an engine that is asked for by name and cannot
/// be used.
pub fn unfuse(
    model: &ModelFile,
    output: Destination<'_>,
    verify: Option<&VerifyOptions>,
    progress: &mut dyn Progress,
) -> Result<UnfuseReport, Error> {
    unfuse_and_report(model, output, verify, progress, &mut |_| Ok(()))
}

/// Does what [`unfuse`] does, and hands the report to `deliver` before the file is in its place: if it cannot be delivered, nothing is
/// written.
///
/// # Errors
/// Those of [`unfuse`], and of `deliver`.
pub fn unfuse_and_report(
    model: &ModelFile,
    output: Destination<'_>,
    verify: Option<&VerifyOptions>,
    progress: &mut dyn Progress,
    deliver: &mut dyn FnMut(&UnfuseReport) -> io::Result<()>,
) -> Result<UnfuseReport, Error> {
    let begun = Instant::now();
    let mut report = None;
    pipeline::unfuse_and_report(model, output, verify, progress, &mut |outcome| {
        deliver(report.insert(UnfuseReport::new(model, outcome, begun.elapsed())))
    })?;
    Ok(report.expect("a report before the end"))
}

/// Runs two models on the same inputs and compares every output; `reference` is taken to be right.
///
/// ```
/// use std::path::Path;
/// use phasor::VerifyOptions;
///
/// # fn main() -> Result<(), phasor::Error> {
/// let model = Path::new("models/llama-dynamo/model.onnx");
/// let report = phasor::verify(model, model, &VerifyOptions::default(), &mut ())?;
/// assert!(report.report.same());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A model or inputs that cannot be read, models whose interfaces differ, an engine that is asked for by name and cannot be used.
pub fn verify(
    reference: &Path,
    model: &Path,
    options: &VerifyOptions,
    progress: &mut dyn Progress,
) -> Result<VerifyReport, Error> {
    let [reference, model] = [ModelFile::open(reference)?, ModelFile::open(model)?];
    verify_models(&reference, &model, options, progress)
}

/// Does what [`verify`] does with models that are opened, be they files or in memory.
///
/// # Errors
/// Those of [`verify`].
pub fn verify_models(
    reference: &ModelFile,
    model: &ModelFile,
    options: &VerifyOptions,
    progress: &mut dyn Progress,
) -> Result<VerifyReport, Error> {
    progress.begin("running both models");
    let [a, b] = [reference, model].map(verify::source);
    let report = verify::run(a, b, options);
    progress.end();
    Ok(VerifyReport::new(reference.path(), model.path(), report?))
}

/// Compares what two models are made of: operators, nodes, initializers and sizes.
///
/// ```
/// use phasor::Model;
///
/// # fn main() -> Result<(), phasor::ModelError> {
/// let model = Model::open("models/llama-dynamo/model.onnx")?;
/// let report = phasor::diff(&model, &model);
/// assert!(report.operators.iter().all(|operator| operator.before == operator.after));
/// # Ok(())
/// # }
/// ```
pub fn diff(before: &ModelFile, after: &ModelFile) -> DiffReport {
    DiffReport::new(before, after)
}

/// Times a model and its fused version in the user's ONNX Runtime, against each other.
///
/// # Errors
/// Models that cannot be read from their files, inputs that cannot be made, and an ONNX Runtime that is missing or does not run one of
/// the models.
pub fn bench(
    before: &ModelFile,
    after: &ModelFile,
    options: &crate::bench::Options,
    progress: &mut dyn Progress,
) -> Result<crate::report::BenchReport, verify::Error> {
    let measured = crate::bench::run(before, after, options, progress)?;
    Ok(crate::report::BenchReport::new(measured))
}

/// Loads a model in the user's ONNX Runtime, in this process, and runs it: how much memory that took.
pub(crate) fn footprint(
    model: &ModelFile,
    options: &crate::bench::Options,
) -> Result<impl serde::Serialize + use<>, verify::Error> {
    crate::bench::footprint(model, options)
}

/// What a page shows, and how it is found out.
#[derive(Debug)]
pub struct ReportOptions<'a> {
    /// The fused model; `None` to make it in memory.
    pub fused: Option<&'a ModelFile>,
    /// How the model is searched.
    pub search: Search,
    /// How both models are compared; `None` leaves that out.
    pub verify: Option<VerifyOptions>,
    /// What `phasor bench` measured of them.
    pub times: Option<&'a Times>,
    /// Where the page goes; the report has it as well.
    pub output: Destination<'a>,
}

impl Default for ReportOptions<'_> {
    /// Makes the fused model and compares it; writes nothing.
    fn default() -> Self {
        Self {
            fused: None,
            search: Search::default(),
            verify: Some(VerifyOptions::default()),
            times: None,
            output: Destination::Memory,
        }
    }
}

/// Makes a page of what is in a model, before and after it is fused: the sites as graphs, the near misses, the comparison of both models,
/// and what they are made of. It is one file of HTML that needs nothing else.
///
/// ```
/// use phasor::{Model, ReportOptions};
///
/// # fn main() -> Result<(), phasor::Error> {
/// let model = Model::open("models/llama-dynamo/model.onnx")?;
/// let report = phasor::report(&model, &ReportOptions::default(), &mut ())?;
/// assert!(report.sites == 6 && report.html.starts_with("<!DOCTYPE html>"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`fuse`]; with a fused model, those of [`verify`] as well.
pub fn report(
    model: &ModelFile,
    options: &ReportOptions<'_>,
    progress: &mut dyn Progress,
) -> Result<PageReport, Error> {
    let begun = Instant::now();
    if let Destination::File { path, force } = options.output {
        let fused = options.fused.map(ModelFile::path);
        let times = options.times.and_then(|times| times.file.as_deref());
        let read = [Some(model.path()), fused, times].into_iter().flatten();
        page::file::check(path, force, read)?;
    }
    let how = Options {
        search: options.search.clone(),
        verify: options.verify.clone().filter(|_| options.fused.is_none()),
        ..Options::default()
    };
    let Preview {
        mut outcome,
        fused: made,
    } = pipeline::preview(model, &how, progress)?;
    if let Some(given) = options.fused {
        outcome.check = match &options.verify {
            Some(how) => Check::Done(verify_models(model, given, how, progress)?.report),
            None => Check::LeftOut,
        };
    }
    let fused = options.fused.or(made.as_ref().map(|(file, _)| file));
    let diff = fused.map(|fused| {
        let mut diff = DiffReport::new(model, fused);
        // A model that was made here has no file to take the size of.
        if let (None, Some((_, bytes))) = (options.fused, &made) {
            diff.after.model.bytes = *bytes;
        }
        diff
    });
    let report = FuseReport::new(model, &outcome, begun.elapsed());
    let page = page::page(&page::Subject {
        model,
        fused,
        is_given: options.fused.is_some(),
        findings: &outcome.findings,
        report: &report,
        diff: diff.as_ref(),
        existing: &ExistingReport::all(model),
        times: options.times,
    });
    let mut path = None;
    if let Destination::File { path: file, .. } = options.output {
        page::file::write(file, &page.html)?;
        path = Some(file.display().to_string());
    }
    Ok(PageReport {
        schema: SCHEMA,
        tool: Tool::THIS,
        model: report.model,
        fused: options
            .fused
            .map(|fused| fused.path().display().to_string()),
        sites: report.sites.len(),
        forms: page.forms,
        refusals: report.refusals.len(),
        verification: report.verification,
        path,
        bytes: page.html.len(),
        seconds: begun.elapsed().as_secs_f64(),
        html: page.html,
    })
}

/// Looks for what models are run with on this machine. `onnxruntime` and `operators` are libraries that the user names, instead of those
/// that the program looks for.
///
/// ```
/// let report = phasor::doctor(None, None);
/// assert!(report.installation.instruction_sets.contains(&"scalar"));
/// ```
pub fn doctor(onnxruntime: Option<&Path>, operators: Option<&Path>) -> DoctorReport {
    DoctorReport::new(Installation::examine(onnxruntime, operators))
}

/// The operator library that ONNX Runtime is to register, from where the program looks for it.
///
/// # Errors
/// Where it was sought, in a sentence without a full stop.
pub fn operator_library() -> Result<PathBuf, String> {
    let found = locate::operators(None).first()?;
    Ok(found.path.canonicalize().unwrap_or(found.path))
}

#[cfg(all(test, feature = "tract"))]
mod tests {
    use crate::onnx::proto::{StringStringEntryProto, TensorProto};
    use crate::onnx::{ModelFile, text as onnx_text};
    use crate::pipeline::{Goal, Options, Search};
    use crate::report::{Verdict, text};
    use crate::rewrite::Target;
    use prost::Message;

    const TOY: &str = r#"<ir_version: 8, opset_import: ["": 17]>
        graph (float x) => (float y) { [toy] y = Add (x, x) }"#;

    /// Beside its own modules a family is named where its kind is matched, and nowhere else: this one is found, confirmed, rewritten
    /// and reported.
    #[test]
    fn a_family_needs_its_own_modules_and_the_matches_on_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        let [path, output] = ["toy.onnx", "fused.onnx"].map(|name| folder.path().join(name));
        std::fs::write(&path, onnx_text::model(TOY).unwrap().encode_to_vec()).unwrap();
        let model = ModelFile::open(&path).unwrap();
        let report = super::inspect(&model, &Search::default()).unwrap();
        let [site] = &report.sites[..] else {
            panic!("{report:#?}");
        };
        assert!(site.probes > 0 && site.max_diff == 0.0, "{site:#?}");
        let listed = text::inspect(&report);
        assert!(listed.contains("linear"), "{listed}");
        let printed = serde_json::to_value(site).unwrap();
        assert_eq!(
            (&printed["family"], &printed["x"]),
            (&"toy".into(), &"x".into())
        );
        let explained = super::explain(&model, Some("toy"), &Search::default()).unwrap();
        let explained = text::explain(&explained.unwrap());
        assert!(explained.contains("site"), "{explained}");

        let options = Options {
            goal: Goal::Write {
                path: output.clone(),
                force: false,
            },
            ..Options::default()
        };
        let report = super::fuse(&model, &options, &mut ()).unwrap();
        assert_eq!(report.verdict, Verdict::Fused);
        let fused = ModelFile::open(&output).unwrap();
        assert_eq!(fused.graph().node[0].op_type(), "Mul");

        let check = Options {
            target: Target::Contrib,
            ..Options::default()
        };
        let report = super::fuse(&model, &check, &mut ()).unwrap();
        assert_eq!(report.unsupported.len(), 1);
    }

    #[test]
    fn what_is_given_back_in_memory_is_what_would_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("toy.onnx");
        let content = onnx_text::model(TOY).unwrap().encode_to_vec();
        std::fs::write(&path, &content).unwrap();
        let written = {
            let goal = Goal::Write {
                path: folder.path().join("fused.onnx"),
                force: false,
            };
            let options = Options {
                goal,
                ..Options::default()
            };
            let report = super::fuse(&ModelFile::open(&path).unwrap(), &options, &mut ()).unwrap();
            assert!(report.bytes.is_none());
            std::fs::read(report.written.unwrap().path).unwrap()
        };
        let options = Options {
            goal: Goal::Return,
            ..Options::default()
        };
        let in_memory = ModelFile::from_memory(content.into()).unwrap();
        for model in [&in_memory, &ModelFile::open(&path).unwrap()] {
            let report = super::fuse(model, &options, &mut ()).unwrap();
            assert_eq!(report.verdict, Verdict::Fused);
            assert!(report.written.is_none() && report.bytes.as_deref() == Some(&written[..]));
            assert!(text::fuse(&report).contains("Fused"));
        }
    }

    #[test]
    fn a_model_in_memory_has_no_data_files() {
        let mut model = onnx_text::model(TOY).unwrap();
        let entry = |key: &str, value: &str| StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value.to_owned()),
        };
        let graph = model.graph.as_mut().unwrap();
        graph.initializer.push(TensorProto {
            name: Some("w".to_owned()),
            dims: vec![1],
            data_type: Some(1),
            data_location: Some(1),
            external_data: vec![entry("location", "weights.bin")],
            ..TensorProto::default()
        });
        let error = ModelFile::from_memory(model.encode_to_vec().into()).unwrap_err();
        assert!(error.to_string().contains("`weights.bin`"), "{error}");
        assert!(error.hint().is_some());
    }
}
