//! Over the models of the repository and a corpus of exported ones: all are what ONNX allows.
//!
//! `PHASOR_CORPUS` names a folder of folders, each with `model.onnx`.

mod corpus;

use phasor::onnx::ModelFile;
use std::path::Path;

#[test]
fn exported_models_are_valid() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let own = std::fs::read_dir(own).expect("the models").flatten();
    let mut cases: Vec<_> = own
        .map(|entry| entry.path())
        .filter(|case| case.join("model.onnx").is_file())
        .collect();
    assert!(cases.len() >= 7, "{} models", cases.len());
    cases.extend(corpus::cases().unwrap_or_default());
    let mut refused = 0;
    for case in &cases {
        let file = ModelFile::open(case.join("model.onnx"));
        if let Err(error) = file.and_then(|file| file.validate()) {
            refused += 1;
            println!("refused: {error}");
        }
    }
    println!("{} models, {refused} refused", cases.len());
    assert_eq!(refused, 0);
}
