//! One attempt: is `y` a rotation of `x` that the operator can stand for?
//!
//! The checks run from the cheapest to the dearest, and the first that fails is the reason that a report gives.

use std::rc::Rc;

use rustc_hash::FxHashSet;

use crate::onnx::{DataType, ValueId};
use crate::recognize::kit::behind::{self, Behind};
use crate::recognize::kit::miss::{Miss, node_name};
use crate::recognize::kit::scale;
use crate::recognize::kit::tables::{self, TableMatch};
use crate::recognize::{Kind, Site, Stage, TableUse};
use crate::symbolic::value::{Loss, Value};
use crate::symbolic::{Interpreter, Work, display};

use super::groups::Group;
use super::page::RULE;
use super::proof::{self, Proven};
use super::readoff::{self, Pair, Rotation, wanted};
use super::scaled::{self, Workshop};
use super::still;
use super::turned::{pair_angles, placement};
use super::{Factors, Material, Rotary, Source};

/// What is tried: `y` of a group as a rotation of `x`.
struct Attempt<'t, 'g, 'a> {
    group: &'t Group,
    x: &'t Source,
    y: ValueId,
    yv: &'t Value,
    material: &'t Material<'g, 'a>,
    factors: Factors,
}

/// A rotation with the tables that hold its coefficients.
struct Wired {
    rotation: Rotation,
    /// Whether the tables hold the negated sines.
    inverse: bool,
    cos: TableMatch,
    sin: TableMatch,
}

/// The site that fuses `y` as a rotation of `x`.
///
/// # Errors
/// The first condition that fails.
pub(super) fn attempt(
    it: &mut Interpreter<'_>,
    group: &Group,
    x: &Source,
    (y, yv): (ValueId, &Value),
    material: &Material<'_, '_>,
    factors: Factors,
) -> Result<Site, Miss> {
    let attempt = Attempt {
        group,
        x,
        y,
        yv,
        material,
        factors,
    };
    attempt.site(it)
}

