//! Who makes and who uses each value of the main graph.
//!
//! Values are names. A name is a value of the main graph if a node, an input or an initializer defines it there, or if a node
//! or a graph output mentions it. What the bodies of If, Loop and Scan define is local to them; what they use from outside is
//! *captured*: it counts as needed by the node that holds the body, at any depth, unless a body shadows the name.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::names;
use super::proto::GraphProto;

/// A value of the main graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

impl ValueId {
    /// Its position in lists over all values.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Producers, consumers, captures and order of the main graph's nodes. Node and initializer positions are those in the graph.
#[derive(Debug)]
pub struct GraphIndex {
    ids: FxHashMap<Arc<str>, ValueId>,
    names: Vec<Arc<str>>,
    producers: Vec<Option<(usize, usize)>>,
    initializers: Vec<Option<usize>>,
    flags: Vec<u8>,
    consumers: Lists<(usize, usize)>,
    capturers: Lists<usize>,
    order: Vec<usize>,
    ranks: Vec<usize>,
}

const INPUT: u8 = 1;
const OUTPUT: u8 = 2;

/// Why a graph cannot be indexed.
#[derive(Debug)]
pub(super) enum Fault {
    /// Value, first and second definition.
    DefinedTwice(String, String, String),
    /// A node on a cycle.
    Cycle(String),
}

/// One list per value, in one allocation.
#[derive(Debug)]
struct Lists<T> {
    starts: Vec<usize>,
    items: Vec<T>,
}

impl<T: Copy> Lists<T> {
    /// Sorts `pairs` into `count` lists, keeping their order inside each list.
    fn new(count: usize, mut pairs: Vec<(ValueId, T)>) -> Self {
        pairs.sort_by_key(|(id, _)| *id);
        let mut starts = vec![0; count + 1];
        for (id, _) in &pairs {
            starts[id.0 as usize + 1] += 1;
        }
        for i in 0..count {
            starts[i + 1] += starts[i];
        }
        let items = pairs.into_iter().map(|(_, item)| item).collect();
        Self { starts, items }
    }

    fn of(&self, id: ValueId) -> &[T] {
        let i = id.0 as usize;
        &self.items[self.starts[i]..self.starts[i + 1]]
    }
}

impl GraphIndex {
    /// Indexes a graph.
    pub(super) fn new(graph: &GraphProto) -> Result<Self, Fault> {
        let mut index = Self {
            ids: FxHashMap::default(),
            names: Vec::new(),
            producers: Vec::new(),
            initializers: Vec::new(),
            flags: Vec::new(),
            consumers: Lists::new(0, Vec::new()),
            capturers: Lists::new(0, Vec::new()),
            order: Vec::new(),
            ranks: Vec::new(),
        };
        for input in &graph.input {
            let id = index.intern(input.name());
            index.flags[id.0 as usize] |= INPUT;
        }
        let mut sparse = FxHashSet::default();
        for tensor in &graph.sparse_initializer {
            sparse.insert(index.intern(tensor.values.as_ref().map_or("", |v| v.name())));
        }
        for (position, tensor) in graph.initializer.iter().enumerate() {
            let id = index.intern(tensor.name());
            index.initializers[id.0 as usize] = Some(position);
        }
        let mut uses = Vec::new();
        let mut captures = Vec::new();
        for (position, node) in graph.node.iter().enumerate() {
            for (slot, name) in node
                .output
                .iter()
                .enumerate()
                .filter(|(_, n)| !n.is_empty())
            {
                let id = index.intern(name);
                let i = id.0 as usize;
                let first = if let Some((first, _)) = index.producers[i] {
                    Some(describe(graph, first))
                } else if index.flags[i] & INPUT != 0 {
                    Some("a graph input".into())
                } else if index.initializers[i].is_some() || sparse.contains(&id) {
                    Some("an initializer".into())
                } else {
                    None
                };
                if let Some(first) = first {
                    let second = describe(graph, position);
                    return Err(Fault::DefinedTwice(name.clone(), first, second));
                }
                index.producers[i] = Some((position, slot));
            }
            for (slot, name) in node.input.iter().enumerate().filter(|(_, n)| !n.is_empty()) {
                uses.push((index.intern(name), (position, slot)));
            }
            if node.bodies().next().is_some() {
                for name in names::captured(node) {
                    captures.push((index.intern(name), position));
                }
            }
        }
        for output in &graph.output {
            let id = index.intern(output.name());
            index.flags[id.0 as usize] |= OUTPUT;
        }
        index.consumers = Lists::new(index.len(), uses);
        index.capturers = Lists::new(index.len(), captures);
        index.order = index.sort(graph)?;
        index.ranks = vec![0; index.order.len()];
        for (rank, &node) in index.order.iter().enumerate() {
            index.ranks[node] = rank;
        }
        Ok(index)
    }

