//! Recognises other kinds of files, for the message about a file that is not an ONNX model.

/// Beginnings of other files (offset, bytes, what they are).
const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (
        0,
        b"version https://git-lfs",
        "a git-lfs pointer; the model itself was not downloaded (run `git lfs pull`)",
    ),
    (
        0,
        b"PK\x03\x04",
        "a zip archive, perhaps a PyTorch checkpoint; export it to ONNX first",
    ),
    (
        0,
        b"\x80\x02",
        "a Python pickle, perhaps a PyTorch checkpoint; export it to ONNX first",
    ),
    (0, b"\x1f\x8b", "a gzip archive; unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive; unpack it first"),
    (
        0,
        b"\x89HDF",
        "an HDF5 file, perhaps a Keras model; convert it to ONNX first",
    ),
    (0, b"GGUF", "a GGUF file"),
    (
        4,
        b"ORTM",
        "a model in ONNX Runtime's own format; give the ONNX model it was made from",
    ),
    (
        4,
        b"TFL3",
        "a TensorFlow Lite model; convert it to ONNX first",
    ),
    (0, b"\x7fELF", "a program or library"),
    (0, b"\x93NUMPY", "a numpy array"),
];

/// What the bytes look like, if they look like something else than a model.
pub(super) fn sniff(data: &[u8]) -> Option<String> {
    if data.is_empty() {
        return Some("the file is empty".into());
    }
    let matches = |(at, bytes, _): &&(usize, &[u8], &str)| {
        data.get(*at..).is_some_and(|rest| rest.starts_with(bytes))
    };
    if let Some((_, _, what)) = SIGNATURES.iter().find(matches) {
        return Some(format!("it looks like {what}"));
    }
    if data.len() > 8 && data[8] == b'{' && data[4..8] == [0; 4] {
        return Some("it looks like a safetensors file, which holds weights but no graph".into());
    }
    let head = &data[..data.len().min(256)];
    let text = |b: &u8| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e);
    head.iter().all(text).then(|| "it looks like text".into())
}
