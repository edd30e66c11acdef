//! Plans a site as an operator of another domain, with the nodes around it.
//!
//! From `x` to `y`, each step only if it is needed: a cast to the type of the tables; a split that takes the rotated channels
//! out; neighbouring channels moved half the range apart, if input and output differ in layout; a reshape to the operator's axes
//! ([`View`]); the operator; and all of it back. Every step is exact, except that the cast back rounds the result to its own
//! type.

mod contrib;
mod onnx;
pub(in crate::rewrite) mod sizes;
mod table;
pub(in crate::rewrite) mod view;

use std::ops::Range;

use crate::facts::Dim;
use crate::onnx::DataType;
use crate::recognize::{Pairing, TableInput};
use crate::rewrite::draft::{Draft, Op};
use crate::rewrite::rotary::site::RotarySite;
use crate::rewrite::subject::{Subject, Target};

use contrib::Contrib;
use onnx::Onnx;
use sizes::Measured;
use view::{Batch, Entry, asked, known};

pub(super) use table::Laid;
pub(super) use view::View;

pub(in crate::rewrite) use contrib::DOMAIN as CONTRIB;
pub use onnx::ONNX_OPSET;

/// The operator's name, the same in every domain.
pub(in crate::rewrite) const OPERATOR: &str = "RotaryEmbedding";

/// An operator that rotates `[batch, heads, rows, channels]` or `[batch, rows, heads x channels]`.
pub(in crate::rewrite) trait Operator {
    /// Domain and name, for messages.
    fn name(&self) -> &'static str;

    /// The operator set to import for it, if that is not ONNX's own.
    fn opset(&self) -> Option<(&'static str, i64)>;

    /// The oldest opset of ONNX that it and the nodes around it need.
    fn oldest_opset(&self) -> i64;

    /// Whether it needs the number of heads as an attribute in this view. A site whose number of heads is not fixed is then
    /// refused.
    fn needs_heads(&self, view: &View) -> bool;

    /// Whether it can rotate only the first channels without the number of heads.
    fn is_partial_without_heads(&self) -> bool;

    /// Its node, with tables and positions, for this input.
    fn node(&self, draft: &mut Draft<'_>, call: &Call<'_>, input: String) -> Op<'static>;
}

/// The operator of a target with another domain than ours.
pub(in crate::rewrite) fn operator(target: Target) -> Option<&'static dyn Operator> {
    match target {
        Target::Onnx => Some(&Onnx),
        Target::Contrib => Some(&Contrib),
        Target::Phasor | Target::PhasorPairs => None,
    }
}

/// One use of the operator.
pub(in crate::rewrite) struct Call<'a> {
    /// The site.
    pub site: &'a RotarySite,
    /// `x`, or its rotated channels.
    pub x: Measured<'a>,
    /// The axes of the operator's input.
    pub view: View,
    /// Cosines.
    pub cos: Laid<'a>,
    /// Sines.
    pub sin: Laid<'a>,
    /// Number of heads, if it is fixed.
    pub heads: Option<i64>,
    /// The number of rotated channels of a head, if it has others.
    pub partial: Option<i64>,
}

impl Call<'_> {
    /// Adds the attributes that the operators of all domains share; `give_heads`: also the number of heads.
    pub(super) fn attributes(&self, op: Op<'static>, give_heads: bool) -> Op<'static> {
        let mut op = op;
        if self.site.rotary.pairing == Pairing::Interleaved && !self.crosses() {
            op = op.with("interleaved", 1);
        }
        if let Some(heads) = self.heads.filter(|_| give_heads) {
            op = op.with("num_heads", heads);
        }
        if let Some(partial) = self.partial {
            op = op.with("rotary_embedding_dim", partial);
        }
        op
    }

    /// Whether input and output have different layouts. The operator then rotates halves, and neighbours are rearranged before or
    /// after.
    fn crosses(&self) -> bool {
        self.site.rotary.pairing != self.site.rotary.output_pairing
    }

    /// Cosines and sines, with their rows merged into these groups of axes.
    pub(super) fn tables(
        &self,
        draft: &mut Draft<'_>,
        groups: &[Range<usize>],
    ) -> (String, String) {
        (
            self.cos.emit(draft, self.site, self.x, groups, false),
            self.sin
                .emit(draft, self.site, self.x, groups, self.site.rotary.inverse),
        )
    }
}

