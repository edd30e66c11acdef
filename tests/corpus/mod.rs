//! The models of a corpus: folders with `model.onnx`, inputs and expected outputs, in the folder `PHASOR_CORPUS`.

use std::path::PathBuf;

/// The folders, narrowed by `PHASOR_CORPUS_ONLY` if that is set; `None`, having said so, if there is no corpus.
pub(crate) fn cases() -> Option<Vec<PathBuf>> {
    let Some(corpus) = std::env::var_os("PHASOR_CORPUS") else {
        println!("skipped: PHASOR_CORPUS names no corpus");
        return None;
    };
    let only = std::env::var("PHASOR_CORPUS_ONLY").unwrap_or_default();
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&corpus)
        .expect("the corpus folder can be listed")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|case| case.join("model.onnx").is_file())
        .filter(|case| only.is_empty() || case.to_string_lossy().contains(&only))
        .collect();
    cases.sort();
    Some(cases)
}
