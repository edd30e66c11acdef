//! The fused model, made in memory to be looked at: nothing is written, and data files stay where they are.

use crate::engine::Source;
use crate::onnx::ModelFile;
use crate::verify;

use super::product::check;
use super::{Error, Options, Outcome, Progress, Proposal, Verdict, propose};

/// A model as [`fuse`](super::fuse) would write it, with all that is known of it.
#[derive(Debug)]
pub struct Preview {
    /// What was found, and how the models compare.
    pub outcome: Outcome,
    /// The fused model and the size of its file; `None` if there is nothing to fuse.
    pub fused: Option<(ModelFile, u64)>,
}

/// Makes the model that [`fuse`](super::fuse) would write, and compares it with the original. The goal of the options does not matter.
///
/// # Errors
/// Those of [`fuse`](super::fuse), except for those of the output.
pub fn preview(
    original: &ModelFile,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Preview, Error> {
    let Proposal {
        mut outcome,
        respelled,
        edit,
    } = propose(original, options, options.verify.is_some(), progress)?;
    if edit.is_empty() {
        return Ok(Preview {
            outcome,
            fused: None,
        });
    }
    let file = respelled.as_ref().unwrap_or(original);
    let edited = file.edited(&edit);
    let folder = original.path().parent();
    let new = Source::Proto(&edited, folder.filter(|_| !original.is_in_memory()));
    let verify = options.verify.as_ref();
    outcome.check = check(verify::source(original), new, verify, progress)?;
    outcome.verdict = match outcome.check.differs() {
        true => Verdict::Differs,
        false => Verdict::WouldFuse,
    };
    let bytes = file.edited_len(&edit) as u64;
    let fused = ModelFile::in_memory(original.path(), edited).map_err(Error::Rewritten)?;
    Ok(Preview {
        outcome,
        fused: Some((fused, bytes)),
    })
}
