//! Runs the cut of a site and compares it with the operator's reference.

use std::collections::BTreeMap;

use prost::Message;
use rustc_hash::FxHashMap;

use crate::engine::allowance::Allowance;
use crate::engine::random::Random;
use crate::engine::tract::Tract;
use crate::engine::{Engine, Source, Within};
use crate::facts::Dim;
use crate::onnx::proto::type_proto;
use crate::onnx::{DataType, ModelFile, Tensor};
use crate::recognize::{Refusal, Site, Stage};
use crate::symbolic::{Budget, Work};

use super::Confirmed;
use super::claim::{Claim, Numbers, difference};
use super::cut::{Cut, WholeGraph, cut};
use super::failure::Failure;
use super::numbers::{Draw, Regime};
use super::sizes::{Binding, MAX_COMPUTED, MAX_ELEMENTS, Room, bindings, edges, symbols};

/// Runs for each set of sizes, each with other numbers.
const SEEDS: u64 = 3;
/// Sets of sizes that must agree, if the graph has symbolic sizes.
const SIZES: usize = 2;
/// With more elements than this in a tensor, each set of sizes gets one run.
const MANY: usize = 1 << 22;
/// The same for the elements of all values that a run computes: a rotation computes about ten times what it is given.
const MANY_COMPUTED: usize = 1 << 25;

/// How often an element of a value is made or read in a run: a node may be several in the engine, and has several inputs.
const TOUCHED: u64 = 8;
/// The most work of a run. Sizes that depend on data are not known before it.
const MAX_WORK: u64 = TOUCHED * MAX_COMPUTED as u64;

/// Confirms the sites of one model.
pub(super) struct Prober<'a> {
    pub(super) whole: WholeGraph<'a>,
    pub(super) sizes: &'a BTreeMap<String, i64>,
    pub(super) known: &'a mut FxHashMap<Vec<u8>, Result<f64, Failure>>,
    pub(super) budget: &'a Budget,
}

impl<'a> Prober<'a> {
    /// A prober for a model whose values have these symbolic shapes.
    pub(super) fn new(
        file: &'a ModelFile,
        shapes: &'a FxHashMap<String, Vec<Dim>>,
        sizes: &'a BTreeMap<String, i64>,
        budget: &'a Budget,
        known: &'a mut FxHashMap<Vec<u8>, Result<f64, Failure>>,
    ) -> Self {
        Prober {
            sizes,
            budget,
            whole: WholeGraph::new(file, shapes),
            known,
        }
    }

