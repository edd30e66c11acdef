//! Outputs appear whole or not at all, with the data files they need.

use std::fs;
use std::path::{Path, PathBuf};

use phasor::onnx::proto::GraphProto;
use phasor::onnx::{Edit, Error, ModelFile};
use prost::Message;
use tempfile::TempDir;

use crate::build::{external, model, node, number, small, varint};

pub(crate) fn temporary() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Everything below a folder, as relative paths.
pub(crate) fn listing(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path.clone());
            }
            let relative = path.strip_prefix(folder).expect("a path below");
            found.push(relative.display().to_string());
        }
    }
    found.sort();
    found
}

pub(crate) fn drop_second() -> Edit {
    Edit {
        remove_nodes: [1].into_iter().collect(),
        ..Edit::default()
    }
}

pub(crate) fn saved(folder: &Path) -> PathBuf {
    let path = folder.join("m.onnx");
    fs::write(&path, small().encode_to_vec()).expect("a model file");
    path
}

#[test]
fn a_staged_output_appears_on_commit_only() {
    let folder = temporary();
    let file = ModelFile::open(saved(folder.path())).expect("a model");
    let out = folder.path().join("out.onnx");
    let staged = file
        .stage(&drop_second(), &out, false)
        .expect("a staged model");
    assert!(!out.exists());
    assert_eq!(
        ModelFile::open(staged.path())
            .expect("a model")
            .graph()
            .node
            .len(),
        1
    );
    drop(staged);
    assert_eq!(listing(folder.path()), ["m.onnx"]);
    let written = file
        .stage(&drop_second(), &out, false)
        .expect("a staged model")
        .commit()
        .expect("a model");
    assert_eq!(
        (written.path.as_path(), written.bytes as u64),
        (out.as_path(), fs::metadata(&out).expect("a file").len())
    );
    assert_eq!(listing(folder.path()), ["m.onnx", "out.onnx"]);
}

#[test]
fn nothing_is_overwritten_unasked() {
    let folder = temporary();
    let path = saved(folder.path());
    let file = ModelFile::open(&path).expect("a model");
    let error = file
        .stage(&drop_second(), &path, false)
        .expect_err("the input exists");
    assert!(matches!(error, Error::Exists { .. }) && error.hint().is_some());
    // A file that appears between staging and committing is safe too.
    let out = folder.path().join("out.onnx");
    let staged = file
        .stage(&drop_second(), &out, false)
        .expect("a staged model");
    fs::write(&out, "mine").expect("a file");
    assert!(matches!(staged.commit(), Err(Error::Exists { .. })));
    assert_eq!(fs::read(&out).expect("a file"), b"mine");
    assert_eq!(listing(folder.path()), ["m.onnx", "out.onnx"]);
}

#[test]
fn the_input_can_be_replaced_while_it_is_open() {
    let folder = temporary();
    let path = saved(folder.path());
    let file = ModelFile::open(&path).expect("a model");
    file.stage(&drop_second(), &path, true)
        .expect("a staged model")
        .commit()
        .expect("a model");
    assert_eq!(
        ModelFile::open(&path).expect("a model").graph().node.len(),
        1
    );
    let tensor = &file.graph().initializer[0];
    assert_eq!(
        file.tensor(tensor)
            .expect("the old bytes")
            .to_f64()
            .expect("numbers"),
        [1.0, 2.0]
    );
    assert_eq!(listing(folder.path()), ["m.onnx"]);
}

#[test]
fn a_target_that_cannot_be_written_is_an_error() {
    let folder = temporary();
    let file = ModelFile::open(saved(folder.path())).expect("a model");
    let gone = file.stage(&Edit::default(), &folder.path().join("no/out.onnx"), true);
    let gone = gone.expect_err("no such folder");
    assert!(
        gone.to_string()
            .contains("no/out.onnx`: cannot be written: there is no folder `")
            && gone
                .hint()
                .is_some_and(|hint| hint.contains("create the folder")),
        "{gone}"
    );
    let slash = file.stage(&Edit::default(), &folder.path().join("new/"), true);
    let slash = slash.expect_err("the name of a folder");
    assert!(
        slash.to_string().contains("there is no folder `"),
        "{slash}"
    );
    let below_a_file = file.stage(
        &Edit::default(),
        &folder.path().join("m.onnx/out.onnx"),
        true,
    );
    let below_a_file = below_a_file.expect_err("no folder");
    assert!(
        below_a_file.to_string().contains("m.onnx` is not a folder")
            && below_a_file.hint().is_some(),
        "{below_a_file}"
    );
    let is_folder = file.stage(&Edit::default(), folder.path(), true);
    assert!(
        is_folder
            .expect_err("a folder")
            .to_string()
            .contains("it is a folder")
    );
    assert_eq!(listing(folder.path()), ["m.onnx"]);
}

