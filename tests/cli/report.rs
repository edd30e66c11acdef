//! `phasor report`: what is on the page, that it is sound HTML whatever a model is called, and what is refused.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use phasor::onnx::proto::{GraphProto, ModelProto};
use prost::Message;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{code, fuse, model, named, names, node, phasor, stderr, stdout, written};

/// Runs the command with `page.html` in a folder as its output; the exit code, what was said, and the page if there is one.
fn report(folder: &TempDir, models: &[&Path], more: &[&str]) -> (i32, String, Option<String>) {
    let page = folder.path().join("page.html");
    let mut arguments = vec![OsStr::new("report")];
    arguments.extend(models.iter().map(|path| path.as_os_str()));
    arguments.extend([OsStr::new("-o"), page.as_os_str()]);
    arguments.extend(more.iter().map(OsStr::new));
    let output = phasor(arguments);
    (
        code(&output),
        stderr(&output),
        fs::read_to_string(page).ok(),
    )
}

/// The page of a model, which must be sound.
fn page(model: &Path, more: &[&str]) -> String {
    let folder = TempDir::new().unwrap();
    let (code, said, page) = report(&folder, &[model], more);
    assert_eq!(code, 0, "{said}");
    assert_eq!(names(&folder), ["page.html"]);
    let page = page.expect("a page");
    sound(&page);
    page
}

/// Checks that every element is closed in order, that nothing runs or is fetched, and that there is nothing that cannot be seen.
fn sound(page: &str) {
    const EMPTY: [&str; 2] = ["meta", "br"];
    assert!(page.starts_with("<!DOCTYPE html>"));
    let hidden = |c: char| c.is_control() && c != '\n';
    assert!(!page.contains(hidden), "control characters");
    let (head, rest) = page.split_once("<style>").expect("a style");
    let (style, rest) = rest.split_once("</style>").expect("its end");
    assert!(!style.contains("url(") && !style.contains("@import"));
    let mut open: Vec<&str> = Vec::new();
    let tags = head.split('<').skip(2).chain(rest.split('<').skip(1));
    for tag in tags {
        let (tag, _) = tag.split_once('>').expect("a tag ends");
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap();
        assert!(
            !["script", "link", "iframe", "object", "img", "base"].contains(&name),
            "{tag}"
        );
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !EMPTY.contains(&name) {
            open.push(name);
        }
        // What is between quotes is text.
        let attributes = tag.split('"').step_by(2);
        for attribute in attributes.filter_map(|part| part.trim().strip_suffix('=')) {
            let name = attribute.rsplit(' ').next().unwrap();
            assert!(!name.starts_with("on") && name != "src", "{tag}");
        }
    }
    assert!(open.is_empty(), "{open:?}");
    let anchors = page.split("href=\"").skip(1);
    for anchor in anchors.map(|rest| rest.split('"').next().unwrap()) {
        let id = anchor.strip_prefix('#').expect("links stay on the page");
        assert!(page.contains(&format!("id=\"{id}\"")), "{anchor}");
    }
}

#[test]
fn every_model_has_its_sites_on_the_page() {
    for name in [
        "llama-dynamo",
        "llama-torchscript",
        "gptj-dynamo",
        "llama-f16",
    ] {
        let page = page(&model(name), &[]);
        let sites = phasor([
            OsStr::new("inspect"),
            model(name).as_os_str(),
            OsStr::new("--format=json"),
        ]);
        let sites: Value = serde_json::from_str(&stdout(&sites)).unwrap();
        let sites = sites["sites"].as_array().unwrap();
        assert!(!sites.is_empty());
        for site in sites {
            let node = site["node"].as_str().unwrap();
            // Once in the list of all sites and once where its form is drawn, at least.
            assert!(
                page.matches(&format!("<code>{node}</code>")).count() >= 2,
                "{name}: {node}"
            );
        }
        assert!(
            page.contains("computes what the original computes"),
            "{name}"
        );
        for section in ["found", "map", "sites", "numbers", "operators"] {
            assert!(
                page.contains(&format!("<section id=\"{section}\"")),
                "{name}: {section}"
            );
        }
        assert!(
            page.contains("ai.phasor::Rotary") && page.len() < 300_000,
            "{name}"
        );
    }
}

