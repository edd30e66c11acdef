//! Weights that lie in other files.
//!
//! ONNX stores where: a location relative to the model's folder, an offset and a length. A file is mapped when a tensor in it
//! is first asked for, and only the pages of that tensor are read.

use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;

use bytes::Bytes;
use rustc_hash::FxHashMap;

use super::map;
use super::proto::{
    AttributeProto, FunctionProto, GraphProto, NodeProto, SparseTensorProto, TensorProto,
};

/// Data files that have been mapped.
#[derive(Debug, Default)]
pub(super) struct DataFiles(Mutex<FxHashMap<PathBuf, Bytes>>);

/// The entries of `external_data`.
struct Place<'a> {
    location: &'a str,
    offset: usize,
    length: Option<usize>,
}

fn place(tensor: &TensorProto) -> Result<Place<'_>, String> {
    let entry = |key| {
        let mut found = tensor.external_data.iter().rev().filter(|e| e.key() == key);
        found.next().map(|e| e.value())
    };
    let number = |key| {
        let text: Option<&str> = entry(key);
        text.map(|t| {
            t.trim()
                .parse::<usize>()
                .map_err(|_| format!("its external {key} `{t}` is no length in bytes"))
        })
        .transpose()
    };
    let location = entry("location").unwrap_or_default();
    if location.is_empty() {
        return Err("its data is external but no location is given".into());
    }
    Ok(Place {
        location,
        offset: number("offset")?.unwrap_or(0),
        length: number("length")?,
    })
}

/// The location as a path below the model's folder.
///
/// # Errors
/// A sentence, if it leads out of the folder.
pub(super) fn relative(location: &str) -> Result<PathBuf, String> {
    let mut path = PathBuf::new();
    for component in Path::new(location).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            _ => {
                return Err(format!(
                    "its data file `{location}` lies outside the model's folder"
                ));
            }
        }
    }
    if path.as_os_str().is_empty() {
        return Err(format!("its data file `{location}` is no file name"));
    }
    Ok(path)
}

impl DataFiles {
    /// The bytes of an external tensor that should be `need` bytes long.
    pub(super) fn bytes(
        &self,
        folder: &Path,
        tensor: &TensorProto,
        need: usize,
    ) -> Result<Bytes, String> {
        let place = place(tensor)?;
        let path = folder.join(relative(place.location)?);
        let length = place.length.unwrap_or(need);
        if length != need {
            return Err(format!(
                "its external data is {length} bytes long, type and shape ask for {need}"
            ));
        }
        let mut files = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let data = match files.get(&path) {
            Some(data) => data.clone(),
            None => {
                let (data, _) = map::map(&path).map_err(|e| {
                    format!("its data file `{}` cannot be read: {e}", path.display())
                })?;
                files.insert(path.clone(), data.clone());
                data
            }
        };
        let end = place
            .offset
            .checked_add(length)
            .filter(|end| *end <= data.len());
        let Some(end) = end else {
            return Err(format!(
                "its data file `{}` has {} bytes, too few for {length} bytes at offset {}",
                path.display(),
                data.len(),
                place.offset
            ));
        };
        Ok(data.slice(place.offset..end))
    }
}

/// The location of an external tensor, if it is one.
pub(super) fn location(tensor: &TensorProto) -> Option<&str> {
    let external = tensor.is_external();
    let place = external.then(|| place(tensor).ok()).flatten();
    place.map(|p| p.location)
}

/// Calls `visit` for every tensor of a graph, in attributes and bodies too.
pub(super) fn tensors_of_graph<'a>(graph: &'a GraphProto, visit: &mut impl FnMut(&'a TensorProto)) {
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
pub(super) fn tensors_of_function<'a>(
    function: &'a FunctionProto,
    visit: &mut impl FnMut(&'a TensorProto),
) {
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
    let graphs = attribute.g.as_deref().into_iter().chain(&attribute.graphs);
    graphs.for_each(|g| tensors_of_graph(g, visit));
}
