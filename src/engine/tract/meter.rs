//! Holds a run to its allowance, node by node.
//!
//! Sizes may be known only while a model runs, and one node may compute for hours or ask for more memory than there is. So before each
//! node its work is estimated ([`work`]) and the bytes of its results are counted, as far as their shapes are known by then: what is
//! too much is not begun. After the node counts what it made. While a model is read, where tract computes constants, the time
//! is looked at for each node.

use super::super::EngineError;
use super::super::allowance::{Allowance, Run};
use super::{MAX_BYTES, NAME, room, run_error, work};
use std::cell::{Cell, RefCell};
use tract_onnx::tract_hir::internal::*;

/// The work of a second on a slow machine, by which it is told for what there is no time.
const RATE: f64 = (1u64 << 28) as f64;

/// A run under way.
struct Meter {
    run: Run,
    done: Cell<u64>,
    ended: RefCell<Option<EngineError>>,
}

thread_local! {
    static METER: RefCell<Option<Meter>> = const { RefCell::new(None) };
}

/// Works under an allowance. `work` catches its own panics.
pub(super) fn measured<T>(
    allowance: &Allowance,
    work: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let meter = Meter {
        run: allowance.begin(),
        done: Cell::new(0),
        ended: RefCell::new(None),
    };
    let outer = METER.replace(Some(meter));
    let begun = tick().map_err(|e| run_error(e.to_string()));
    let result = begun.and_then(|()| work());
    let meter = METER.replace(outer);
    // tract wraps errors, and goes on after some.
    let ended = meter.and_then(|meter| {
        meter.run.count(meter.done.get());
        meter.ended.take()
    });
    match ended {
        Some(why) => Err(why),
        None => result,
    }
}

/// Fails if the run under way is late.
pub(super) fn tick() -> TractResult<()> {
    with_meter(|meter| match meter.run.is_late() {
        true => meter.late(""),
        false => Ok(()),
    })
}

/// Evaluates a node of a plan, unless that is too much.
pub(super) fn evaluate(
    context: &EvalContext<'_>,
    state: Option<&mut (dyn OpState + 'static)>,
    node: &TypedNode,
    inputs: TVec<TValue>,
) -> TractResult<TVec<TValue>> {
    let known = work::of_run(node, &inputs, context.symbols);
    for (shape, output) in known.results.iter().zip(&node.outputs) {
        if let Some(shape) = shape {
            let dims: TVec<TDim> = shape.iter().map(TDim::from).collect();
            room::bounded(&dims, output.fact.datum_type, MAX_BYTES)?;
        }
    }
    with_meter(|meter| meter.admit(node, known.work))?;
    let outputs = match state {
        Some(state) => state.eval(context, node.op(), inputs),
        None => node.op().eval(context, inputs),
    };
    let outputs = outputs.with_context(|| format!("Evaluating {node}"))?;
    let made = outputs.iter().zip(&known.results);
    let unknown = made.filter(|(_, shape)| shape.is_none());
    let more = unknown.map(|(value, _)| value.len() as u64).sum();
    with_meter(|meter| meter.admit(node, more))?;
    tick()?;
    Ok(outputs)
}

fn with_meter(act: impl FnOnce(&Meter) -> TractResult<()>) -> TractResult<()> {
    METER.with_borrow(|meter| meter.as_ref().map_or(Ok(()), act))
}

impl Meter {
    /// Counts work, unless it is too much for what is left.
    fn admit(&self, node: &TypedNode, work: u64) -> TractResult<()> {
        let done = self.done.get().saturating_add(work);
        self.done.set(done);
        if let Some(most) = self.run.work().filter(|most| done > *most) {
            let cause = format!(
                "node `{}` would compute more than {most} elements",
                node.name
            );
            let engine = NAME.to_owned();
            return self.end(EngineError::TooMuch { engine, cause });
        }
        match self.run.left() {
            Some(left) if work as f64 > left.as_secs_f64() * RATE => {
                self.late(&format!(", and node `{}` is not begun", node.name))
            }
            _ => Ok(()),
        }
    }

    fn late(&self, how: &str) -> TractResult<()> {
        self.end(EngineError::Late {
            engine: NAME.to_owned(),
            cause: format!("{}{how}", self.run.lateness()),
        })
    }

    fn end(&self, why: EngineError) -> TractResult<()> {
        let text = why.to_string();
        self.ended.borrow_mut().get_or_insert(why);
        bail!(text)
    }
}
