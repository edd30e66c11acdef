//! `phasor rules`, choosing rules for `phasor fuse`, and the document that lists them.

#[path = "../../examples/rule_pages/page.rs"]
mod page;

use std::ffi::OsStr;
use std::fs;

use phasor::rules::RULES;
use serde_json::Value;

use crate::support::{code, model, phasor, stderr, stdout};

#[test]
fn every_rule_has_a_line_and_a_page() {
    let list = phasor(["rules"]);
    assert_eq!(code(&list), 0);
    for rule in RULES {
        assert!(stdout(&list).contains(rule.id), "{}", stdout(&list));
        let page = phasor(["rules", rule.id]);
        assert_eq!(code(&page), 0);
        for word in ["matches", "rewrites to", "conditions", "numerics"] {
            assert!(stdout(&page).contains(word), "{}", stdout(&page));
        }
        let page = phasor(["rules", rule.id, "--format=json"]);
        let report: Value = serde_json::from_str(&stdout(&page)).unwrap();
        assert_eq!(report["schema"], 1);
        assert_eq!(report["rules"][0]["id"], rule.id);
        assert!(report["rules"][0]["conditions"].is_array());
    }
    let unknown = phasor(["rules", "melt"]);
    assert_eq!(code(&unknown), 2);
    assert!(
        stderr(&unknown).contains("`rotary`"),
        "{}",
        stderr(&unknown)
    );
}

#[test]
fn rules_can_be_selected_and_ignored() {
    let path = model("llama-dynamo");
    let check = |more: &[&str]| {
        let mut arguments = vec![OsStr::new("fuse"), path.as_os_str(), OsStr::new("--check")];
        arguments.extend(more.iter().map(OsStr::new));
        phasor(arguments)
    };
    assert_eq!(code(&check(&["--select", "rotary"])), 1);
    assert_eq!(code(&check(&["--ignore", "rotary"])), 1);
    assert_eq!(code(&check(&["--ignore", "rotary,attention"])), 0);
    assert_eq!(
        code(&check(&["--select=rotary,rotary", "--ignore=rotary"])),
        0
    );
    for option in ["--select", "--ignore"] {
        let output = check(&[option, "rotary,melt"]);
        assert_eq!(code(&output), 2);
        let said = stderr(&output);
        assert!(
            said.contains("no rule `melt`") && said.contains("`rotary`"),
            "{said}"
        );
    }
}

#[test]
fn rules_document_says_what_the_pages_say() {
    let path = page::path();
    let document = fs::read_to_string(&path).expect("`docs/rules.md` can be read");
    assert!(
        document == page::text(),
        "`{}` differs from the rules' pages; run `{}`",
        path.display(),
        page::COMMAND
    );
}