#[cfg(unix)]
#[test]
fn only_files_are_replaced() {
    let folder = temporary();
    let file = ModelFile::open(saved(folder.path())).expect("a model");
    let [pipe, nowhere] = ["pipe", "nowhere"].map(|name| folder.path().join(name));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    std::os::unix::fs::symlink(folder.path().join("gone"), &nowhere).expect("a link");
    for (path, what) in [(&pipe, "a pipe"), (&nowhere, "a link that leads nowhere")] {
        let error = file.stage(&drop_second(), path, true);
        let error = error.expect_err("no file");
        assert!(error.to_string().contains(what), "{error}");
        assert!(matches!(error, Error::NotAFile { .. }) && error.hint().is_some());
    }
    // Nor is what appears there meanwhile.
    let out = folder.path().join("out.onnx");
    let staged = file.stage(&drop_second(), &out, true);
    let staged = staged.expect("a staged model");
    fs::rename(&pipe, &out).expect("a moved pipe");
    assert!(matches!(staged.commit(), Err(Error::NotAFile { .. })));
    assert_eq!(listing(folder.path()), ["m.onnx", "nowhere", "out.onnx"]);
}

#[cfg(unix)]
#[test]
fn an_output_is_written_through_a_link() {
    let (store, folder) = (temporary(), temporary());
    let path = saved(store.path());
    let link = folder.path().join("link.onnx");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    let file = ModelFile::open(&link).expect("a model");
    assert!(matches!(
        file.stage(&drop_second(), &link, false),
        Err(Error::Exists { .. })
    ));
    let staged = file.stage(&drop_second(), &link, true);
    staged.expect("a staged model").commit().expect("a model");
    assert!(link.is_symlink() && !path.is_symlink());
    let nodes = |path| ModelFile::open(path).expect("a model").graph().node.len();
    assert_eq!((nodes(&path), nodes(&link)), (1, 1));
    assert_eq!(listing(folder.path()), ["link.onnx"]);
    // Data files could not be found from both folders.
    let path = with_data(store.path());
    let file = ModelFile::open(&path).expect("a model");
    let error = file.stage(&Edit::default(), &link, true);
    let error = error.expect_err("a link away from the data");
    assert!(error.to_string().contains("another folder"), "{error}");
}

/// A model with data in `a.bin` and `sub/b.bin`, the latter in an attribute of a node.
pub(crate) fn with_data(folder: &Path) -> PathBuf {
    let mut constant = node("Constant", "c", &[], &["y"]);
    let tensor = external("", &[1], &[("location", "sub/b.bin")]);
    constant
        .attribute
        .push(phasor::onnx::proto::AttributeProto {
            name: Some("value".into()),
            r#type: Some(4),
            t: Some(Box::new(tensor)),
            ..Default::default()
        });
    let graph = GraphProto {
        initializer: vec![external("w", &[1], &[("location", "a.bin")])],
        node: vec![constant],
        ..Default::default()
    };
    fs::create_dir(folder.join("sub")).expect("a folder");
    fs::write(folder.join("a.bin"), 1.0f32.to_le_bytes()).expect("a data file");
    fs::write(folder.join("sub/b.bin"), 2.0f32.to_le_bytes()).expect("a data file");
    let path = folder.join("m.onnx");
    fs::write(&path, model(graph).encode_to_vec()).expect("a model file");
    path
}