    fn intern(&mut self, name: &str) -> ValueId {
        if let Some(&id) = self.ids.get(name) {
            return id;
        }
        let id =
            ValueId(u32::try_from(self.names.len()).expect("a graph has fewer than 2^32 names"));
        let name: Arc<str> = name.into();
        self.names.push(name.clone());
        self.ids.insert(name, id);
        self.producers.push(None);
        self.initializers.push(None);
        self.flags.push(0);
        id
    }

    /// Every use of a node's result by a node, as an input or in a body: maker, user.
    fn links(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.values().flat_map(move |id| {
            let maker = self.producer(id).map(|(node, _)| node);
            maker.into_iter().flat_map(move |maker| {
                let takers = self.consumers(id).iter().map(|(node, _)| *node);
                let users = takers.chain(self.capturers(id).iter().copied());
                users.map(move |user| (maker, user))
            })
        })
    }

    /// A topological order that stays as close to the file's as can be.
    fn sort(&self, graph: &GraphProto) -> Result<Vec<usize>, Fault> {
        let count = graph.node.len();
        if self.links().all(|(maker, user)| maker < user) {
            return Ok((0..count).collect());
        }
        let mut makers = vec![Vec::new(); count];
        let mut users = vec![Vec::new(); count];
        for (maker, user) in self.links() {
            makers[user].push(maker);
            users[maker].push(user);
        }
        let mut missing: Vec<usize> = makers.iter().map(Vec::len).collect();
        let mut ready: BinaryHeap<_> = (0..count)
            .filter(|n| missing[*n] == 0)
            .map(Reverse)
            .collect();
        let mut order = Vec::with_capacity(count);
        while let Some(Reverse(node)) = ready.pop() {
            order.push(node);
            for &user in &users[node] {
                missing[user] -= 1;
                if missing[user] == 0 {
                    ready.push(Reverse(user));
                }
            }
        }
        let Some(mut node) = (0..count).find(|n| missing[*n] > 0) else {
            return Ok(order);
        };
        // Every node left needs another one left, so going back from producer to producer must lead into a cycle.
        let mut seen = FxHashSet::default();
        while seen.insert(node) {
            node = *makers[node]
                .iter()
                .find(|m| missing[**m] > 0)
                .expect("a node that is not ready waits for a node that is not ready");
        }
        Err(Fault::Cycle(describe(graph, node)))
    }

    /// The value of that name, if the main graph mentions it.
    pub fn id(&self, name: &str) -> Option<ValueId> {
        self.ids.get(name).copied()
    }

    /// The name of a value.
    pub fn name(&self, id: ValueId) -> &str {
        &self.names[id.0 as usize]
    }

    /// The node that makes the value and the output slot; `None` for inputs, initializers and names nobody defines.
    pub fn producer(&self, id: ValueId) -> Option<(usize, usize)> {
        self.producers[id.0 as usize]
    }

    /// The nodes of the main graph that take the value as an input, with the slot.
    pub fn consumers(&self, id: ValueId) -> &[(usize, usize)] {
        self.consumers.of(id)
    }

    /// The one node that takes the value as an input, with the slot, if nothing else uses it: it is no output, and in no body.
    pub fn only_reader(&self, id: ValueId) -> Option<(usize, usize)> {
        match *self.consumers(id) {
            [reader] if !self.is_output(id) && !self.captured(id) => Some(reader),
            _ => None,
        }
    }

    /// The nodes of the main graph whose bodies use the value.
    pub fn capturers(&self, id: ValueId) -> &[usize] {
        self.capturers.of(id)
    }

    /// Whether a body of an If, Loop or Scan node uses the value.
    pub fn captured(&self, id: ValueId) -> bool {
        !self.capturers(id).is_empty()
    }

    /// Whether it is a graph output.
    pub fn is_output(&self, id: ValueId) -> bool {
        self.flags[id.0 as usize] & OUTPUT != 0
    }

    /// Whether it is a graph input (perhaps one with an initializer as its default).
    pub fn is_input(&self, id: ValueId) -> bool {
        self.flags[id.0 as usize] & INPUT != 0
    }

    /// The position of its initializer. Of several with one name the last counts, as in ONNX Runtime.
    pub fn initializer(&self, id: ValueId) -> Option<usize> {
        self.initializers[id.0 as usize]
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// All values.
    pub fn values(&self) -> impl Iterator<Item = ValueId> + use<> {
        (0..self.len() as u32).map(ValueId)
    }

    /// A topological order of the node positions; the file's own order if that is one.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The first node of the file that stands before one whose results it needs; `None` where the file is sorted.
    pub fn misplaced(&self) -> Option<usize> {
        let mut places = self.order.iter().enumerate();
        places.find(|(at, node)| at != *node).map(|(at, _)| at)
    }

    /// The place of a node in that order.
    pub fn rank(&self, node: usize) -> usize {
        self.ranks[node]
    }
}

/// A node as error messages show it.
pub(super) fn describe(graph: &GraphProto, position: usize) -> String {
    let node = &graph.node[position];
    format!("node[{position}] `{}` ({})", node.name(), node.op_type())
}