#[test]
fn equal_sites_share_a_drawing() {
    let page = page(&model("llama-dynamo"), &[]);
    // Queries and keys of both layers differ in their number of heads; then attention, and the table that all share.
    assert_eq!(page.matches("<article class=\"form\"").count(), 4);
    assert_eq!(
        page.matches("rotary-table</h3>").count() + page.matches("rotary-table <span").count(),
        2
    );
    assert!(page.contains("RotaryTable"));
}

/// `llama-dynamo` with other names.
fn renamed(folder: &TempDir, name: impl Fn(&str) -> String) -> PathBuf {
    let bytes = fs::read(model("llama-dynamo")).unwrap();
    let mut model = ModelProto::decode(bytes.as_slice()).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let inputs: Vec<String> = graph
        .input
        .iter()
        .map(|input| input.name().to_owned())
        .collect();
    let outputs: Vec<String> = graph
        .output
        .iter()
        .map(|output| output.name().to_owned())
        .collect();
    let changed =
        |old: &String| match old.is_empty() || inputs.contains(old) || outputs.contains(old) {
            true => old.clone(),
            false => name(old),
        };
    for node in &mut graph.node {
        node.name = Some(changed(&node.name().to_owned()));
        for value in node.input.iter_mut().chain(&mut node.output) {
            *value = changed(value);
        }
    }
    for tensor in &mut graph.initializer {
        tensor.name = Some(changed(&tensor.name().to_owned()));
    }
    graph.value_info.clear();
    let path = folder.path().join("renamed.onnx");
    fs::write(&path, model.encode_to_vec()).unwrap();
    path
}

#[test]
fn names_are_shown_and_do_nothing() {
    let folder = TempDir::new().unwrap();
    let path = renamed(&folder, |old| {
        format!(
            "{old}</style></title><script>alert(1)</script>\"'onload=x&amp;\u{1b}[31m\u{202e}`\u{0}"
        )
    });
    let page = page(&path, &["--no-verify"]);
    assert!(page.contains("&lt;script&gt;") && page.contains("u{1b}"));
    assert!(!page.contains('\u{202e}'));
}

#[test]
fn long_names_do_not_make_a_long_page() {
    let folder = TempDir::new().unwrap();
    let long = "x".repeat(20_000);
    let path = renamed(&folder, |old| format!("{old}{long}"));
    assert!(page(&path, &["--no-verify"]).len() < 400_000);
}

#[test]
fn a_model_without_sites_says_so() {
    let folder = TempDir::new().unwrap();
    let graph = GraphProto {
        node: vec![node("Add", &["x", "x"], "y")],
        input: vec![named("x")],
        output: vec![named("y")],
        ..GraphProto::default()
    };
    for graph in [graph, GraphProto::default()] {
        let page = page(&written(&folder, graph), &["--no-verify"]);
        assert!(page.contains("There is nothing to fuse in this model."));
        assert!(!page.contains("<section id=\"sites\"") && !page.contains("<svg"));
    }
}

#[test]
fn a_near_miss_is_drawn_with_its_reason() {
    let folder = TempDir::new().unwrap();
    let bytes = fs::read(model("llama-dynamo")).unwrap();
    let mut changed = ModelProto::decode(bytes.as_slice()).unwrap();
    for node in &mut changed.graph.as_mut().unwrap().node {
        if node.op_type() == "Neg" {
            node.op_type = Some("Identity".to_owned());
        }
    }
    let path = folder.path().join("changed.onnx");
    fs::write(&path, changed.encode_to_vec()).unwrap();
    let page = page(&path, &["--no-verify"]);
    let misses = &page[page.find("<section id=\"misses\"").expect("near misses")..];
    assert!(misses.contains("x0*cos(a) + x8*sin(a)") && misses.contains("ended here"));
    assert!(misses.contains("class=\"box stop\"") && misses.contains("4 places"));
}

