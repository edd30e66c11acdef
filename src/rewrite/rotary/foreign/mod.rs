//! One site as an operator of another domain, with what must stand around it.
//!
//! From `x` to `y`, each step only where it is needed: a cast to the type of the tables; a split that takes the rotated channels
//! out; neighbours brought half the range apart; a reshape to the operator's axes ([`View`]); the operator; and all of it back.
//! Every step is exact.

mod contrib;
mod onnx;
pub(super) mod sizes;
mod table;
pub(super) mod view;

use std::ops::Range;

use crate::facts::Dim;
use crate::onnx::DataType;
use crate::recognize::{Pairing, TableInput};
use crate::rewrite::draft::{Draft, Op};
use crate::rewrite::lowering::{Subject, Target};
use crate::rewrite::rotary::RotarySite;

use contrib::Contrib;
use onnx::Onnx;
use sizes::Measured;
use view::{Batch, Entry, asked, known};

pub(super) use table::Laid;
pub(super) use view::View;

pub(in crate::rewrite) use contrib::DOMAIN as CONTRIB;
pub use onnx::ONNX_OPSET;

/// What the operator is called in every domain.
pub(in crate::rewrite) const OPERATOR: &str = "RotaryEmbedding";

/// An operator that rotates `[batch, heads, rows, channels]` or `[batch, rows, heads x channels]`.
pub(in crate::rewrite) trait Operator {
    /// The operator, with domain, in words.
    fn name(&self) -> &'static str;

    /// The operator set to import for it.
    fn opset(&self) -> Option<(&'static str, i64)>;

    /// The oldest version of ONNX's own operators that it and the nodes around it need.
    fn oldest_opset(&self) -> i64;

    /// Whether it must be told the number of heads in this view; if so and it is not known, the site is left.
    fn needs_heads(&self, view: &View) -> bool;

    /// Whether it rotates the first channels of more without being told the number of heads.
    fn is_partial_without_heads(&self) -> bool;

    /// Its node, with tables and positions, for a tensor that is there already.
    fn node(&self, draft: &mut Draft<'_>, call: &Call<'_>, input: String) -> Op<'static>;
}

/// The operator of a target in another domain than ours.
pub(in crate::rewrite) fn operator(target: Target) -> &'static dyn Operator {
    match target {
        Target::Onnx => &Onnx,
        Target::Phasor | Target::PhasorPairs | Target::Contrib => &Contrib,
    }
}

/// One use of the operator.
pub(in crate::rewrite) struct Call<'a> {
    /// The site.
    pub site: &'a RotarySite,
    /// `x`, and how it is seen.
    pub x: Measured<'a>,
    /// The axes of the operator's input.
    pub view: View,
    /// Cosines.
    pub cos: Laid<'a>,
    /// Sines.
    pub sin: Laid<'a>,
    /// Number of heads, if it is fixed.
    pub heads: Option<i64>,
    /// Channels of a head that are rotated, where it has others.
    pub partial: Option<i64>,
}

impl Call<'_> {
    /// Attributes that the operators of all domains share.
    pub(super) fn attributes(&self, op: Op<'static>, told_heads: bool) -> Op<'static> {
        let mut op = op;
        if self.site.rotary.pairing == Pairing::Interleaved && !self.crosses() {
            op = op.with("interleaved", 1);
        }
        if let Some(heads) = self.heads.filter(|_| told_heads) {
            op = op.with("num_heads", heads);
        }
        if let Some(partial) = self.partial {
            op = op.with("rotary_embedding_dim", partial);
        }
        op
    }

    fn crosses(&self) -> bool {
        self.site.rotary.pairing != self.site.rotary.output_pairing
    }

    /// The tables, with their rows merged into these groups.
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

/// Plans one site. Nothing is planned if it is left; the error says why.
pub(in crate::rewrite) fn lower(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    site: &RotarySite,
    operator: &dyn Operator,
) -> Result<(), String> {
    let (opset, oldest) = (subject.file.opset(), operator.oldest_opset());
    if opset < oldest {
        return Err(format!(
            "it needs opset {oldest} or newer, the model has {opset}"
        ));
    }
    if site.rotary.table_dtype == DataType::F64 {
        return Err("it has no double precision".to_owned());
    }
    if !site.rotary.even {
        return Err(
            "its tables have one entry a pair, and here the channels of a pair have different ones"
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
            "its tables must have as many rows as the tensor, and here `{table}` and `{own}` may differ"
        ));
    }
    let along = cos.along();
    if along != sin.along() {
        return Err(
            "its tables have one shape, and here cosines and sines vary along different axes"
                .to_owned(),
        );
    }
    let lead = shape.len() - 1;
    let mut view = View::new(lead, &along).ok_or(
        "its tables have a batch and a sequence, and here they vary along a part of the axes that make the batch",
    )?;
    let heads = known(shape, view.heads.clone());
    let by_batch = view.by_batch(lead).filter(|_| heads.is_none());
    if let Some(other) = by_batch
        && (operator.needs_heads(&view) || view.batch.is_empty())
    {
        view = other;
    }
    if heads.is_none() && operator.needs_heads(&view) {
        return Err("it must be told the number of heads, which is not fixed".to_owned());
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

/// The nodes of a site in a row: each takes the result of the one before, the last gives `y`.
struct Chain {
    at: usize,
    stem: String,
    value: String,
    pending: Option<Op<'static>>,
}

impl Chain {
    /// The value so far, its node made.
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

    /// Reshape, transpose, reshape: channels as rows x columns become columns x rows. `lead` axes before them stay.
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

/// Splits the rotated channels off; the chain goes on with them. Returns the channels before and after, where there are any.
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
