//! Sites drawn before and after, those of equal form once.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::graph::{Picture, ShapeKind, Subject, Trace, back};
use super::scene::Scene;
use crate::pipeline::{Findings, Found};
use crate::recognize::{TABLE_RULE, TableUse};

/// Most nodes of a drawing, and most that are looked at to know which nodes a site covers.
const DRAWN: usize = 40;
const COVERED: usize = 2000;

/// Something that is fused: a site, or a table that sites share.
#[derive(Debug)]
pub(super) struct Spot {
    pub rule: &'static str,
    /// The graph that it is in.
    pub scope: usize,
    /// Its node, by name.
    pub node: String,
    /// That node's position.
    pub end: Option<usize>,
    /// The nodes that it replaces.
    pub covered: Vec<usize>,
    /// The number of nodes that replace them.
    pub added: usize,
    /// The site, by position among all; `None` for a table.
    pub site: Option<usize>,
    /// Its form, by position.
    pub form: usize,
}

/// What spots of equal form have in common.
#[derive(Debug)]
pub(super) struct Form {
    pub rule: &'static str,
    pub before: Picture,
    /// Empty where the fused model does not have it.
    pub after: Picture,
    /// The spots, by position.
    pub spots: Vec<usize>,
}

/// Both, in the order of the graphs.
pub(super) fn all(findings: &Findings, scenes: &[Scene<'_>]) -> (Vec<Spot>, Vec<Form>) {
    let mut drawn = Vec::new();
    let ys: Vec<FxHashSet<&str>> = (0..scenes.len())
        .map(|scope| {
            let sites = findings.sites.iter().filter(|found| found.scope == scope);
            sites.map(|found| &found.site.y[..]).collect()
        })
        .collect();
    let mut tables: BTreeMap<(usize, usize), Table<'_>> = BTreeMap::new();
    for (at, found) in findings.sites.iter().enumerate() {
        let scene = &scenes[found.scope];
        let sketch = of_site(at, found, scene, &ys[found.scope]);
        if let Some(used) = found.site.table() {
            let table = tables.entry((found.scope, used.table)).or_default();
            table.add(found, scene.read_from_tables(&sketch.after.nodes));
        }
        drawn.push(sketch.drawn(scene));
    }
    for ((scope, number), table) in tables {
        let scene = &scenes[scope];
        let sources = findings.scopes[scope].tables[number].table.sources();
        drawn.extend(table.sketch(scope, scene, sources).map(|s| s.drawn(scene)));
    }
    let rank: Vec<Vec<usize>> = scenes.iter().map(ranks).collect();
    // Tables come last: what reads them explains them.
    drawn.sort_by_key(|(spot, ..)| {
        let rank = spot.end.map(|end| rank[spot.scope][end]);
        (spot.site.is_none(), spot.scope, rank)
    });
    grouped(drawn)
}

/// The place of each node in the order of computation.
fn ranks(scene: &Scene<'_>) -> Vec<usize> {
    let mut ranks = vec![0; scene.order.len()];
    for (rank, &node) in scene.order.iter().enumerate() {
        ranks[node] = rank;
    }
    ranks
}

fn grouped(drawn: Vec<(Spot, Picture, Picture)>) -> (Vec<Spot>, Vec<Form>) {
    let mut known: FxHashMap<(&str, String), usize> = FxHashMap::default();
    let (mut spots, mut forms): (Vec<Spot>, Vec<Form>) = Default::default();
    for (mut spot, before, after) in drawn {
        let key = (spot.rule, before.form() + "\n" + &after.form());
        spot.form = *known.entry(key).or_insert_with(|| {
            forms.push(Form {
                rule: spot.rule,
                before,
                after,
                spots: Vec::new(),
            });
            forms.len() - 1
        });
        forms[spot.form].spots.push(spots.len());
        spots.push(spot);
    }
    (spots, forms)
}

/// A spot with what is to be drawn of it.
struct Sketch<'a> {
    spot: Spot,
    before: Trace,
    after: Trace,
    ends_before: Vec<&'a str>,
    ends_after: Vec<&'a str>,
    operands: Vec<&'a str>,
}