#[test]
fn a_fused_model_is_compared() {
    let folder = TempDir::new().unwrap();
    let input = model("llama-dynamo");
    let fused = folder.path().join("fused.onnx");
    assert_eq!(code(&fuse(&input, &fused, &[])), 0);
    let (status, said, page) = report(&folder, &[&input, &fused], &["--force"]);
    assert_eq!(status, 0, "{said}");
    assert!(
        page.unwrap()
            .contains("The fused model computes what the original computes")
    );
    // A model is no version of another one.
    let (status, said, _) = report(&folder, &[&input, &model("gptj-dynamo")], &["--force"]);
    assert_eq!(status, 2);
    assert!(said.contains("cannot be compared"), "{said}");
    // One weight off.
    let mut changed = ModelProto::decode(fs::read(&fused).unwrap().as_slice()).unwrap();
    let weights = &mut changed.graph.as_mut().unwrap().initializer;
    let largest = weights
        .iter_mut()
        .max_by_key(|t| t.raw_data.as_ref().map_or(0, |raw| raw.len()));
    let raw = largest.unwrap().raw_data.as_mut().unwrap();
    let mut other = raw.to_vec();
    other[..2000].iter_mut().for_each(|byte| *byte = 0x3f);
    *raw = other.into();
    fs::write(&fused, changed.encode_to_vec()).unwrap();
    let (status, said, page) = report(&folder, &[&input, &fused], &["--force"]);
    assert_eq!(status, 1, "{said}");
    let page = page.expect("a page all the same");
    sound(&page);
    assert!(page.contains("The fused model differs from the original"));
}

#[test]
fn a_model_that_is_not_fused_is_no_fused_model() {
    let folder = TempDir::new().unwrap();
    let input = model("llama-dynamo");
    let (status, said, page) = report(&folder, &[&input, &input], &["--no-verify"]);
    assert_eq!(status, 0, "{said}");
    assert!(
        page.unwrap()
            .contains("The fused model does not replace it.")
    );
}

/// What `phasor bench` prints, in short.
fn times() -> Value {
    let variant = |model: &str, library: Value, ratio: f64| json!({"model": model, "library": library, "milliseconds": 2.0 / ratio, "ratio": ratio, "interval": [ratio - 0.01, ratio + 0.01]});
    json!({
        "schema": 1, "tool": {"name": "phasor", "version": "0"}, "engine": "ONNX Runtime 1.32.0", "threads": 1, "time": "processor",
        "sizes": {"batch<b>": 1}, "rounds": 7, "runs": 70, "notes": [],
        "variants": [variant("a.onnx", Value::Null, 1.0), variant("a.onnx", Value::Null, 1.0), variant("b.onnx", Value::Null, 1.5),
                     variant("b.onnx", json!("lib.so"), 2.25)],
        "operators": [{"operator": "MatMul<i>", "before": 900.0, "after": 300.0}, {"operator": "Add", "before": 100.0, "after": 0.0}]
    })
}

#[test]
fn times_are_shown() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("bench.json");
    fs::write(&file, times().to_string()).unwrap();
    let more = ["--no-verify", "--bench", file.to_str().unwrap()];
    let page = page(&model("llama-dynamo"), &more);
    assert!(page.contains("2.25 ×") && page.contains("with the operator library"));
    assert!(
        page.contains("MatMul&lt;i&gt;")
            && page.contains("90.0 %")
            && page.contains("class=\"whisker\"")
    );
}

