//! Where the models that a command writes go: to a file, to standard output, or into a folder.

use std::path::{Component, Path, PathBuf};

use super::console::Advice;
use super::streams::is_stream;
use crate::onnx::NewFolder;

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
    if is_folder && inputs.iter().any(|input| is_stream(input)) {
        return Err(Advice::new(
            format!(
                "`{}` is a folder, and standard input has no name to be written under there",
                output.display()
            ),
            "name a file".to_owned(),
        ));
    }
    if !is_folder {
        return Ok(Outputs {
            paths: vec![output.to_owned()],
            are_gathered: false,
        });
    }
    if output.exists() && !output.is_dir() {
        return Err(Advice::new(
            format!(
                "`{}` is not a folder, and several models are to be written",
                output.display()
            ),
            "name a folder; it is made if it does not exist".to_owned(),
        ));
    }
    let inputs: Vec<PathBuf> = inputs.iter().map(|input| whole(input)).collect();
    let all = inputs.iter().map(PathBuf::as_path);
    // One that is misspelt must not decide where the others go.
    let mut there: Vec<&Path> = all.clone().filter(|input| input.exists()).collect();
    if there.is_empty() {
        there = all.collect();
    }
    let shared = shared(&there);
    let own = |input: &PathBuf| -> PathBuf {
        let rest = input.components().skip(shared);
        rest.filter(|part| matches!(part, Component::Normal(_)))
            .collect()
    };
    let paths: Vec<PathBuf> = inputs.iter().map(|input| output.join(own(input))).collect();
    check(&inputs, &paths)?;
    Ok(Outputs {
        paths,
        are_gathered: true,
    })
}

/// Whether every output is a file of its own, and none is the input of another model, which may not have been read by then.
fn check(inputs: &[PathBuf], outputs: &[PathBuf]) -> Result<(), Advice> {
    let inputs: Vec<PathBuf> = inputs.iter().map(|input| resolved(input)).collect();
    let places: Vec<PathBuf> = outputs.iter().map(|output| resolved(output)).collect();
    for (k, place) in places.iter().enumerate() {
        let shown = outputs[k].display();
        if let Some(other) = places[..k].iter().position(|other| other == place) {
            let message = match inputs[k] == inputs[other] {
                true => format!("`{}` is given twice", inputs[k].display()),
                false => format!(
                    "`{}` and `{}` would both be written to `{shown}`",
                    inputs[other].display(),
                    inputs[k].display()
                ),
            };
            let hint = "name each model once, and a folder without links in it".to_owned();
            return Err(Advice::new(message, hint));
        }
        if inputs
            .iter()
            .enumerate()
            .any(|(j, input)| j != k && input == place)
        {
            return Err(Advice::new(
                format!("`{shown}` would be written, and is one of the models to read"),
                "name a folder that has none of the models in it".to_owned(),
            ));
        }
    }
    Ok(())
}

/// The path without links, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = path
        .ancestors()
        .find_map(|part| Some((part, part.canonicalize().ok()?)));
    match there {
        Some((part, known)) => match path.strip_prefix(part) {
            Ok(rest) if rest.as_os_str().is_empty() => known,
            Ok(rest) => known.join(rest),
            Err(_) => path,
        },
        None => path,
    }
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
fn shared(paths: &[&Path]) -> usize {
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

/// Folders that were made for outputs. Those that have stayed empty are removed when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Made(Vec<NewFolder>);

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
                let new = NewFolder::make(folder.to_owned()).map_err(|error| {
                    Advice::new(
                        format!("`{}`: the folder cannot be made: {error}", folder.display()),
                        "name a folder that may be written to".to_owned(),
                    )
                })?;
                made.0.push(new);
            }
        }
        Ok(made)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // The inner ones first.
        while self.0.pop().is_some() {}
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
                .contains("not a folder")
        );
    }
}
