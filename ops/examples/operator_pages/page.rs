//! The text of the pages.

use super::body;
use phasor_ops::contract::body::{NEWEST_OPSET, OLDEST_OPSET};
use phasor_ops::contract::{
    ALL, BodyNode, Contract, DOMAIN, ErrorBound, FunctionBody, OperatorSpec, VERSION, ValueSpec,
};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::{fs, io};

/// The command that writes the pages.
pub(crate) const COMMAND: &str = "cargo run --release -p phasor-ops --example operator_pages";

/// The folder of the pages.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operators"))
}

/// Every page and the index, with their paths.
///
/// # Errors
/// Where the example of an operator cannot be read.
pub(crate) fn all() -> io::Result<Vec<(PathBuf, String)>> {
    let mut pages = vec![(folder().join("README.md"), index())];
    for contract in ALL {
        let spec = contract.spec();
        let path = folder().join("examples").join(format!("{}.py", spec.name));
        let example = fs::read_to_string(&path).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        pages.push((
            folder().join(format!("{}.md", spec.name)),
            page(contract, &example),
        ));
    }
    Ok(pages)
}

fn index() -> String {
    let rows = ALL.iter().map(|contract| {
        let spec = contract.spec();
        [
            format!("[{0}]({0}.md)", spec.name),
            spec.summary.to_owned(),
            type_names(spec).join("; "),
        ]
    });
    format!(
        "# Operators\n\n\
         Operators of the domain `{DOMAIN}`, version {VERSION}. Every input is required. In a model each of them carries a function \
         body in standard ONNX operators, which serves where Phasor's library is not registered.\n\n\
         {}\n\
         [Position encodings](../background.md) has the formulas that they compute, with their sources.\n\n\
         The pages are made of the operators' contracts by `{COMMAND}`.\n",
        table(&["operator", "what it does", "element types"], rows),
    )
}

fn page(contract: &dyn Contract, example: &str) -> String {
    let spec = contract.spec();
    let sections = [
        ("Meaning", spec.meaning.to_owned()),
        ("Attributes", attributes(spec)),
        ("Inputs", values(spec.inputs)),
        ("Outputs", outputs(spec)),
        ("Types", types(spec)),
        ("Numerics", numerics(spec)),
        ("Kernels", kernels(spec)),
        (
            "Example",
            format!(
                "With `onnx`, `onnxruntime` and `numpy`, after `cargo build --release -p phasor-ops`:\n\n\
                 ```python\n{}\n```",
                example.trim_end()
            ),
        ),
        ("Function body", function_body(contract)),
    ];
    let sections: String = sections
        .iter()
        .map(|(title, text)| format!("\n## {title}\n\n{}\n", text.trim_end()))
        .collect();
    format!(
        "<!-- Made by `{COMMAND}`; changes belong into the operator's `spec.rs`. -->\n\n\
         # {}\n\n{}\n\nDomain `{DOMAIN}`, since version {VERSION}. [All operators](README.md)\n{sections}",
        spec.name, spec.summary
    )
}

fn attributes(spec: &OperatorSpec) -> String {
    if spec.attributes.is_empty() {
        return "None.".to_owned();
    }
    let rows = spec.attributes.iter().map(|a| {
        [
            format!("`{}`", a.name),
            body::kind(a.default).to_owned(),
            format!("`{}`", a.default),
            a.meaning.to_owned(),
        ]
    });
    table(&["name", "type", "default", "meaning"], rows)
}

fn values(values: &[ValueSpec]) -> String {
    let rows = values.iter().map(|v| {
        [
            format!("`{}`", v.name),
            v.of.to_owned(),
            v.shape.to_owned(),
            v.meaning.to_owned(),
        ]
    });
    table(&["name", "type", "shape", "meaning"], rows)
}

fn outputs(spec: &OperatorSpec) -> String {
    let mut text = values(spec.outputs);
    let pairs = spec.inputs.iter().zip(spec.outputs).take(spec.in_place);
    let pairs: Vec<String> = pairs
        .map(|(input, output)| format!("`{}` that of `{}`", output.name, input.name))
        .collect();
    if !pairs.is_empty() {
        text.push_str(&format!(
            "\nAn output may take the place of an input that nobody else needs: {}. The result is the same.\n",
            pairs.join(", ")
        ));
    }
    text
}

/// Each type parameter with what it may be.
fn type_names(spec: &OperatorSpec) -> Vec<String> {
    let named = spec.types.iter().enumerate().map(|(index, name)| {
        let allowed = spec.allowed(index);
        let allowed: Vec<_> = allowed.iter().map(|t| t.as_str()).collect();
        format!("{name}: {}", allowed.join(", "))
    });
    named.collect()
}

