//! Sets of inputs for which the time ran out before both models had run in every way.
//!
//! Nothing is concluded from a run that was stopped: neither that the second model is right, nor that it is wrong. What the runs before
//! it have shown counts only where it is a difference.

use super::report::{self, Case, Verdict};

/// Leaves out the unfinished sets that show no difference. Returns a note for each, and why there is no verdict if no ordinary
/// set is left: corners alone show too little. `ordinary` says of each set whether it is none.
pub(super) fn leave_out(
    cases: &mut Vec<Case>,
    ordinary: impl Iterator<Item = bool>,
) -> (Vec<String>, Option<String>) {
    let (mut notes, mut first, mut complete) = (Vec::new(), None, 0);
    let ordinary: Vec<bool> = ordinary.collect();
    let mut position = 0;
    cases.retain(|case| {
        let is_ordinary = ordinary.get(position).copied().unwrap_or(false);
        position += 1;
        let Some(why) = &case.stopped else {
            complete += usize::from(is_ordinary);
            return true;
        };
        if report::judge(std::slice::from_ref(case)) != Verdict::Same {
            return true;
        }
        notes.push(format!("`{}` is left out: {why}", case.inputs));
        first.get_or_insert_with(|| why.clone());
        false
    });
    let none = first.filter(|_| complete == 0);
    (notes, none.map(|why| format!("not run to the end: {why}")))
}

/// The verdict, if a difference counts that asked how far the first model moves by itself and the time ended before that was known.
pub(super) fn judge(cases: &[Case], noise_was_cut_short: bool) -> Verdict {
    let verdict = report::judge(cases);
    let Verdict::Different { why } = &verdict else {
        return verdict;
    };
    let runs = || cases.iter().flat_map(|case| &case.runs);
    let mut outputs = runs().flat_map(|run| &run.outputs);
    let certain = runs().any(|run| run.error.is_some())
        || outputs.any(|output| output.difference.mismatch.is_some());
    match noise_was_cut_short && !certain {
        true => Verdict::NotVerified {
            why: format!(
                "{why}, and the time ran out before it was known how far the first model moves by itself"
            ),
        },
        false => verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::{judge, leave_out};
    use crate::onnx::Tensor;
    use crate::verify::compare::compare;
    use crate::verify::report::{Case, How, Output, Run, Verdict};

    fn case(inputs: &str, got: Option<f64>, stopped: Option<&str>) -> Case {
        let tensor = |x| Tensor::from_f64_as(crate::onnx::DataType::F32, &[1], &[x]);
        let run = |got| Run {
            how: How::Library,
            error: None,
            outputs: vec![Output {
                name: "y".to_owned(),
                dtype: "float".to_owned(),
                shape: vec![1],
                difference: compare(&tensor(1.0), &tensor(got), 1e-4),
            }],
        };
        Case {
            inputs: inputs.to_owned(),
            dims: Default::default(),
            runs: got.map(run).into_iter().collect(),
            stopped: stopped.map(str::to_owned),
        }
    }

    #[test]
    fn an_unfinished_set_counts_only_if_it_differs() {
        let mut cases = vec![
            case("seed 0", Some(1.0), None),
            case("seed 1", Some(1.0), Some("late")),
            case("seed 2", Some(1.5), Some("late")),
            case("seed 3", None, Some("late")),
        ];
        let (notes, none) = leave_out(&mut cases, [true, true, true, true].into_iter());
        assert_eq!(
            notes,
            ["`seed 1` is left out: late", "`seed 3` is left out: late"]
        );
        assert_eq!(none, None);
        assert_eq!(cases.len(), 2);
        assert!(matches!(judge(&cases, false), Verdict::Different { .. }));
    }

    #[test]
    fn corners_alone_are_no_verdict() {
        let mut cases = vec![
            case("seed 0", None, Some("late")),
            case("all sizes 1", Some(1.0), None),
        ];
        let (_, none) = leave_out(&mut cases, [true, false].into_iter());
        assert_eq!(none.as_deref(), Some("not run to the end: late"));
    }

    #[test]
    fn a_difference_is_none_yet_while_the_noise_is_not_known() {
        let small = [case("seed 0", Some(1.001), None)];
        assert!(matches!(judge(&small, true), Verdict::NotVerified { .. }));
        assert!(matches!(judge(&small, false), Verdict::Different { .. }));
        let nan = [case("seed 0", Some(f64::NAN), None)];
        assert!(matches!(judge(&nan, true), Verdict::Different { .. }));
    }
}
