//! Where the models that a command writes go: to a file, to standard output, or into a folder.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::console::Advice;
use super::streams::is_stream;

/// The outputs of several models, in the order of these.
pub(super) struct Outputs {
    pub(super) paths: Vec<PathBuf>,
    /// Whether they lie in a folder for them, which may have to be made.
    are_gathered: bool,
}

/// The outputs of inputs.
///
/// A folder takes each model under its own name: several models under their paths from the folder that they have in common, so that
/// models of one name stay apart.
///
/// # Errors
/// Where several models would go to one file.
pub(super) fn outputs(inputs: &[PathBuf], output: &Path) -> Result<Outputs, Advice> {
    let several = inputs.len() > 1;
    if is_stream(output) && several {
        return Err(Advice::new(
            format!("`-o -` takes one model, and there are {}", inputs.len()),
            "name a folder, such as `-o fused`".to_owned(),
        ));
    }
    if several && inputs.iter().any(|input| is_stream(input)) {
        return Err(one_stream());
    }
    let ends_as_folder = output.as_os_str().as_encoded_bytes().last();
    let ends_as_folder = ends_as_folder.is_some_and(|end| std::path::is_separator(*end as char));
    let is_folder = several || output.is_dir() || ends_as_folder;
    if !is_folder || inputs.iter().any(|input| is_stream(input)) {
        return Ok(Outputs {
            paths: vec![output.to_owned()],
            are_gathered: false,
        });
    }
    if output.exists() && !output.is_dir() {
        return Err(Advice::new(
            format!(
                "`{}` is no folder, and several models are to be written",
                output.display()
            ),
            "name a folder; it is made if it does not exist".to_owned(),
        ));
    }
    let inputs: Vec<PathBuf> = inputs.iter().map(|input| whole(input)).collect();
    let shared = shared(&inputs);
    let mut paths: Vec<PathBuf> = Vec::with_capacity(inputs.len());
    for input in &inputs {
        let own: PathBuf = input.components().skip(shared).collect();
        let path = output.join(own);
        if paths.contains(&path) {
            return Err(Advice::new(
                format!("`{}` is given twice", input.display()),
                "name each model once".to_owned(),
            ));
        }
        paths.push(path);
    }
    Ok(Outputs {
        paths,
        are_gathered: true,
    })
}

/// The error for standard input as one of several models.
pub(super) fn one_stream() -> Advice {
    Advice::new(
        "standard input is one of several models".to_owned(),
        "read it in a command of its own".to_owned(),
    )
}

/// A path from the root on, with its folder as the system knows it; the file itself may be a link, whose name it keeps.
fn whole(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = absolute
        .parent()
        .and_then(|folder| folder.canonicalize().ok());
    match (folder, absolute.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => absolute,
    }
}

/// How many components of their folders all paths share.
fn shared(paths: &[PathBuf]) -> usize {
    fn folders(path: &Path) -> Vec<Component<'_>> {
        let folder = path.parent().unwrap_or(path);
        folder.components().collect()
    }
    let Some((first, others)) = paths.split_first() else {
        return 0;
    };
    let first = folders(first);
    others.iter().fold(first.len(), |shared, path| {
        let folders = folders(path);
        let alike = first[..shared]
            .iter()
            .zip(&folders)
            .take_while(|(a, b)| a == b);
        alike.count()
    })
}

/// Folders that were made for outputs.
#[derive(Debug, Default)]
pub(super) struct Made(Vec<PathBuf>);

impl Made {
    /// Makes the folders of gathered outputs where they are missing.
    ///
    /// # Errors
    /// A folder that cannot be made; those that were are gone again.
    pub(super) fn of(outputs: &Outputs) -> Result<Self, Advice> {
        let mut made = Self::default();
        if !outputs.are_gathered {
            return Ok(made);
        }
        for folder in outputs.paths.iter().filter_map(|output| output.parent()) {
            let missing = folder
                .ancestors()
                .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
            let missing: Vec<&Path> = missing.collect();
            for folder in missing.into_iter().rev() {
                if let Err(error) = fs::create_dir(folder) {
                    return Err(Advice::new(
                        format!("`{}`: the folder cannot be made: {error}", folder.display()),
                        "name a folder that may be written to".to_owned(),
                    ));
                }
                made.0.push(folder.to_owned());
            }
        }
        Ok(made)
    }
}

impl Drop for Made {
    /// Removes the folders that have stayed empty.
    fn drop(&mut self) {
        for folder in self.0.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(inputs: &[&str], output: &str) -> Vec<PathBuf> {
        let inputs: Vec<PathBuf> = inputs.iter().map(PathBuf::from).collect();
        outputs(&inputs, Path::new(output)).unwrap().paths
    }

    #[test]
    fn models_of_one_name_stay_apart() {
        let found = places(&["/m/a/model.onnx", "/m/b/c/model.onnx"], "/out");
        assert_eq!(
            found,
            [
                Path::new("/out/a/model.onnx"),
                Path::new("/out/b/c/model.onnx")
            ]
        );
        let found = places(&["/m/a.onnx", "/m/b.onnx"], "/out");
        assert_eq!(found, [Path::new("/out/a.onnx"), Path::new("/out/b.onnx")]);
    }

    #[test]
    fn one_model_goes_to_a_file_or_into_a_folder() {
        assert_eq!(
            places(&["/m/a.onnx"], "/no/such/b.onnx"),
            [Path::new("/no/such/b.onnx")]
        );
        assert_eq!(
            places(&["/m/a.onnx"], "/no/such/"),
            [Path::new("/no/such/a.onnx")]
        );
        let folder = tempfile::tempdir().unwrap();
        let found = places(&["/m/a.onnx"], folder.path().to_str().unwrap());
        assert_eq!(found, [folder.path().join("a.onnx")]);
        assert_eq!(
            places(&["-"], "/no/such/b.onnx"),
            [Path::new("/no/such/b.onnx")]
        );
    }

    #[test]
    fn what_would_meet_in_one_file_is_refused() {
        let refused = |inputs: &[&str], output: &str| {
            let inputs: Vec<PathBuf> = inputs.iter().map(PathBuf::from).collect();
            let refused = outputs(&inputs, Path::new(output)).err();
            refused.expect("an error").message
        };
        assert!(refused(&["/m/a.onnx", "/m/./a.onnx"], "/out").contains("twice"));
        assert!(refused(&["/m/a.onnx", "/m/b.onnx"], "-").contains("takes one model"));
        assert!(refused(&["/m/a.onnx", "-"], "/out").contains("standard input"));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(
            refused(&["/m/a.onnx", "/m/b.onnx"], file.path().to_str().unwrap())
                .contains("no folder")
        );
    }
}