#[test]
fn damaged_times_are_refused() {
    let input = model("llama-dynamo");
    let damage: [&dyn Fn(&mut Value); 4] = [
        &|times| times["schema"] = json!(2),
        &|times| times["variants"][2]["ratio"] = json!(null),
        &|times| times["variants"] = json!([]),
        &|times| *times = json!({"schema": 1, "error": {"message": "no"}}),
    ];
    let mut texts: Vec<String> = damage
        .iter()
        .map(|change| {
            let mut times = times();
            change(&mut times);
            times.to_string()
        })
        .collect();
    texts.push(String::new());
    texts.push(times().to_string()[..200].to_owned());
    for text in texts {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("bench.json");
        fs::write(&file, &text).unwrap();
        let (status, said, page) = report(&folder, &[&input], &["--bench", file.to_str().unwrap()]);
        assert_eq!(status, 2, "{text}");
        for word in [
            "error: ",
            "bench.json",
            "not a report of `phasor bench`",
            "hint: ",
        ] {
            assert!(said.contains(word), "{word} is not in {said}");
        }
        assert!(page.is_none() && names(&folder) == ["bench.json"]);
    }
    let folder = TempDir::new().unwrap();
    let (status, said, _) = report(&folder, &[&input], &["--bench", "nobody.json"]);
    assert!(
        status == 2 && said.contains("`nobody.json`: cannot be read"),
        "{said}"
    );
}

#[test]
fn nothing_is_replaced_unasked() {
    let folder = TempDir::new().unwrap();
    let page = folder.path().join("page.html");
    fs::write(&page, "mine").unwrap();
    let (status, said, kept) = report(&folder, &[&model("llama-dynamo")], &["--no-verify"]);
    assert!(
        status == 2 && said.contains("exists already") && said.contains("--force"),
        "{said}"
    );
    assert_eq!(kept.as_deref(), Some("mine"));
    let (status, _, new) = report(
        &folder,
        &[&model("llama-dynamo")],
        &["--no-verify", "--force"],
    );
    assert!(status == 0 && new.unwrap().starts_with("<!DOCTYPE html>"));
    // The model itself, not even then.
    let own = folder.path().join("model.onnx");
    fs::copy(model("llama-dynamo"), &own).unwrap();
    let output = phasor([
        OsStr::new("report"),
        own.as_os_str(),
        OsStr::new("--force"),
        OsStr::new("-o"),
        own.as_os_str(),
    ]);
    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("the page is made of it"),
        "{}",
        stderr(&output)
    );
    assert_eq!(
        fs::read(&own).unwrap(),
        fs::read(model("llama-dynamo")).unwrap()
    );
    let output = phasor([
        OsStr::new("report"),
        own.as_os_str(),
        OsStr::new("-o"),
        OsStr::new("nowhere/page.html"),
    ]);
    assert!(code(&output) == 2 && stderr(&output).contains("there is no folder"));
}

#[test]
fn a_page_may_go_to_standard_output() {
    let input = model("llama-dynamo");
    let run = |more: &[&str]| {
        let arguments = ["report", input.to_str().unwrap(), "--no-verify", "-o", "-"];
        phasor(arguments.iter().chain(more))
    };
    let output = run(&[]);
    assert_eq!(code(&output), 0);
    sound(&stdout(&output));
    assert!(stderr(&output).contains("the page"), "{}", stderr(&output));
    let output = run(&["--format", "json"]);
    assert!(code(&output) == 2 && stderr(&output).contains("both write to standard output"));
}

#[test]
fn programs_learn_what_is_on_the_page() {
    let folder = TempDir::new().unwrap();
    let page = folder.path().join("page.html");
    let output = phasor([
        OsStr::new("report"),
        model("llama-dynamo").as_os_str(),
        OsStr::new("--format=json"),
        OsStr::new("-o"),
        page.as_os_str(),
    ]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let said: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (&said["sites"], &said["forms"], &said["refusals"]),
        (&json!(6), &json!(3), &json!(0))
    );
    assert_eq!(said["bytes"], json!(fs::metadata(&page).unwrap().len()));
    assert_eq!(said["verification"]["verdict"], "same");
}
