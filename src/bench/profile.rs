//! Reads ONNX Runtime's profile of a session.

use std::collections::BTreeMap;

use serde_json::Value;

use super::OperatorTime;

/// The event that ends a run.
const RUN: &str = "model_run";
/// Operators whose time is that of the nodes of their bodies.
const WITH_BODIES: [&str; 3] = ["If", "Loop", "Scan"];

/// Microseconds of a run by operator and node.
pub(super) type Times = BTreeMap<(String, String), f64>;

/// The time of each node in its fastest run, which bears other load on the machine best. A node of a loop's body counts as often as it runs;
/// a node with bodies does not count, as theirs do.
///
/// # Errors
/// What is no profile.
pub(super) fn times(profile: &[u8]) -> Result<Times, String> {
    let events: Vec<Value> = serde_json::from_slice(profile).map_err(|error| error.to_string())?;
    let (mut fastest, mut run) = (Times::new(), Times::new());
    for event in &events {
        let text = |at: &str| event[at].as_str().unwrap_or_default();
        if text("name") == RUN {
            merge(&mut fastest, std::mem::take(&mut run));
        }
        let Some(node) = text("name").strip_suffix("_kernel_time") else {
            continue;
        };
        let (Some(operator), Some(time)) =
            (event["args"]["op_name"].as_str(), event["dur"].as_f64())
        else {
            continue;
        };
        if !WITH_BODIES.contains(&operator) {
            *run.entry((operator.to_owned(), node.to_owned()))
                .or_default() += time;
        }
    }
    merge(&mut fastest, run);
    match fastest.is_empty() {
        true => Err("it has no nodes".to_owned()),
        false => Ok(fastest),
    }
}

fn merge(fastest: &mut Times, run: Times) {
    for (node, time) in run {
        let known = fastest.entry(node).or_insert(time);
        *known = known.min(time);
    }
}

/// The sums of both over the nodes of an operator, those first that take longest in either.
pub(super) fn by_operator(before: &Times, after: &Times) -> Vec<OperatorTime> {
    let mut sums: BTreeMap<&str, [f64; 2]> = BTreeMap::new();
    for (side, times) in [before, after].into_iter().enumerate() {
        for ((operator, _), time) in times {
            sums.entry(operator).or_default()[side] += time;
        }
    }
    let mut joined: Vec<OperatorTime> = sums
        .into_iter()
        .map(|(operator, [before, after])| OperatorTime {
            operator: operator.to_owned(),
            before,
            after,
        })
        .collect();
    let longest = |time: &OperatorTime| time.before.max(time.after);
    joined.sort_by(|a, b| longest(b).total_cmp(&longest(a)));
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_run_of_each_node_counts() {
        let event = |name: &str, operator: &str, time: u32| {
            format!(
                r#"{{"cat": "Node", "name": "{name}", "dur": {time}, "args": {{"op_name": "{operator}"}}}}"#
            )
        };
        let end = r#"{"cat": "Session", "name": "model_run", "dur": 20}"#.to_owned();
        let events = [
            event("a_kernel_time", "Mul", 5),
            event("b_kernel_time", "Mul", 3),
            end.clone(),
            event("a_kernel_time", "Mul", 3),
            // Twice in the body of a loop.
            event("b_kernel_time", "Mul", 2),
            event("b_kernel_time", "Mul", 2),
            event("l_kernel_time", "Loop", 7),
            event("c_fence_before", "Add", 9),
            end,
        ];
        let before = times(format!("[{}]", events.join(",")).as_bytes()).unwrap();
        let key = |operator: &str, node: &str| (operator.to_owned(), node.to_owned());
        assert_eq!(
            before,
            Times::from([(key("Mul", "a"), 3.0), (key("Mul", "b"), 3.0)])
        );
        let after = Times::from([(key("Sub", "c"), 8.0)]);
        let rows = by_operator(&before, &after);
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (&row.operator[..], row.before, row.after))
            .collect();
        assert_eq!(rows, [("Sub", 0.0, 8.0), ("Mul", 6.0, 0.0)]);
        assert!(times(b"[]").is_err() && times(b"{").is_err());
    }
}
