//! `Einsum`. Where one term of an equation has an ellipsis and another has none, tract gives the result too few axes; equations without
//! an arrow it does not read.

use tract_onnx::model::{Onnx, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::internal::*;

use super::Built;

const ELLIPSIS: &str = "...";

pub(super) fn register(onnx: &mut Onnx) {
    onnx.op_register.insert("Einsum", einsum);
}

fn einsum(_: &ParsingContext, node: &NodeProto) -> Built {
    let mut equation: String = node.get_attr("equation")?;
    equation.retain(|c| !c.is_whitespace());
    let (terms, result) = match equation.split_once("->") {
        Some((terms, result)) => (terms, result.to_owned()),
        None => (&*equation, implicit(&equation)),
    };
    let terms = terms.split(',').map(str::to_owned).collect();
    Ok((expand(Einsum { terms, result }), vec![]))
}

/// The result of an equation without an arrow: the axes of the ellipsis, and then, in the order of the alphabet, those of one term.
fn implicit(terms: &str) -> String {
    let once = |c: &char| c.is_alphabetic() && terms.matches(*c).count() == 1;
    let mut letters: Vec<char> = terms.chars().filter(once).collect();
    letters.sort_unstable();
    let ellipsis = if terms.contains(ELLIPSIS) {
        ELLIPSIS
    } else {
        ""
    };
    ellipsis.chars().chain(letters).collect()
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Einsum {
    terms: Vec<String>,
    result: String,
}

impl Einsum {
    /// The equation with a letter for each axis of an ellipsis, the last of which are shared if the operands' ranks differ.
    fn axes(&self, ranks: &[usize]) -> TractResult<AxesMapping> {
        ensure!(
            ranks.len() == self.terms.len(),
            "{} operands of an equation of {} terms",
            ranks.len(),
            self.terms.len()
        );
        let widths = self.terms.iter().zip(ranks).map(|(term, &rank)| {
            let letters = term.chars().filter(|c| c.is_alphabetic()).count();
            match term.contains(ELLIPSIS) {
                true => rank.checked_sub(letters),
                false => (rank == letters).then_some(0),
            }
            .with_context(|| format!("`{term}` stands for a tensor of {rank} axes"))
        });
        let widths = widths.collect::<TractResult<Vec<usize>>>()?;
        let widest = widths.iter().copied().max().unwrap_or(0);
        let is_free = |c: &char| self.terms.iter().all(|term| !term.contains(*c));
        let free: Vec<char> = ('a'..='z').chain('A'..='Z').filter(is_free).collect();
        ensure!(widest <= free.len(), "an ellipsis of {widest} axes");
        let written = |term: &str, width: usize| {
            let letters: String = free[widest - width..widest].iter().collect();
            term.replace(ELLIPSIS, &letters)
        };
        let terms: Vec<String> = self
            .terms
            .iter()
            .zip(&widths)
            .map(|(term, &width)| written(term, width))
            .collect();
        format!("{}->{}", terms.join(","), written(&self.result, widest)).parse()
    }
}

impl Expansion for Einsum {
    fn name(&self) -> StaticName {
        "Einsum".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, self.terms.len())?;
        check_output_arity(outputs, 1)?;
        for (input, term) in inputs.iter().zip(&self.terms) {
            s.equals(&input.datum_type, &outputs[0].datum_type)?;
            if !term.contains(ELLIPSIS) {
                s.equals(&input.rank, term.chars().count() as i64)?;
            }
        }
        let ranks: Vec<_> = inputs.iter().map(|input| &input.rank).collect();
        s.given_all(ranks, move |s, ranks| {
            let ranks: Vec<usize> = ranks.iter().map(|&rank| rank as usize).collect();
            let axes = self.axes(&ranks)?;
            s.equals(&outputs[0].rank, axes.rank(InOut::Out(0)) as i64)?;
            for axis in axes.iter_all_axes() {
                let result = axis.outputs[0]
                    .first()
                    .map(|&at| outputs[0].shape[at].bex());
                let operands = inputs.iter().zip(&axis.inputs);
                let operands =
                    operands.flat_map(|(input, at)| at.iter().map(|&at| input.shape[at].bex()));
                s.equals_all(result.into_iter().chain(operands).collect())?;
            }
            Ok(())
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let rank = |input: &OutletId| Ok(model.outlet_fact(*input)?.rank());
        let ranks = inputs.iter().map(rank).collect::<TractResult<Vec<_>>>()?;
        let dt = model.outlet_fact(inputs[0])?.datum_type;
        model.wire_node(prefix, EinSum::new(self.axes(&ranks)?, dt), inputs)
    }
}