/// Plans one site.
///
/// # Errors
/// Why the operator cannot express the site. Then nothing is planned.
pub(in crate::rewrite) fn lower(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    site: &RotarySite,
    operator: &dyn Operator,
) -> Result<(), String> {
    let (opset, oldest) = (subject.file.opset(), operator.oldest_opset());
    if opset < oldest {
        return Err(format!(
            "it needs opset {oldest} or newer, and the model has {opset}"
        ));
    }
    if site.rotary.table_dtype == DataType::F64 {
        return Err("it has no double precision".to_owned());
    }
    if !site.rotary.even {
        return Err(
            "its tables have one entry for each pair, and here the two channels of a pair have different ones"
                .to_owned(),
        );
    }
    let shape_of = |value: &str| -> Result<&[Dim], String> {
        let shape = subject.shapes.get(value).map(|shape| &shape[..]);
        shape.ok_or_else(|| format!("the shape of `{value}` is not known"))
    };
    let shape = shape_of(&site.rotary.x)?;
    let lay = |input| {
        let input: &TableInput = input;
        let laid = Laid::new(input, shape_of(&input.value)?, shape.len());
        laid.ok_or_else(|| format!("`{}` has more axes than the rotated tensor", input.value))
    };
    let (cos, sin) = (lay(&site.rotary.cos)?, lay(&site.rotary.sin)?);
    if let Some((table, own)) = cos.doubt(shape).or_else(|| sin.doubt(shape)) {
        return Err(format!(
            "its tables must have as many rows as the tensor, and here the sizes `{table}` and `{own}` may differ"
        ));
    }
    let along = cos.along();
    if along != sin.along() {
        return Err(
            "its two tables must have the same shape, and here cosines and sines vary along different axes"
                .to_owned(),
        );
    }
    let lead = shape.len() - 1;
    let mut view = View::new(lead, &along).ok_or(
        "its tables have a batch and a sequence, and here they vary along some of the axes that make up the batch, and not along others",
    )?;
    let heads = known(shape, view.heads.clone());
    let by_batch = view.by_batch(lead).filter(|_| heads.is_none());
    if let Some(other) = by_batch
        && (operator.needs_heads(&view) || view.batch.is_empty())
    {
        view = other;
    }
    if heads.is_none() && operator.needs_heads(&view) {
        return Err("it needs the number of heads, which is not fixed here".to_owned());
    }
    let whole = site.rotary.rotary_dim == site.rotary.head_dim;
    let crosses = site.rotary.pairing != site.rotary.output_pairing;
    let split = site.rotary.rotary_offset > 0
        || (!whole && (crosses || (heads.is_none() && !operator.is_partial_without_heads())));
    let channels = if split {
        site.rotary.rotary_dim
    } else {
        site.rotary.head_dim
    };
    let mut call = Call {
        site,
        x: Measured {
            value: &site.rotary.x,
            shape,
        },
        view,
        cos,
        sin,
        heads,
        partial: (!whole && !split).then_some(site.rotary.rotary_dim as i64),
    };
    let mut sizes = shape.to_vec();
    sizes[lead] = Dim::Known(channels as i64);
    call.x.shape = &sizes;
    emit(draft, &call, operator, split, lead);
    Ok(())
}

/// The nodes of a site as a chain: each reads the result of the one before, and the last one gives `y`.
struct Chain {
    at: usize,
    stem: String,
    value: String,
    /// The last operator, not made yet: the last of all becomes the node that gives `y`.
    pending: Option<Op<'static>>,
}

impl Chain {
    /// The result so far, once its node is made.
    fn value(&mut self, draft: &mut Draft<'_>) -> String {
        if let Some(op) = self.pending.take() {
            let stem = format!("{}_{}", self.stem, op.op.to_lowercase());
            self.value = draft.own(self.at, &stem, op);
        }
        self.value.clone()
    }

    fn reshape(&mut self, draft: &mut Draft<'_>, shape: String, exact: bool) {
        let value = self.value(draft);
        self.pending = Some(Op::reshape(value, shape, exact));
    }

    fn cast(&mut self, draft: &mut Draft<'_>, to: DataType) {
        let value = self.value(draft);
        self.pending = Some(Op::new("Cast", [value]).with("to", i64::from(to.to_onnx())));
    }

