//! `phasor bench` without an ONNX Runtime; with one, the tests in Python run it.

use crate::support::{code, model, phasor, stderr};

#[test]
fn it_needs_onnxruntime_and_models() {
    let llama = model("llama-dynamo");
    let llama = llama.to_str().unwrap();
    let output = phasor(["bench", llama, llama, "--ort", "nobody.so"]);
    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("no file `nobody.so`"),
        "{}",
        stderr(&output)
    );
    assert!(!stderr(&output).contains("tract"), "{}", stderr(&output));
    for seconds in ["-1", "nan", "inf", "61"] {
        let output = phasor(["bench", llama, llama, "--seconds", seconds]);
        assert_eq!(code(&output), 2, "{seconds}");
    }
}