impl Attempt<'_, '_, '_> {
    fn miss(&self, stage: Stage, reason: &str) -> Miss {
        Miss::new(RULE, stage, self.y, reason)
    }

    fn site(&self, it: &mut Interpreter<'_>) -> Result<Site, Miss> {
        let (xv, yv) = (&self.x.value, self.yv);
        let elements = xv.data.len() + yv.data.len();
        it.budget.spend(Work::Recognising, elements as u64);
        let dtype = self.dtype()?;
        let rotations = readoff::read(it, xv, yv, self.group.root)
            .map_err(|reason| self.miss(Stage::Pairs, reason))?;
        let start = self.start(it);
        let mut first = None;
        for rotation in rotations {
            match self.site_of(it, rotation, (dtype, start)) {
                Ok(site) => return Ok(site),
                Err(miss) => first = first.or(Some(miss)),
            }
        }
        Err(first.expect("a tensor that is read is read as some rotation"))
    }

    fn site_of(
        &self,
        it: &mut Interpreter<'_>,
        rotation: Rotation,
        (dtype, start): (DataType, ValueId),
    ) -> Result<Site, Miss> {
        let (x, yv) = (self.x, self.yv);
        let Proven {
            proof,
            origin,
            amplitude,
            ..
        } = proof::prove(it, &rotation).map_err(|reason| self.miss(Stage::Proof, reason))?;
        let shared = still::products(it, self.y, (&x.value, yv), &rotation).map_err(|channel| {
            let reason = format!(
                "channel {channel} is turned by angle 0: the operator adds 0 times its partner, which is NaN where that is infinite, and \
                 the graph does not"
            );
            self.miss(Stage::Proof, &reason)
        })?;
        let behind = self.behind(it, start, &shared)?;
        let wired = self.wired(it, rotation, &behind)?;
        let tables: Vec<ValueId> = [&wired.cos, &wired.sin]
            .iter()
            .flat_map(|table| &table.sources)
            .copied()
            .collect();
        let assumes_finite = self.assumes_finite(it, &tables, &shared)?;
        self.check_independence(it, &tables)?;
        let node = self.node(it)?;
        let table = self.angle_table(it, &wired, &behind);
        let Wired {
            rotation,
            inverse,
            cos,
            sin,
        } = wired;
        let mut sources: Vec<String> = Vec::new();
        for &id in &tables {
            let name = it.index().name(id);
            if !sources.iter().any(|known| known == name) {
                sources.push(name.to_owned());
            }
        }
        let mut name = it.index().name(x.id).to_owned();
        for (step, value) in &x.steps {
            let mut maker = self.material.context.maker.borrow_mut();
            name = maker.make(step.clone(), &[&name], value);
        }
        Ok(Site {
            rule: RULE,
            node,
            node_name: node_name(it, node),
            y: it.index().name(self.y).to_owned(),
            dtype,
            shape: display::shape(&it.arena, &yv.shape),
            proof,
            assumes_finite,
            kind: Kind::Rotary(Rotary {
                x: name,
                origin: it.index().name(start).to_owned(),
                origin_dtype: it.known(start).map_or(dtype, |value| value.dtype),
                pairing: rotation.input,
                output_pairing: rotation.output,
                rotary_dim: rotation.width,
                rotary_offset: rotation.offset,
                head_dim: rotation.channels,
                inverse,
                even: rotation.pairs.iter().flatten().all(Pair::is_even),
                table_dtype: cos.dtype,
                table_width: cos.width,
                angles: origin,
                amplitude,
                sources,
                cos: cos.input,
                sin: sin.input,
                table,
            }),
        })
    }

    /// The type of both tensors, if it is one that the operator has.
    fn dtype(&self) -> Result<DataType, Miss> {
        let dtype = self.yv.dtype;
        let rotates = matches!(
            dtype,
            DataType::F32 | DataType::F16 | DataType::BF16 | DataType::F64
        );
        match self.x.value.dtype == dtype && rotates {
            true => Ok(dtype),
            false => Err(self.miss(
                Stage::Pairs,
                "the tensor before the rotation and the rotated one differ in type",
            )),
        }
    }

    /// The tensor that the channels come from. A root that begins inside a branch has no name in this graph: there it is `x`.
    fn start(&self, it: &Interpreter<'_>) -> ValueId {
        let start = it.arena.origin(self.group.root).map(ValueId);
        start
            .filter(|id| id.index() < it.index().len())
            .unwrap_or(self.x.id)
    }

    /// The values that `y` is computed from. Equal polynomials are equal over the reals only, so the node may read `x` only if
    /// the graph itself computes `y` from `x` and loses no number on the way.
    fn behind(
        &self,
        it: &Interpreter<'_>,
        start: ValueId,
        shared: &FxHashSet<ValueId>,
    ) -> Result<Behind, Miss> {
        let order = &self.material.context.order;
        let shared = |value| shared.contains(&value);
        let behind = Behind::except(it, order, self.y, &[self.x.id, start], &shared);
        let behind = behind.ok_or_else(|| {
            self.miss(
                Stage::Tables,
                "the cosines and sines are computed from too many values",
            )
        })?;
        if behind.hands_on(self.x.id) && (!behind.reads(start) || self.is_whole(it, start)) {
            return Ok(behind);
        }
        Err(self
            .miss(
                Stage::Pairs,
                "numbers are lost between the tensor before the rotation and the rotated one: they are rounded to a narrower type, or \
                 cancel",
            )
            .with_hint(Some("compute the rotation in one type, from the tensor itself and not from sums in which terms cancel")))
    }

    /// Whether `x` has the very numbers of `start`, from which the graph also computes `y` on paths around `x`: the operator has only `x`
    /// to read, and what the graph multiplies later would be multiplied first.
    fn is_whole(&self, it: &Interpreter<'_>, start: ValueId) -> bool {
        let x = self.x.id;
        if x == start {
            return true;
        }
        let order = &self.material.context.order;
        let (Some(before), Some(from)) = (Behind::of(it, order, x, &[start]), it.known(start))
        else {
            return false;
        };
        let mut values = before.values().iter().chain([&x]);
        let mut elements = self.x.value.data.iter();
        before.hands_on(start)
            && elements.all(|&p| it.arena.as_atom(p).is_some())
            && values.all(|&value| it.loss(value).is_none())
            && scale::is_kept(it, &before, &[from, &self.x.value])
    }

    /// The tables, which must give the result the sizes of `y`. An operator broadcasts `x` and its tables and nothing else: a graph
    /// that also expands the result to another tensor's batch has more rows.
    fn wired(
        &self,
        it: &mut Interpreter<'_>,
        rotation: Rotation,
        behind: &Behind,
    ) -> Result<Wired, Miss> {
        let wired = self.find_tables(it, rotation, behind).ok_or_else(|| {
            self.miss(
                Stage::Tables,
                "no tensor that the rotated one is computed from holds the cosines and sines in a form that broadcasts against it",
            )
        })?;
        let rows = [&wired.cos.rows[..], &wired.sin.rows];
        match tables::has_sizes_of(&mut it.arena, self.yv, &self.x.value.shape, &rows) {
            true => Ok(wired),
            false => Err(self.miss(
                Stage::Tables,
                "the sizes of the rotated tensor are not those that the tensor before the rotation and the tables broadcast to",
            )),
        }
    }

    /// The graph's own tables, else tables put together from its tensors. A rotation by `-angle` has the same cosines and the
    /// negated sines, so a graph that holds the sines of the negated angle serves too, with the node's `inverse`.
    fn find_tables(
        &self,
        it: &mut Interpreter<'_>,
        rotation: Rotation,
        behind: &Behind,
    ) -> Option<Wired> {
        let Material {
            context, tables, ..
        } = self.material;
        let y = (self.yv, behind);
        let wire = |rotation, inverse, (cos, sin)| Wired {
            rotation,
            inverse,
            cos,
            sin,
        };
        let cosines = wanted(&rotation, |c| c.0);
        let sines = wanted(&rotation, |c| c.1);
        let mut holders = self.material.holders.borrow_mut();
        let maker = &mut context.maker.borrow_mut();
        if self.factors == Factors::Apart {
            let (plain, factors) = scaled::split(it, &rotation, self.yv.dtype)?;
            let cosines = wanted(&plain, |c| c.0);
            let sines = wanted(&plain, |c| c.1);
            let found = match tables.find(it, (&cosines, &sines), y) {
                Some(found) => found,
                None => holders.find(it, maker, &context.order, (&cosines, &sines), y)?,
            };
            let mut workshop = Workshop { tables, maker, y };
            let found = workshop.multiplied(it, &rotation, found, &factors)?;
            return Some(wire(rotation, false, found));
        }
        if let Some(found) = tables.find(it, (&cosines, &sines), y) {
            return Some(wire(rotation, false, found));
        }
        let reversed = rotation.clone().reversed(&mut it.arena);
        let negated = wanted(&reversed, |c| c.1);
        if let Some(found) = tables.find(it, (&cosines, &negated), y) {
            return Some(wire(reversed, true, found));
        }
        if let Some(found) = holders.find(it, maker, &context.order, (&cosines, &sines), y) {
            return Some(wire(rotation, false, found));
        }
        let found = holders.find(it, maker, &context.order, (&cosines, &negated), y)?;
        Some(wire(reversed, true, found))
    }

    /// Whether the site holds for finite `x` only; an error where the graph and the operator differ for numbers that are large,
    /// tiny, infinite or NaN.
    fn assumes_finite(
        &self,
        it: &Interpreter<'_>,
        tables: &[ValueId],
        shared: &FxHashSet<ValueId>,
    ) -> Result<bool, Miss> {
        let x = self.x;
        let stops: Vec<ValueId> = tables.iter().copied().chain([x.id]).collect();
        let order = &self.material.context.order;
        let shared = |value| shared.contains(&value);
        let between = Behind::except(it, order, self.y, &stops, &shared);
        let ends = tables.iter().filter_map(|&id| it.known(id).cloned());
        let ends: Vec<Rc<Value>> = ends.chain([x.value.clone()]).collect();
        let ends: Vec<&Value> = ends.iter().map(|end| &**end).chain([self.yv]).collect();
        // `x * cos * 2 * 0.5` overflows where `x * cos` does not.
        let between = between.filter(|between| scale::is_kept(it, between, &ends));
        let Some(between) = between else {
            return Err(self
                .miss(
                    Stage::Pairs,
                    "what is rotated is scaled or shifted and put back: numbers may overflow or vanish in between, and do not in the operator",
                )
                .with_hint(Some(
                    "take out the factors that cancel, or scale before the rotation",
                )));
        };
        let losses: Vec<Loss> = between
            .values()
            .iter()
            .chain([&self.y])
            .filter(|&&id| !shared(id))
            .filter_map(|&id| it.loss(id))
            .collect();
        // 0 times infinity is NaN, so a matrix of zeros and ones spreads one infinite channel over the row. That is permitted for
        // channels of `x` itself, and only where `x` comes from a dense layer: an infinite input of that layer has spread over the
        // row before.
        let own = it.arena.origin(self.group.root).map(Loss::Annihilated);
        let permitted = losses.is_empty()
            || losses.iter().all(|&loss| Some(loss) == own) && behind::is_dense(it, x.id);
        match permitted {
            true => Ok(!losses.is_empty()),
            false => Err(self
                .miss(
                    Stage::Proof,
                    "a channel is multiplied by 0 or subtracted from itself: where it is infinite or NaN, the graph makes NaN of more \
                     channels than the operator",
                )
                .with_hint(Some(
                    "rotate by slices or by an index instead of a matrix of zeros and ones",
                ))),
        }
    }

    /// The formula holds for coefficients of any origin. Those computed from `x` itself, as in `x * sigmoid(x) + turned * tanh(x)`,
    /// encode no positions.
    fn check_independence(&self, it: &Interpreter<'_>, tables: &[ValueId]) -> Result<(), Miss> {
        let own = behind::rearranged(it, self.x.id);
        match behind::depends(it, &self.material.context.order, tables, &own) {
            false => Ok(()),
            true => Err(self.miss(
                Stage::Proof,
                "the coefficients are computed from the tensor that they are multiplied with, so they encode no positions",
            )),
        }
    }

    /// The node that the fused one replaces, which must give nothing else.
    fn node(&self, it: &Interpreter<'_>) -> Result<usize, Miss> {
        let Some((node, _)) = it.index().producer(self.y) else {
            return Err(self.miss(Stage::Pairs, "the rotated tensor is not computed by a node"));
        };
        match it.file.graph().node[node].output.len() {
            1 => Ok(node),
            _ => Err(self.miss(
                Stage::Pairs,
                "the node of the rotated tensor has other outputs",
            )),
        }
    }

    /// The table of angles that can stand for the graph's cosines and sines.
    fn angle_table(
        &self,
        it: &mut Interpreter<'_>,
        wired: &Wired,
        behind: &Behind,
    ) -> Option<TableUse> {
        let rotation = &wired.rotation;
        let angles = pair_angles(&mut it.arena, rotation)?;
        let placing = |it: &mut Interpreter<'_>, positions: &_| {
            placement(it, positions, rotation, (&self.x.value, self.yv))
        };
        let context = self.material.context;
        let mut tables = context.angle_tables.borrow_mut();
        let y = (self.y, behind);
        tables.find(it, &context.order, &angles, &placing, y, wired.inverse)
    }
}

#[cfg(test)]
mod tests;
