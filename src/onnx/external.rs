//! Weights that lie in other files.
//!
//! ONNX stores where: a location relative to the model's folder, an offset and a length. A file is mapped when a tensor in it
//! is first asked for, and only the pages of that tensor are read.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;

use bytes::Bytes;
use rustc_hash::FxHashMap;

use super::map;
use super::place::{folder_of, other_than_a_file};
use super::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, SparseTensorProto,
    TensorProto,
};

/// Data files that have been mapped, by location.
#[derive(Debug, Default)]
pub(super) struct DataFiles(Mutex<FxHashMap<String, Bytes>>);

/// The entries of `external_data`.
struct Entries<'a> {
    location: &'a str,
    offset: u64,
    length: Option<u64>,
}

fn entries(tensor: &TensorProto) -> Result<Entries<'_>, String> {
    let entry = |key| {
        let mut found = tensor.external_data.iter().rev().filter(|e| e.key() == key);
        found.next().map(|e| e.value())
    };
    let number = |key| {
        let parsed = |text: &str| {
            // `parse` alone would take a sign.
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            let number = digits.then(|| text.parse::<u64>().ok()).flatten();
            number.ok_or_else(|| format!("its external {key} `{text}` is not a number of bytes"))
        };
        entry(key).map(parsed).transpose()
    };
    let location = entry("location").unwrap_or_default();
    if location.is_empty() {
        return Err("its data is external but no location is given".into());
    }
    Ok(Entries {
        location,
        offset: number("offset")?.unwrap_or(0),
        // ONNX Runtime takes 0 for a length that is left out.
        length: number("length")?.filter(|length| *length > 0),
    })
}

impl Entries<'_> {
    /// Where the data ends in the file, if it is `need` bytes long or of a length that only the entries know.
    fn end(&self, need: Option<u64>) -> Result<u64, String> {
        if let (Some(length), Some(need)) = (self.length, need)
            && length != need
        {
            return Err(format!(
                "its external data is {length} bytes long, type and shape ask for {need}"
            ));
        }
        let length = need.or(self.length).unwrap_or(0);
        let end = self.offset.checked_add(length);
        end.ok_or_else(|| format!("its external offset {} is beyond any file", self.offset))
    }

    fn too_short(&self, end: u64, size: u64) -> String {
        let Self { location, .. } = self;
        format!("its data ends at byte {end} of `{location}`, which has {size}")
    }
}

/// Why a data file cannot be used.
#[derive(Debug)]
pub(super) enum Unavailable {
    /// It may not be used; a sentence.
    Refused(String),
    /// It is not there, or cannot be read.
    Missing(io::Error),
}

/// The location as a path below the model's folder. No file is looked at.
///
/// # Errors
/// A sentence, if it is no such path.
pub(super) fn relative(location: &str) -> Result<PathBuf, String> {
    let mut path = PathBuf::new();
    for component in Path::new(location).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            _ => return Err(outside(location)),
        }
    }
    if path.as_os_str().is_empty() {
        return Err(format!("its data file `{location}` is not a file name"));
    }
    Ok(path)
}

fn outside(location: &str) -> String {
    format!("its data file `{location}` lies outside the model's folder")
}

/// The data file that `location` names for the model at `model`, links followed.
///
/// As in ONNX Runtime a link may lead anywhere below the model's folder, and where the model is a link itself, below the folder
/// of the file that it leads to: so do models in the caches of hubs.
pub(super) fn resolve(model: &Path, location: &str) -> Result<PathBuf, Unavailable> {
    let relative = relative(location).map_err(Unavailable::Refused)?;
    let folder = folder_of(model);
    let path = folder.join(relative).canonicalize();
    let path = path.map_err(Unavailable::Missing)?;
    let is_below = |folder: io::Result<PathBuf>| folder.is_ok_and(|f| path.starts_with(f));
    let beside = || model.canonicalize().map(|m| folder_of(&m).to_owned());
    if !is_below(folder.canonicalize()) && !is_below(beside()) {
        return Err(Unavailable::Refused(format!(
            "{}: it is a link",
            outside(location)
        )));
    }
    let there = fs::metadata(&path).map_err(Unavailable::Missing)?;
    match other_than_a_file(&there) {
        Some(what) => Err(Unavailable::Refused(format!(
            "its data file `{location}` is {what}"
        ))),
        None => Ok(path),
    }
}