    /// Confirms that one site computes what `claim` says.
    pub(super) fn site(
        &mut self,
        site: &Site,
        claim: &dyn Claim,
    ) -> Result<Confirmed, Box<Refusal>> {
        let names = claim.operands().into_iter().chain(claim.origin());
        let names: Vec<&str> = names.chain(claim.measured()).collect();
        let shapes = self.whole.shapes;
        let widest = claim.widest().and_then(|name| shapes.get(name));
        let mut probed = |room: Room<'_>| {
            self.over_sizes((&names, room), &claim.long(), |prober, binding| {
                prober.under(site, claim, binding)
            })
        };
        let room = Room {
            elements: claim.room(),
            widest: widest.map_or(&[], |dims| dims),
        };
        let probed = match probed(room) {
            Err(Failure::TooLarge(_)) if room.elements < MAX_ELEMENTS => probed(Room::default()),
            result => result,
        };
        probed.map_err(|failure| {
            let reason = match &failure {
                Failure::Differs(how) => {
                    format!("proven, but run on random numbers {how}")
                }
                Failure::NotRun(cause) => {
                    format!("proven, but it could not be run on numbers: {cause}")
                }
                Failure::TooLarge(what) => {
                    format!("proven, but too large to be run on numbers: {what}")
                }
                Failure::Unaffordable => {
                    "proven, but the budget was spent before it could be run on numbers".to_owned()
                }
            };
            let free = match failure {
                Failure::NotRun(_) => self.free_sizes(&names),
                _ => Vec::new(),
            };
            let hint = match failure {
                Failure::TooLarge(_) => {
                    "give smaller sizes with `--dim`, or export the model with symbolic sizes"
                        .to_owned()
                }
                Failure::Unaffordable => "give a larger budget with `--budget steps=N`".to_owned(),
                // Sizes with names of their own may belong together, and one may have to be a multiple of a constant.
                _ if !free.is_empty() => {
                    format!("give sizes with which the model runs: {}", free.join(" "))
                }
                _ => "please report the model: the proof and the numbers should agree".to_owned(),
            };
            Box::new(site.refused(Stage::Confirmation, reason, &hint))
        })
    }

    /// The options that would give sizes to the dimensions of these values that have none.
    fn free_sizes(&self, names: &[&str]) -> Vec<String> {
        let shapes = names.iter().filter_map(|&name| self.whole.shapes.get(name));
        let shapes: Vec<&[Dim]> = shapes.map(|shape| &shape[..]).collect();
        let free = symbols(&shapes).into_iter();
        let free = free.filter(|name| !self.sizes.contains_key(name));
        free.map(|name| format!("`--dim {name}=N`")).collect()
    }

    /// Probes with sets of sizes for the dimensions of the named values, until enough of them agree. A probe returns its largest
    /// difference and the number of runs. A set with which the part does not run is skipped; one with which it differs decides.
    /// Sizes in `long` are tried too, where tensors stay small.
    pub(super) fn over_sizes(
        &mut self,
        (names, room): (&[&str], Room<'_>),
        long: &[i64],
        probe: impl Fn(&mut Self, &Binding) -> Result<(f64, usize), Failure>,
    ) -> Result<Confirmed, Failure> {
        let dims: Vec<&[Dim]> = names
            .iter()
            .filter_map(|&name| self.whole.shapes.get(name))
            .map(|shape| &shape[..])
            .collect();
        let bindings = bindings(&dims, self.sizes, room);
        let edges = edges(&dims, self.sizes, (long, room));
        let needed = SIZES.min(bindings.len());
        let mut confirmed = Confirmed::default();
        let mut sizes = 0;
        let mut failure = None;
        for binding in &bindings {
            match probe(self, binding) {
                Ok((diff, probes)) => {
                    confirmed.max_diff = confirmed.max_diff.max(diff);
                    confirmed.probes += probes;
                    sizes += 1;
                    if sizes == needed {
                        break;
                    }
                }
                // With fixed sizes made small, a part may fail because it holds the model's own sizes in constants. That says
                // nothing against it.
                Err(_) if binding.is_small() => {
                    failure = Some(Failure::TooLarge(format!(
                        "its tensors have more than {} elements, and it does not run with smaller ones",
                        room.elements
                    )));
                }
                Err(decides @ (Failure::Differs(_) | Failure::Unaffordable)) => {
                    return Err(decides);
                }
                Err(not_run) => failure = Some(not_run),
            }
        }
        if sizes < needed {
            let nothing = || Failure::NotRun("no sizes to run it with".to_owned());
            return Err(failure.unwrap_or_else(nothing));
        }
        // At the edges (sizes of 0 and 1) the graph need not run. Where it runs, it must agree.
        for binding in &edges {
            match probe(self, binding) {
                Ok((diff, probes)) => {
                    confirmed.max_diff = confirmed.max_diff.max(diff);
                    confirmed.probes += probes;
                }
                Err(decides @ (Failure::Differs(_) | Failure::Unaffordable)) => {
                    return Err(decides);
                }
                Err(Failure::NotRun(_) | Failure::TooLarge(_)) => {}
            }
        }
        Ok(confirmed)
    }

    /// Probes with one assignment of sizes: the result of the first start that confirms, as largest difference and number of runs.
    fn under(
        &mut self,
        site: &Site,
        claim: &dyn Claim,
        binding: &Binding,
    ) -> Result<(f64, usize), Failure> {
        let mut failure = None;
        for mut given in claim.starts() {
            let operands = claim.operands().into_iter();
            let read = operands.filter(|name| !given.contains(name));
            let wanted: Vec<&str> = std::iter::once(&site.y[..]).chain(read).collect();
            // Values before the origin are no part of the site: without this stop the cut would contain all layers before it.
            let beyond = claim
                .origin()
                .filter(|origin| !given.contains(origin) && self.shape(origin, binding).is_ok());
            given.extend(beyond);
            let mut part = cut(&self.whole, binding, &given, &wanted).map_err(Failure::NotRun);
            if let Ok(part) = &mut part
                && beyond.is_some()
                && part.given.pop_if(|origin| origin.is_none()).is_some()
            {
                given.pop();
            }
            match part.and_then(|part| self.seeds(claim, binding, &given, &part)) {
                Ok(result) => return Ok(result),
                Err(spent @ Failure::Unaffordable) => return Err(spent),
                // Of several failures, a difference is reported rather than a cut that could not be run. But if the graph's own
                // tables are too large to be run, a difference with random tables in their place shows nothing.
                Err(next) => match (&failure, &next) {
                    (Some(Failure::Differs(_)), Failure::TooLarge(_)) => failure = Some(next),
                    (Some(_), Failure::NotRun(_) | Failure::TooLarge(_)) => {}
                    _ => failure = Some(next),
                },
            }
        }
        Err(failure.unwrap_or_else(|| Failure::NotRun("no place to cut it".to_owned())))
    }

    /// All runs of one cut, or their earlier result.
    fn seeds(
        &mut self,
        claim: &dyn Claim,
        binding: &Binding,
        given: &[&str],
        cut: &Cut,
    ) -> Result<(f64, usize), Failure> {
        let shapes: Vec<Vec<usize>> = given
            .iter()
            .map(|name| self.shape(name, binding))
            .collect::<Result<_, _>>()?;
        let computed = self.room(given.iter().copied(), cut, binding)?;
        let key = {
            let mut key = cut.model.encode_to_vec();
            key.extend(format!("{shapes:?}{:?}{}", cut.given, claim.key()).bytes());
            for name in claim.measured() {
                key.extend(format!("{:?}", self.shape(name, binding).ok()).bytes());
            }
            for name in cut.read() {
                let leaf = (self.leaf_type(name), self.shape(name, binding).ok());
                key.extend(format!("{leaf:?}").bytes());
            }
            key
        };
        let many = |shape: &Vec<usize>| Tensor::count(shape).is_none_or(|count| count > MANY);
        let seeds = match shapes.iter().any(many) || computed > MANY_COMPUTED {
            true => 1,
            false => SEEDS,
        };
        if let Some(known) = self.known.get(&key) {
            return known.clone().map(|diff| (diff, seeds as usize));
        }
        self.pay(cut, computed, seeds)?;
        let varies = |name: &&str| matches!(claim.numbers(name), Draw::Positions { .. });
        let varies = !cut.leaves.is_empty() || given.iter().any(varies);
        let mut worst = Ok(0.0f64);
        for seed in 0..seeds {
            worst = worst.and_then(|worst| {
                let run = |regime| self.run(claim, binding, given, &shapes, cut, (seed, regime));
                let diff = match run(Regime::of_run(seed)) {
                    // A table has no row for every index, so a wide run may fail where a common one does not.
                    Err(Failure::NotRun(_)) if varies => run(Regime::Common),
                    result => result,
                }?;
                Ok(worst.max(diff))
            });
        }
        self.known.insert(key, worst.clone());
        worst.map(|diff| (diff, seeds as usize))
    }

    /// Takes the cost of runs of a cut from the budget; `elements` is the number of elements that a run computes.
    pub(super) fn pay(&self, cut: &Cut, elements: usize, times: u64) -> Result<(), Failure> {
        let nodes = cut.model.graph.as_ref().map_or(0, |graph| graph.node.len());
        match self.budget.run(nodes, elements, times) {
            true => Ok(()),
            false => Err(Failure::Unaffordable),
        }
    }

    pub(super) fn shape(&self, value: &str, binding: &Binding) -> Result<Vec<usize>, Failure> {
        let dims = self
            .whole
            .shapes
            .get(value)
            .and_then(|dims| binding.shape(dims));
        dims.ok_or_else(|| Failure::NotRun(format!("the shape of `{value}` depends on data")))
    }

    /// Checks that the given tensors, what the cut reads beside them, and all that it computes are not too large. Returns the
    /// number of elements that it computes, as far as shapes are known.
    pub(super) fn room<'n>(
        &self,
        given: impl Iterator<Item = &'n str>,
        cut: &'n Cut,
        binding: &Binding,
    ) -> Result<usize, Failure> {
        let mut made = 0;
        for value in given.chain(cut.read()) {
            add(&mut made, value, &self.shape(value, binding)?, MAX_ELEMENTS)?;
        }
        let mut computed = 0;
        for value in &cut.computed {
            if let Ok(shape) = self.shape(value, binding) {
                add(&mut computed, value, &shape, MAX_COMPUTED)?;
            }
        }
        Ok(computed)
    }

    fn run(
        &self,
        claim: &dyn Claim,
        binding: &Binding,
        given: &[&str],
        shapes: &[Vec<usize>],
        cut: &Cut,
        (seed, regime): (u64, Regime),
    ) -> Result<f64, Failure> {
        let mut random = Random::new(seed, "confirm");
        let mut inputs = Vec::new();
        // Name, numbers and shape of each tensor that is given to the run or read off it.
        let mut tensors: Vec<(&str, Vec<f64>, Vec<usize>)> = Vec::new();
        for ((&name, shape), in_cut) in given.iter().zip(shapes).zip(&cut.given) {
            let tensor = claim.numbers(name).tensor(regime, shape, &mut random);
            // The reference must start from the same numbers, as the tensor's type rounded them.
            let nothing = || Failure::NotRun(format!("`{name}` is not a tensor of numbers"));
            let values = tensor.to_f64().ok_or_else(nothing)?;
            tensors.push((name, values, shape.clone()));
            if let Some(in_cut) = in_cut {
                inputs.push((in_cut.clone(), tensor));
            }
        }
        for (original, name) in &cut.leaves {
            inputs.push((
                name.clone(),
                self.leaf(original, binding, regime, &mut random)?,
            ));
        }
        let outputs = self.compute(cut, binding, &inputs)?;
        let nothing = || Failure::NotRun("no numbers came back".to_owned());
        let operands = claim.operands();
        let read = operands.iter().filter(|name| !given.contains(name));
        for (name, output) in read.zip(&outputs[1..]) {
            let values = output.to_f64().ok_or_else(nothing)?;
            tensors.push((name, values, output.shape.clone()));
        }
        let tensor = |name: &&str| -> Result<Numbers<'_>, Failure> {
            let found = tensors.iter().find(|(n, ..)| n == name);
            let (_, values, shape) = found.ok_or_else(nothing)?;
            Ok((values, shape))
        };
        let mut operands = operands.iter().map(tensor).collect::<Result<Vec<_>, _>>()?;
        let measured = claim.measured().into_iter();
        let measured = measured
            .map(|name| self.shape(name, binding))
            .collect::<Result<Vec<_>, _>>()?;
        operands.extend(measured.iter().map(|shape| (&[][..], &shape[..])));
        let y = outputs.first().ok_or_else(nothing)?;
        difference(claim, &operands, y)
    }

    /// Runs a cut, within what a probe may compute and what the budget has left. What shapes did not tell before is paid for now.
    pub(super) fn compute(
        &self,
        cut: &Cut,
        binding: &Binding,
        inputs: &[(String, Tensor)],
    ) -> Result<Vec<Tensor>, Failure> {
        let open = Allowance::default();
        let left = self.budget.time_left(Work::Confirming);
        let allowance = left.map_or(open, Allowance::of_time).with_work(MAX_WORK);
        let engine = Within {
            engine: Box::new(Tract),
            allowance: allowance.clone(),
        };
        let outputs = engine.run(Source::Proto(&cut.model, None), inputs, &cut.wanted);
        let shapes = cut.computed.iter().map(|value| self.shape(value, binding));
        let known = shapes.flatten().filter_map(|shape| Tensor::count(&shape));
        let paid = known.fold(0u64, |sum, count| sum.saturating_add(count as u64));
        let more = allowance
            .done()
            .saturating_sub(paid.saturating_mul(TOUCHED));
        if more > 0 {
            let more = usize::try_from(more).unwrap_or(usize::MAX);
            self.budget.run(0, more, 1);
        }
        Ok(outputs?)
    }

    /// The element type of a model input that the cut reads, if it is a tensor of numbers.
    fn leaf_type(&self, name: &str) -> Option<DataType> {
        let position = *self.whole.inputs.get(name)?;
        let info = &self.whole.file.graph().input[position];
        let dtype = match info.r#type.as_ref()?.value.as_ref()? {
            type_proto::Value::TensorType(tensor) => DataType::from_onnx(tensor.elem_type()),
            _ => None,
        };
        dtype.filter(|dtype| dtype.holds_numbers())
    }

    /// Numbers for a model input that the cut reads: positions, masks, sizes.
    pub(super) fn leaf(
        &self,
        name: &str,
        binding: &Binding,
        regime: Regime,
        random: &mut Random,
    ) -> Result<Tensor, Failure> {
        let shape = self.shape(name, binding)?;
        let dtype = self
            .leaf_type(name)
            .ok_or_else(|| Failure::NotRun(format!("input `{name}` is not a tensor of numbers")))?;
        Ok(regime.tensor(dtype, &shape, random))
    }
}

/// Adds the number of elements of a tensor to that of others, which together may not exceed `room`.
fn add(sum: &mut usize, value: &str, shape: &[usize], room: usize) -> Result<(), Failure> {
    let count = Tensor::count(shape).and_then(|count| sum.checked_add(count));
    *sum = count.filter(|&sum| sum <= room).ok_or_else(|| {
        Failure::TooLarge(format!(
            "with `{value}` of shape {shape:?} its tensors have more than {room} elements"
        ))
    })?;
    Ok(())
}
