//! Where to look: at every softmax over a last axis.

use crate::facts::Dim;
use crate::onnx::{DataType, ValueId};
use crate::recognize::kit::Context;
use crate::recognize::kit::miss::{Miss, node_name};
use crate::recognize::{Analysis, Kind, Proof, Site, Stage};
use crate::symbolic::element::{Access, Elements};
use crate::symbolic::{Interpreter, Work, display};

use super::operands::Wanted;
use super::probabilities::{Softmax, Weighed};
use super::scores::Scored;
use super::site::Sources;
use super::walk::Reader;
use super::{Attention, AttentionMask, RULE};

/// The first opset in which nodes are written that make what the graph does not hold.
const MAKING_OPSET: i64 = 13;

/// What looking at one softmax costs, in steps of the budget.
const STEP: u64 = 4096;

/// Finds the attention of an interpreted graph.
pub(in crate::recognize) fn find<'a>(
    it: &mut Interpreter<'a>,
    context: &Context<'a>,
    analysis: &mut Analysis,
) {
    let mut elements = Elements::default();
    let mut reader = Reader {
        it,
        elements: &mut elements,
        context,
    };
    for &value in context.order.computed() {
        let Some(is_softmax) = reader.is_softmax(value) else {
            let miss = reader.unknown_softmax(value);
            let refusal = miss.map(|miss| miss.refusal(reader.it));
            analysis.refusals.extend(refusal);
            continue;
        };
        if !is_softmax {
            continue;
        }
        if reader.it.budget.is_spent(Work::Recognising) {
            let node = reader.it.index().producer(value);
            reader.it.gave_up = reader.it.gave_up.or(node.map(|(node, _)| node));
            break;
        }
        reader.it.budget.spend(Work::Recognising, STEP);
        match reader.attention(value) {
            Some(Ok((site, shapes))) => {
                analysis.sites.push(site);
                analysis.shapes.extend(shapes);
            }
            Some(Err(miss)) => analysis.refusals.push(miss.refusal(reader.it)),
            None => {}
        }
    }
}

/// A site, and shapes that its masks have where it runs.
type Sited = (Site, Vec<(String, Vec<Dim>)>);

impl Reader<'_, '_> {
    /// Whether a value is a softmax over its last axis; `None` if it is one, and its number of axes is not known.
    fn is_softmax(&mut self, value: ValueId) -> Option<bool> {
        let Some(node) = self.node(value).filter(|node| node.op_type() == "Softmax") else {
            return Some(false);
        };
        let known = self.it.known(value).cloned()?;
        let rank = known.rank() as i64;
        let default = if self.it.file.opset() < 13 { 1 } else { -1 };
        let axis = node.int("axis").unwrap_or(default);
        Some(known.dtype.is_float() && rank > 1 && (axis == -1 || axis == rank - 1))
    }

    fn attention(&mut self, softmax: ValueId) -> Option<Result<Sited, Miss>> {
        let weighed = match self.weighed(softmax)? {
            Ok(weighed) => weighed,
            Err(miss) => return Some(Err(miss)),
        };
        Some(self.read(&weighed))
    }