/// Checks the entries of an external tensor of `need` bytes, if that is known, against each other and the file they name. If the file
/// is missing, returns its location and the error.
///
/// # Errors
/// A sentence.
pub(super) fn check<'a>(
    model: &Path,
    tensor: &'a TensorProto,
    need: Option<u64>,
) -> Result<Option<(&'a str, io::Error)>, String> {
    let place = entries(tensor)?;
    let end = place.end(need)?;
    let there = resolve(model, place.location);
    match there.and_then(|path| fs::metadata(path).map_err(Unavailable::Missing)) {
        Ok(there) if there.len() < end => Err(place.too_short(end, there.len())),
        Ok(_) => Ok(None),
        Err(Unavailable::Refused(why)) => Err(why),
        Err(Unavailable::Missing(error)) => Ok(Some((place.location, error))),
    }
}

impl DataFiles {
    /// The bytes of an external tensor of the model at `model` that should be `need` bytes long.
    pub(super) fn bytes(
        &self,
        model: &Path,
        tensor: &TensorProto,
        need: usize,
    ) -> Result<Bytes, String> {
        let place = entries(tensor)?;
        let end = place.end(Some(need as u64))?;
        let mut files = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let unreadable =
            |e: io::Error| format!("its data file `{}` cannot be read: {e}", place.location);
        let data = match files.get(place.location) {
            Some(data) => data.clone(),
            None => {
                let path = resolve(model, place.location).map_err(|why| match why {
                    Unavailable::Refused(why) => why,
                    Unavailable::Missing(error) => unreadable(error),
                })?;
                let (data, _) = map::map(&path).map_err(unreadable)?;
                files.insert(place.location.to_owned(), data.clone());
                data
            }
        };
        let size = data.len() as u64;
        if end > size {
            return Err(place.too_short(end, size));
        }
        // Both fit: the file is mapped.
        let end = end as usize;
        Ok(data.slice(end - need..end))
    }
}

/// The location of an external tensor, if it is one.
pub(super) fn location(tensor: &TensorProto) -> Option<&str> {
    let external = tensor.is_external();
    let place = external.then(|| entries(tensor).ok()).flatten();
    place.map(|p| p.location)
}

/// Calls `visit` for every tensor of a model.
pub(super) fn tensors_of_model<'a>(model: &'a ModelProto, visit: &mut impl FnMut(&'a TensorProto)) {
    model.graph.iter().for_each(|g| tensors_of_graph(g, visit));
    tensors_beside_graph(model, visit);
}

/// Calls `visit` for every tensor of a model outside of its main graph.
pub(super) fn tensors_beside_graph<'a>(
    model: &'a ModelProto,
    visit: &mut impl FnMut(&'a TensorProto),
) {
    model
        .functions
        .iter()
        .for_each(|f| tensors_of_function(f, visit));
    let training = model
        .training_info
        .iter()
        .flat_map(|t| t.initialization.iter().chain(&t.algorithm));
    training.for_each(|g| tensors_of_graph(g, visit));
}

/// Calls `visit` for every tensor of a graph, in attributes and bodies too.
fn tensors_of_graph<'a>(graph: &'a GraphProto, visit: &mut impl FnMut(&'a TensorProto)) {
    graph.initializer.iter().for_each(&mut *visit);
    graph
        .sparse_initializer
        .iter()
        .for_each(|s| sparse(s, visit));
    graph.node.iter().for_each(|n| tensors_of_node(n, visit));
}

/// Calls `visit` for every tensor in the attributes of a node.
pub(super) fn tensors_of_node<'a>(node: &'a NodeProto, visit: &mut impl FnMut(&'a TensorProto)) {
    node.attribute
        .iter()
        .for_each(|a| tensors_of_attribute(a, visit));
}

/// Calls `visit` for every tensor in a function.
fn tensors_of_function<'a>(function: &'a FunctionProto, visit: &mut impl FnMut(&'a TensorProto)) {
    function.node.iter().for_each(|n| tensors_of_node(n, visit));
    function
        .attribute_proto
        .iter()
        .for_each(|a| tensors_of_attribute(a, visit));
}

/// Calls `visit` for both halves of a sparse tensor.
pub(super) fn sparse<'a>(tensor: &'a SparseTensorProto, visit: &mut impl FnMut(&'a TensorProto)) {
    tensor.values.iter().chain(&tensor.indices).for_each(visit);
}

fn tensors_of_attribute<'a>(
    attribute: &'a AttributeProto,
    visit: &mut impl FnMut(&'a TensorProto),
) {
    attribute
        .t
        .as_deref()
        .into_iter()
        .chain(&attribute.tensors)
        .for_each(&mut *visit);
    let sparses = attribute
        .sparse_tensor
        .as_deref()
        .into_iter()
        .chain(&attribute.sparse_tensors);
    sparses.for_each(|s| sparse(s, visit));
    attribute.graphs().for_each(|g| tensors_of_graph(g, visit));
}