#[test]
fn data_files_come_along_into_another_folder() {
    let (from, to) = (temporary(), temporary());
    let file = ModelFile::open(with_data(from.path())).expect("a model");
    let out = to.path().join("out.onnx");
    let staged = file
        .stage(&Edit::default(), &out, false)
        .expect("a staged model");
    let moved = ModelFile::open(staged.path()).expect("a model");
    let tensor = &moved.graph().initializer[0];
    assert_eq!(
        moved
            .tensor(tensor)
            .expect("a tensor")
            .to_f64()
            .expect("numbers"),
        [1.0]
    );
    drop(staged);
    assert!(listing(to.path()).is_empty());
    let staged = file
        .stage(&Edit::default(), &out, false)
        .expect("a staged model");
    assert_eq!(staged.commit().expect("a model").data.len(), 2);
    assert_eq!(
        listing(to.path()),
        ["a.bin", "out.onnx", "sub", "sub/b.bin"]
    );
    #[cfg(unix)]
    {
        // A second link to a data file makes onnx 1.21 and later refuse both models.
        use std::os::unix::fs::MetadataExt;
        let links = |folder: &TempDir| {
            fs::metadata(folder.path().join("a.bin"))
                .expect("a file")
                .nlink()
        };
        assert_eq!((links(&from), links(&to)), (1, 1));
    }
    // A second output beside it finds its data there.
    let second = file.stage(&Edit::default(), &to.path().join("two.onnx"), false);
    assert!(
        second
            .expect("a staged model")
            .commit()
            .expect("a model")
            .data
            .is_empty()
    );
    // Beside the input nothing needs to move.
    let beside = file.stage(&Edit::default(), &from.path().join("two.onnx"), false);
    assert!(
        beside
            .expect("a staged model")
            .commit()
            .expect("a model")
            .data
            .is_empty()
    );
    assert_eq!(
        listing(from.path()),
        ["a.bin", "m.onnx", "sub", "sub/b.bin", "two.onnx"]
    );
}

#[test]
fn data_no_longer_needed_stays_behind() {
    let (from, to) = (temporary(), temporary());
    let file = ModelFile::open(with_data(from.path())).expect("a model");
    let edit = Edit {
        remove_initializers: ["w".to_owned()].into_iter().collect(),
        ..Edit::default()
    };
    file.stage(&edit, &to.path().join("out.onnx"), false)
        .expect("a staged model")
        .commit()
        .expect("a model");
    assert_eq!(listing(to.path()), ["out.onnx", "sub", "sub/b.bin"]);
}

#[test]
fn other_data_of_that_name_is_never_replaced() {
    let (from, to) = (temporary(), temporary());
    let file = ModelFile::open(with_data(from.path())).expect("a model");
    let other = to.path().join("sub/b.bin");
    fs::create_dir(to.path().join("sub")).expect("a folder");
    fs::write(&other, "mine").expect("a file");
    let out = to.path().join("out.onnx");
    // `force` is for the model, even where it is the one that the data belonged to.
    fs::write(&out, "old").expect("a file");
    let error = file.stage(&Edit::default(), &out, true);
    let error = error.expect_err("other data");
    assert!(
        matches!(&error, Error::OtherData { file, location } if *file == other && location == "sub/b.bin")
    );
    assert!(error.hint().is_some_and(|hint| hint.contains("`--force`")));
    assert_eq!(listing(to.path()), ["out.onnx", "sub", "sub/b.bin"]);
    assert_eq!(fs::read(&other).expect("a file"), b"mine");
    // Nor is data that appears there meanwhile; what was put in place before it goes again.
    fs::remove_dir_all(to.path().join("sub")).expect("a folder to remove");
    let staged = file.stage(&Edit::default(), &out, true);
    let staged = staged.expect("a staged model");
    fs::create_dir(to.path().join("sub")).expect("a folder");
    fs::write(&other, "mine").expect("a file");
    assert!(matches!(staged.commit(), Err(Error::Exists { .. })));
    assert_eq!(listing(to.path()), ["out.onnx", "sub", "sub/b.bin"]);
    assert_eq!(fs::read(&out).expect("a file"), b"old");
    // The same data is shared.
    fs::write(&other, 2.0f32.to_le_bytes()).expect("a file");
    let staged = file.stage(&Edit::default(), &out, true);
    let written = staged.expect("a staged model").commit().expect("a model");
    assert_eq!(written.data, [to.path().join("a.bin")]);
}

#[test]
fn an_output_is_no_data_file() {
    let (from, clean) = (temporary(), temporary());
    let file = ModelFile::open(with_data(from.path())).expect("a model");
    for out in [from.path().join("a.bin"), clean.path().join("a.bin")] {
        assert!(file.stage(&Edit::default(), &out, true).is_err());
    }
    assert!(listing(clean.path()).is_empty());
}

#[test]
fn folders_made_for_data_go_again() {
    let (from, to) = (temporary(), temporary());
    let file = ModelFile::open(with_data(from.path())).expect("a model");
    let out = to.path().join("out.onnx");
    let staged = file.stage(&Edit::default(), &out, false);
    let staged = staged.expect("a staged model");
    fs::write(&out, "mine").expect("a file");
    assert!(matches!(staged.commit(), Err(Error::Exists { .. })));
    assert_eq!(listing(to.path()), ["out.onnx"]);
}