fn types(spec: &OperatorSpec) -> String {
    let lines = type_names(spec)
        .into_iter()
        .map(|line| format!("- {line}\n"));
    format!(
        "{}\nTogether as in the table of kernels.\n",
        lines.collect::<String>()
    )
}

fn numerics(spec: &OperatorSpec) -> String {
    let ErrorBound { limit, of } = spec.error;
    let bound = if limit == 0.0 {
        "none, results are exact".to_owned()
    } else {
        format!("{limit:?} {of}")
    };
    format!("{}\n\n**Largest error**: {bound}.\n", spec.numerics)
}

fn kernels(spec: &OperatorSpec) -> String {
    let levels = spec.levels.iter().map(|level| level.as_str());
    let cuda = spec.cuda.then_some("CUDA");
    let head: Vec<&str> = spec
        .types
        .iter()
        .copied()
        .chain(levels)
        .chain(cuda)
        .collect();
    let rows = spec.kernels.iter().map(|kernel| {
        let types = kernel.iter().map(|t| t.as_str().to_owned());
        let columns = spec.levels.len() + usize::from(spec.cuda);
        types.chain(std::iter::repeat_n("yes".to_owned(), columns))
    });
    let cuda = if spec.cuda {
        "; on ONNX Runtime's CUDA provider, the kernel for CUDA"
    } else {
        ". There is no kernel for CUDA: with the library, ONNX Runtime's CUDA provider leaves the node to the processor"
    };
    format!(
        "Element types and instruction sets; the widest that the processor has is taken when a session is made{cuda}.\n\n{}",
        table(&head, rows)
    )
}

/// The body for all uses in the newest opset, and how others differ.
fn function_body(contract: &dyn Contract) -> String {
    let spec = contract.spec();
    let mut text = String::from(
        "What a host without the library computes. This is the body that is right for all uses; where all uses in a model \
         agree in attributes, types and sizes, a shorter one is written for them.\n\n",
    );
    if !spec.body_notes.is_empty() {
        text.push_str(spec.body_notes);
        text.push_str("\n\n");
    }
    let mut runs = runs(contract);
    let Some(Run {
        first,
        body: Ok(newest),
        ..
    }) = runs.pop()
    else {
        return text;
    };
    text.push_str(&format!(
        "Opsets {first} to {NEWEST_OPSET}, the newest it is tested with ({} nodes):\n\n```text\n{}```\n",
        newest.nodes.len(),
        body::text(&newest)
    ));
    for Run { first, last, body } in runs.into_iter().rev() {
        let opsets = if first == last {
            format!("Opset {first}")
        } else {
            format!("Opsets {first} to {last}")
        };
        text.push_str(&match body {
            Ok(body) => format!(
                "\n{opsets}: {} nodes, which differ in {}.\n",
                body.nodes.len(),
                differing(&body, &newest)
            ),
            Err(error) => format!("\n{opsets}: only where uses agree ({error}).\n"),
        });
    }
    text
}

/// Opsets for which the body for all uses has the same nodes, or is refused for the same reason.
struct Run {
    first: i64,
    last: i64,
    body: Result<FunctionBody, String>,
}

/// Every opset, in order.
fn runs(contract: &dyn Contract) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for opset in OLDEST_OPSET..=NEWEST_OPSET {
        let body = contract.body(opset, &[]).map_err(|error| {
            let own = format!(", the model has {opset}");
            error.to_string().replace(&own, "")
        });
        let same = runs.last().is_some_and(|run| match (&run.body, &body) {
            (Ok(a), Ok(b)) => a.nodes == b.nodes,
            (Err(a), Err(b)) => a == b,
            _ => false,
        });
        let before = if same { runs.pop() } else { None };
        runs.push(Run {
            first: before.map_or(opset, |run| run.first),
            last: opset,
            body,
        });
    }
    runs
}

/// The operators of the nodes that only one of two bodies has.
fn differing(one: &FunctionBody, other: &FunctionBody) -> String {
    let lacks = |body: &FunctionBody, node: &BodyNode| !body.nodes.contains(node);
    let of_one = one.nodes.iter().filter(|node| lacks(other, node));
    let of_other = other.nodes.iter().filter(|node| lacks(one, node));
    let operators: BTreeSet<_> = of_one.chain(of_other).map(|node| node.op_type).collect();
    let operators: Vec<_> = operators.iter().map(|op| format!("`{op}`")).collect();
    operators.join(", ")
}

/// A table in Markdown.
fn table<R: IntoIterator<Item = String>>(head: &[&str], rows: impl Iterator<Item = R>) -> String {
    let rule = head.iter().map(|_| "---".to_owned());
    let head = head.iter().map(|title| (*title).to_owned());
    let rows = rows.map(line);
    [line(head), line(rule)].into_iter().chain(rows).collect()
}

/// A line of a table.
fn line(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|c| c.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}