    fn read(&mut self, weighed: &Weighed) -> Result<Sited, Miss> {
        let y = weighed.y;
        let miss = |stage, reason: &str| Miss::new(RULE, stage, y, reason);
        let own = self
            .known(y)
            .ok_or_else(|| miss(Stage::Probabilities, "its shape is not known"))?;
        if own.dtype == DataType::F64 {
            let reason = "ONNX Runtime before 1.32 does not run the operator's function body in double precision";
            return Err(miss(Stage::Target, reason));
        }
        let softmax = Softmax {
            weighed,
            dtype: own.dtype,
        };
        let input = self
            .node(weighed.probability.value)
            .and_then(|node| self.input(node, 0));
        let place = Access {
            value: input.ok_or_else(|| miss(Stage::Scores, "the softmax reads nothing"))?,
            indices: weighed.probability.indices.clone(),
        };
        let scored = self.scored(&softmax, place)?;
        let [b, n, i, key] = weighed.frame.at;
        let [batch, heads, queries, keys] = weighed.frame.sizes;
        let (e, width) = (weighed.channel, own.shape[3]);
        let wanted = |name, factor, at, sizes, grouped| Wanted {
            name,
            factor,
            at,
            sizes,
            grouped,
            scaled: name != "values",
            frame: &weighed.frame,
            dtype: own.dtype,
            y,
        };
        let Scored {
            along, channels, ..
        } = scored;
        let q = self.wired(&wanted(
            "queries",
            &scored.query,
            [b, n, i, along],
            [batch, heads, queries, channels].map(Some),
            false,
        ))?;
        let k = self.wired(&wanted(
            "keys",
            &scored.key,
            [b, n, key, along],
            [Some(batch), Some(heads), None, Some(channels)],
            true,
        ))?;
        let v = self.wired(&wanted(
            "values",
            &weighed.value,
            [b, n, key, e],
            [batch, heads, keys, width].map(Some),
            true,
        ))?;
        if k.group != v.group {
            let reason = "keys and values are shared by different numbers of heads";
            return Err(miss(Stage::Operands, reason));
        }
        let (change, group) = (&scored.change, k.group);
        // `c tanh(s)` is `c tanh(c s / c)`.
        let scale = change.scale * q.scale * k.scale * change.softcap.unwrap_or(1.0);
        let name = |value: ValueId| self.it.index().name(value).to_owned();
        let sources = Sources {
            operands: [&q, &k, &v].map(|wired| name(wired.value)),
            factors: (change.factors.iter())
                .map(|(factor, _)| name(factor.value))
                .collect(),
            biases: change.biases.iter().map(|bias| name(bias.value)).collect(),
            mask: change.mask.as_ref().map(|(mask, ..)| name(mask.value)),
            probabilities: name(weighed.probability.value),
        };
        let mark = self.context.maker.borrow().mark();
        if let Some((bias, highest)) = self.cancelling(&weighed.frame, change) {
            let reason = format!(
                "several tensors are added to the scores, and this one may be {:e}, which may take back what another adds",
                highest as f32
            );
            return Err(Miss::new(RULE, Stage::Mask, bias, &reason));
        }
        let promises = self.promises(&weighed.frame, change);
        let unknown = || miss(Stage::Operands, "its shapes are not known");
        let queries = &q;
        let [q, k, v] = [&q, &k, &v].map(|wired| self.named(wired).ok_or_else(unknown));
        let q = self
            .with_factors((queries, q?), &change.factors)
            .ok_or_else(unknown)?;
        let bias = match &change.biases[..] {
            [] => None,
            biases => Some(self.sum(biases, queries).ok_or_else(unknown)?),
        };
        let mask = match &change.mask {
            Some((mask, hides, _)) => Some(self.shown(mask, *hides, queries).ok_or_else(unknown)?),
            None => None,
        };
        let opset = self.it.file.opset();
        if opset < MAKING_OPSET && self.context.maker.borrow().mark() != mark {
            self.context.maker.borrow_mut().forget_since(mark);
            let reason = format!(
                "its inputs are made by nodes of opset {MAKING_OPSET} or newer, the model has {opset}"
            );
            return Err(miss(Stage::Target, &reason));
        }
        let [scale, softcap] = [scale, change.softcap.unwrap_or(0.0)].map(single);
        let fill = change.mask.as_ref();
        let fill = fill.map_or(Some(0.0), |&(_, _, fill)| exact(fill));
        let (Some(scale), Some(softcap), Some(fill)) = (scale, softcap, fill) else {
            let reason = "the operator holds scale, softcap and fill in float, and these are not";
            return Err(miss(Stage::Scores, reason));
        };
        let attention = Attention {
            q,
            k: k?,
            v: v?,
            group,
            scale,
            softcap,
            bias,
            mask: mask.map(|value| AttentionMask { value, fill }),
            turned: weighed.turned,
            zero_nan_rows: weighed.zero_nan_rows,
            causal: promises.causal,
            window_left: promises.left,
            window_right: promises.right,
            sources,
        };
        let (node, _) = self
            .it
            .index()
            .producer(y)
            .ok_or_else(|| miss(Stage::Probabilities, "no node computes it"))?;
        let masks = change.mask.iter().map(|(mask, ..)| mask);
        let factors = change.factors.iter().map(|(factor, _)| factor);
        let masks = change.biases.iter().chain(masks).chain(factors);
        let shapes = masks.filter_map(|mask| self.shape_of(mask, &weighed.frame));
        let shapes = shapes.collect();
        let site = Site {
            rule: RULE,
            node,
            node_name: node_name(self.it, node),
            y: self.it.index().name(y).to_owned(),
            dtype: own.dtype,
            shape: display::shape(&self.it.arena, &own.shape),
            proof: Proof::Reassociated,
            assumes_finite: weighed.zero_nan_rows
                || change.assumes_finite
                || !change.factors.is_empty(),
            kind: Kind::Attention(attention),
        };
        Ok((site, shapes))
    }
}

/// A number as the operator holds it. One too small for a float, or too large, would lose all its digits.
fn single(number: f64) -> Option<f32> {
    exact(number).or_else(|| Some(number as f32).filter(|single| single.is_normal()))
}

/// A number that a float is.
fn exact(number: f64) -> Option<f32> {
    let single = number as f32;
    (f64::from(single) == number).then_some(single)
}