#[test]
fn missing_data_is_reported_and_no_obstacle() {
    let (from, to) = (temporary(), temporary());
    let path = with_data(from.path());
    fs::remove_file(from.path().join("a.bin")).expect("a file to remove");
    let file = ModelFile::open(&path).expect("a model");
    let staged = file.stage(&Edit::default(), &to.path().join("out.onnx"), false);
    let written = staged.expect("a staged model").commit().expect("a model");
    assert_eq!(written.absent.len(), 1);
    assert!(written.absent[0].contains("a.bin"), "{:?}", written.absent);
}

#[cfg(unix)]
#[test]
fn links_to_data_are_followed_as_far_as_runtimes_follow_them() {
    use std::os::unix::fs::symlink;
    let (from, to) = (temporary(), temporary());
    let path = with_data(from.path());
    // As in the cache of a hub: model and data are links into one folder.
    let (blobs, snapshot) = (from.path().join("blobs"), from.path().join("snapshot"));
    for folder in [&blobs, &snapshot] {
        fs::create_dir(folder).expect("a folder");
    }
    fs::rename(&path, blobs.join("1")).expect("a moved file");
    fs::rename(from.path().join("a.bin"), blobs.join("2")).expect("a moved file");
    fs::rename(from.path().join("sub"), snapshot.join("sub")).expect("a moved folder");
    symlink("../blobs/1", snapshot.join("m.onnx")).expect("a link");
    symlink("../blobs/2", snapshot.join("a.bin")).expect("a link");
    let file = ModelFile::open(snapshot.join("m.onnx")).expect("a model");
    let staged = file.stage(&Edit::default(), &to.path().join("out.onnx"), false);
    let written = staged.expect("a staged model").commit().expect("a model");
    assert!(written.absent.is_empty(), "{:?}", written.absent);
    let brought = fs::symlink_metadata(to.path().join("a.bin")).expect("a data file");
    assert!(brought.is_file());
    // A model beside the links is no link itself, and may not follow them.
    let error = file.stage(&Edit::default(), &snapshot.join("out.onnx"), false);
    let error = error.expect_err("data out of reach");
    assert!(matches!(&error, Error::LinkedData { location, .. } if location == "a.bin"));
    assert!(error.hint().is_some());
    // A link of a model that lies in the open leads nowhere else.
    fs::remove_file(snapshot.join("m.onnx")).expect("a link to remove");
    fs::rename(blobs.join("1"), snapshot.join("m.onnx")).expect("a moved file");
    let file = ModelFile::open(snapshot.join("m.onnx")).expect("a model");
    let error = file.tensor(&file.graph().initializer[0]);
    let error = error.expect_err("a link out of the folder").to_string();
    assert!(
        error.contains("outside the model's folder: it is a link"),
        "{error}"
    );
}

/// A model whose single initializer is `len` bytes of a sparse file.
fn huge(folder: &Path, len: u64) -> PathBuf {
    use std::io::Write;
    let field = |tag: u64, len: u64| [varint(tag << 3 | 2), varint(len)].concat();
    let tensor_head = [
        number(1, len),
        number(2, 3),
        crate::build::field(8, b"w"),
        field(9, len),
    ]
    .concat();
    let tensor_len = tensor_head.len() as u64 + len;
    let graph_head = field(5, tensor_len);
    let graph = field(7, graph_head.len() as u64 + tensor_len);
    let head = [number(1, 8), graph, graph_head, tensor_head].concat();
    let path = folder.join("huge.onnx");
    let mut file = fs::File::create(&path).expect("a file");
    file.write_all(&head).expect("a head");
    file.set_len(head.len() as u64 + len)
        .expect("a sparse file");
    path
}

#[test]
fn an_output_that_outgrows_protobuf_is_refused() {
    let folder = temporary();
    let path = huge(folder.path(), (1 << 31) - 100);
    let file = ModelFile::open(&path).expect("a large model");
    let edit = Edit {
        metadata: vec![("k".into(), "v".repeat(100))],
        ..Edit::default()
    };
    let error = file
        .stage(&edit, &folder.path().join("out.onnx"), false)
        .expect_err("too large");
    assert!(
        matches!(error, Error::TooLarge { .. }) && error.hint().is_some(),
        "{error}"
    );
    assert_eq!(listing(folder.path()), ["huge.onnx"]);
}

#[test]
fn files_beyond_protobufs_limit_are_read() {
    let folder = temporary();
    let path = huge(folder.path(), 5 << 30);
    let file = ModelFile::open(&path).expect("a very large model");
    let tensor = file.tensor(&file.graph().initializer[0]).expect("a view");
    assert_eq!((tensor.len(), tensor.data[(5 << 30) - 1]), (5 << 30, 0));
}