fn of_site<'a>(
    at: usize,
    found: &'a Found,
    scene: &Scene<'a>,
    ys: &FxHashSet<&'a str>,
) -> Sketch<'a> {
    let site = &found.site;
    // Where the encoded tensor is a constant, the node that reads it is replaced.
    let end = match site.reads_constant() {
        false => &site.y[..],
        true => {
            let outputs = scene
                .before
                .nodes
                .get(site.node)
                .map(|node| &node.output[..]);
            outputs
                .and_then(<[String]>::first)
                .map_or("", String::as_str)
        }
    };
    let operands = site.operands();
    let stops: FxHashSet<&str> = operands.iter().chain(ys).copied().collect();
    let is_fused = scene.goes(site.node);
    let takes = |node: usize| !is_fused || scene.goes(node);
    let covered = back(&scene.before, &[end], &stops, takes, COVERED);
    let after = scene.after.as_ref().filter(|_| is_fused).map(|after| {
        let takes = |node| scene.comes(node) && !scene.is_table(node);
        back(after, &[end], &stops, takes, COVERED)
    });
    sketch(
        Spot {
            rule: site.rule,
            scope: found.scope,
            node: site.node_name.clone(),
            end: Some(site.node),
            covered: Vec::new(),
            added: 0,
            site: Some(at),
            form: 0,
        },
        (covered, after.unwrap_or_default()),
        (vec![end], vec![end]),
        operands,
    )
}

fn sketch<'a>(
    mut spot: Spot,
    (mut before, mut after): (Trace, Trace),
    (ends_before, ends_after): (Vec<&'a str>, Vec<&'a str>),
    operands: Vec<&'a str>,
) -> Sketch<'a> {
    spot.covered.clone_from(&before.nodes);
    spot.added = after.nodes.len();
    for trace in [&mut before, &mut after] {
        trace.is_cut |= trace.nodes.len() > DRAWN;
        trace.nodes.truncate(DRAWN);
    }
    Sketch {
        spot,
        before,
        after,
        ends_before,
        ends_after,
        operands,
    }
}

impl Sketch<'_> {
    fn drawn(self, scene: &Scene<'_>) -> (Spot, Picture, Picture) {
        let before = Picture::of(&Subject {
            web: &scene.before,
            facts: scene.facts,
            trace: &self.before,
            ends: &self.ends_before,
            operands: &self.operands,
            kind: &|_| ShapeKind::Node,
        });
        let after = scene.after.as_ref().map(|web| {
            Picture::of(&Subject {
                web,
                facts: scene.facts,
                trace: &self.after,
                ends: &self.ends_after,
                operands: &self.operands,
                kind: &|_| ShapeKind::New,
            })
        });
        (self.spot, before, after.unwrap_or_default())
    }
}

/// A table of cosines and sines that sites share, in both versions.
#[derive(Default)]
struct Table<'a> {
    /// The cosines and sines that the sites read before and after, those of the first site first.
    before: Distinct<'a>,
    after: Distinct<'a>,
    sources: Distinct<'a>,
}

/// Names without repetition, in the order in which they came.
#[derive(Default)]
struct Distinct<'a> {
    names: Vec<&'a str>,
    seen: FxHashSet<&'a str>,
}

impl<'a> Extend<&'a str> for Distinct<'a> {
    fn extend<T: IntoIterator<Item = &'a str>>(&mut self, names: T) {
        let new = names.into_iter().filter(|name| self.seen.insert(name));
        self.names.extend(new);
    }
}

impl<'a> Table<'a> {
    fn add(&mut self, found: &'a Found, after: Vec<&'a str>) {
        if let Some(rotary) = found.site.rotary() {
            self.before
                .extend([&rotary.cos.value[..], &rotary.sin.value]);
        }
        self.after.extend(after);
        let used = found.site.table();
        self.sources
            .extend(used.into_iter().flat_map(TableUse::sources));
    }

    /// `None` where the fused model does not have it.
    fn sketch(
        mut self,
        scope: usize,
        scene: &Scene<'a>,
        sources: impl Iterator<Item = &'a str>,
    ) -> Option<Sketch<'a>> {
        let web = scene.after.as_ref()?;
        let first = web.maker(self.after.names.first()?)?;
        self.sources.extend(sources);
        let stops = &self.sources.seen;
        let goes = |node: usize| scene.goes(node);
        let covered = back(&scene.before, &self.before.names, stops, goes, COVERED);
        // Sites give the tables axes of their own: one of them is drawn.
        let drawn: Vec<&str> = self.before.names.iter().take(2).copied().collect();
        let before = back(&scene.before, &drawn, stops, goes, COVERED);
        let after = back(
            web,
            &self.after.names,
            stops,
            |node| scene.comes(node),
            COVERED,
        );
        let mut made = sketch(
            Spot {
                rule: TABLE_RULE,
                scope,
                node: web.nodes[first].label().to_owned(),
                end: covered.nodes.first().copied(),
                covered: Vec::new(),
                added: 0,
                site: None,
                form: 0,
            },
            (before, after),
            (drawn, self.after.names),
            self.sources.names,
        );
        made.spot.covered = covered.nodes;
        Some(made)
    }
}