    /// Reshapes, transposes and reshapes: channels as rows x columns become columns x rows. The `lead` axes before them stay.
    fn regroup(&mut self, draft: &mut Draft<'_>, lead: usize, rows: usize, columns: usize) {
        let copied = vec![0; lead];
        let shape = [&copied[..], &[rows as i64, columns as i64]].concat();
        let shape = draft.list(&shape);
        self.reshape(draft, shape, false);
        let mut order: Vec<i64> = (0..lead as i64).collect();
        order.extend([lead as i64 + 1, lead as i64]);
        let value = self.value(draft);
        self.pending = Some(Op::new("Transpose", [value]).with_list("perm", &order));
        let shape = draft.list(&[&copied[..], &[(rows * columns) as i64]].concat());
        self.reshape(draft, shape, false);
    }
}

/// Makes the nodes of a site: the steps of the head comment in order.
fn emit(draft: &mut Draft<'_>, call: &Call<'_>, operator: &dyn Operator, split: bool, lead: usize) {
    let site = call.site;
    let mut chain = Chain {
        at: site.node,
        stem: site.y.clone(),
        value: site.rotary.x.clone(),
        pending: None,
    };
    let casts = site.rotary.table_dtype != site.dtype;
    if casts {
        chain.cast(draft, site.rotary.table_dtype);
    }
    let around = split.then(|| take_out(draft, &mut chain, site));
    let crosses = call.crosses();
    if crosses && site.rotary.pairing == Pairing::Interleaved {
        chain.regroup(draft, lead, site.rotary.rotary_dim / 2, 2);
    }
    let groups = call.view.groups(lead);
    let plain = call.view.is_plain(lead);
    let copied = |axis: usize| groups.get(axis) == Some(&(axis..axis + 1));
    if !plain {
        let wanted = asked(call.x.shape, &groups, copied, draft.has_exact_reshapes());
        let shape = call.x.list(draft, site.node, &wanted.entries);
        chain.reshape(draft, shape, wanted.exact);
    }
    let input = chain.value(draft);
    chain.pending = Some(operator.node(draft, call, input));
    if !plain {
        let axes: Vec<Range<usize>> = (0..=lead).map(|axis| axis..axis + 1).collect();
        let wanted = asked(call.x.shape, &axes, copied, draft.has_exact_reshapes());
        let shape = call.x.list(draft, site.node, &wanted.entries);
        chain.reshape(draft, shape, wanted.exact);
    }
    if crosses && site.rotary.pairing == Pairing::Half {
        chain.regroup(draft, lead, 2, site.rotary.rotary_dim / 2);
    }
    if let Some((before, after)) = around {
        let value = chain.value(draft);
        let parts = before.into_iter().chain([value]).chain(after);
        chain.pending = Some(Op::new("Concat", parts).with("axis", -1));
    }
    if casts {
        chain.cast(draft, site.dtype);
    }
    if let Some(last) = chain.pending {
        draft.replace(site.node, last);
    }
}

/// Splits the channels; the chain goes on with the rotated ones. Returns those before and after them, if there are any.
fn take_out(
    draft: &mut Draft<'_>,
    chain: &mut Chain,
    site: &RotarySite,
) -> (Option<String>, Option<String>) {
    let after = site.rotary.head_dim - site.rotary.rotary_offset - site.rotary.rotary_dim;
    let sizes: Vec<i64> = [site.rotary.rotary_offset, site.rotary.rotary_dim, after]
        .into_iter()
        .filter(|&size| size > 0)
        .map(|size| size as i64)
        .collect();
    let value = chain.value(draft);
    let list = draft.list(&sizes);
    let op = Op::new("Split", [value, list]).with("axis", -1);
    let stem = format!("{}_channels", chain.stem);
    let mut parts = draft
        .own_split(site.node, &stem, op, sizes.len())
        .into_iter();
    let before = (site.rotary.rotary_offset > 0)
        .then(|| parts.next())
        .flatten();
    chain.value = parts.next().unwrap_or_default();
    (before, parts.next())
}

/// The batch of a view as an entry of a shape.
pub(super) fn batch(view: &View) -> Entry {
    Entry::Sizes(view.batch.clone())
}

/// Whether each element of the batch has rows of its own.
pub(super) fn has_own_rows(view: &View) -> bool {
    view.sharing == Batch::Own
}
