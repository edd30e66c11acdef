//! What earlier processes left is removed, and nothing else; and the permissions of what is written.

use std::fs;
use std::path::Path;

use phasor::onnx::{Edit, ModelFile};

use crate::stage::{drop_second, listing, saved, temporary};

fn write(file: &ModelFile, out: &Path, force: bool) {
    let staged = file.stage(&drop_second(), out, force);
    staged.expect("a staged model").commit().expect("a model");
}

#[test]
fn remnants_of_the_same_output_are_removed() {
    let folder = temporary();
    let file = ModelFile::open(saved(folder.path())).expect("a model");
    let at = |name: &str| folder.path().join(name);
    let kept = [
        // Of another output, with other names, and one that is somebody's link.
        ".other.onnx.phasor-0123abcd.onnx",
        ".out.onnx.phasor-0123abc.onnx",
        ".out.onnx.phasor-0123abcg.onnx",
        ".out.onnx.phasor-0123abcd.bin",
        "out.onnx.phasor-0123abcd.onnx",
    ];
    for name in kept.iter().chain(&[".out.onnx.phasor-0123abcd.onnx"]) {
        fs::write(at(name), "rest").expect("a file");
    }
    fs::create_dir(at(".out.onnx.phasor-89abcdef")).expect("a folder");
    fs::write(at(".out.onnx.phasor-89abcdef/w.bin"), "rest").expect("a file");
    drop(file.stage(&Edit::default(), &at("out.onnx"), false));
    let mut expected: Vec<&str> = kept.to_vec();
    if cfg!(not(unix)) {
        expected.extend([
            ".out.onnx.phasor-0123abcd.onnx",
            ".out.onnx.phasor-89abcdef",
            ".out.onnx.phasor-89abcdef/w.bin",
        ]);
    }
    expected.push("m.onnx");
    expected.sort_unstable();
    assert_eq!(listing(folder.path()), expected);
}

#[cfg(unix)]
#[test]
fn what_somebody_is_writing_is_no_remnant() {
    let folder = temporary();
    let file = ModelFile::open(saved(folder.path())).expect("a model");
    let out = folder.path().join("out.onnx");
    let link = folder.path().join(".out.onnx.phasor-0123abcd.onnx");
    std::os::unix::fs::symlink("m.onnx", &link).expect("a link");
    let held = folder.path().join(".out.onnx.phasor-89abcdef.onnx");
    fs::write(&held, "being written").expect("a file");
    let lock = fs::File::open(&held).expect("a file");
    lock.lock().expect("a lock");
    // Nor does a second output of this process disturb the first.
    let first = file.stage(&drop_second(), &out, false);
    let first = first.expect("a staged model");
    let second = file.stage(&drop_second(), &out, false);
    drop(second.expect("a staged model"));
    assert!(first.path().is_file() && held.is_file() && link.is_symlink());
    first.commit().expect("a model");
    drop(lock);
    write(&file, &out, true);
    assert!(!held.exists() && link.is_symlink());
}

#[test]
fn a_long_name_leaves_room_for_the_temporary_one() {
    let folder = temporary();
    let file = ModelFile::open(saved(folder.path())).expect("a model");
    // 255 bytes is what file systems allow.
    let name = format!("{}.onnx", "ä".repeat(125));
    write(&file, &folder.path().join(&name), false);
    assert_eq!(listing(folder.path()), ["m.onnx", name.as_str()]);
}

#[cfg(unix)]
#[test]
fn permissions_are_those_of_the_input_or_of_what_is_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let (from, to) = (temporary(), temporary());
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    };
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o7777;
    let model = crate::stage::with_data(from.path());
    let data = from.path().join("a.bin");
    // Bits that every usual umask leaves.
    set(&model, 0o600);
    set(&data, 0o400);
    let file = ModelFile::open(&model).expect("a model");
    let out = to.path().join("out.onnx");
    let staged = file.stage(&Edit::default(), &out, false);
    staged.expect("a staged model").commit().expect("a model");
    assert_eq!((mode(&out), mode(&to.path().join("a.bin"))), (0o600, 0o400));
    // Bits that every usual umask takes.
    set(&out, 0o666);
    let staged = file.stage(&Edit::default(), &out, true);
    staged.expect("a staged model").commit().expect("a model");
    assert_eq!(mode(&out), 0o666);
    // As a copy: what the umask takes is gone, and nothing is added.
    set(&model, 0o777);
    let fresh = to.path().join("fresh.onnx");
    let staged = file.stage(&Edit::default(), &fresh, false);
    staged.expect("a staged model").commit().expect("a model");
    let umask = std::process::Command::new("sh")
        .args(["-c", "umask"])
        .output();
    let umask = String::from_utf8(umask.expect("sh").stdout).expect("text");
    let umask = u32::from_str_radix(umask.trim(), 8).expect("a mode");
    assert_eq!(mode(&fresh), 0o777 & !umask);
}
