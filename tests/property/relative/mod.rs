//! Random spellings of biases and scores that are looked up by distance: true ones fuse, each once and to the same bits; what is fused
//! of broken ones computes the same, at all sizes and positions.

mod build;
mod feeds;
mod shift;
mod spelling;

use std::sync::atomic::{AtomicUsize, Ordering};

use phasor::onnx::ModelFile;
use phasor::pipeline::{self, Search};
use phasor::rewrite::Target;
use phasor::scopes::{self, Findings, Found};
use proptest::prelude::*;
use prost::Message;

use crate::agree::agree;
use crate::check;
use build::{Built, build};
use shift::Broken;
use spelling::{Break, any};

/// The model, and the sites that are found and confirmed in it.
fn searched(built: Built) -> (Built, ModelFile, Findings) {
    let bytes = built.model.encode_to_vec();
    let file = ModelFile::from_bytes("generated.onnx", bytes.into()).expect("a sound model");
    let found = pipeline::find(&file, &Search::default()).expect("no size is given");
    (built, file, found)
}

/// Fuses what was found and compares the fused model, by kernels and by bodies, with the original.
fn fuses_to_the_same(
    spelling: &impl std::fmt::Debug,
    (built, file, found): &(Built, ModelFile, Findings),
) -> Result<usize, TestCaseError> {
    let sites: Vec<&Found> = found.sites.iter().collect();
    let plan = scopes::plan(file, found, &sites, Target::Phasor.into());
    let fused = file.edited(&plan.edit);
    let nodes = &fused.graph.as_ref().expect("a graph").node;
    let ours = nodes.iter().filter(|node| node.domain() == "ai.phasor");
    prop_assert_eq!(ours.count(), sites.len());
    let text = format!("{spelling:?}");
    let seed = text.bytes().fold(7u64, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let feeds = feeds::feeds(seed).map(|feed| (feed, feed.tensors(&built.inputs)));
    agree((&built.model, &fused), &built.output, feeds, None)
}

#[test]
fn true_lookups_fuse_to_the_same_bits() {
    check(any(vec![None]), |spelling| {
        let searched = searched(build(&spelling));
        let found = &searched.2;
        prop_assert_eq!(found.sites.len(), 1, "{:?}", found.refusals);
        let compared = fuses_to_the_same(&spelling, &searched)?;
        prop_assert!(compared > 0, "the original does not run");
        Ok(())
    });
}

/// Some are functions of other distances than they seem to be, and fuse.
#[test]
fn what_is_fused_of_broken_lookups_computes_the_same() {
    let breaks = [
        Break::Sum,
        Break::Stride,
        Break::Content,
        Break::Row,
        Break::Stretched,
        Break::Remainder,
        Break::Byte,
        Break::Square,
        Break::Beyond,
        Break::Far(100),
        Break::Far(1 << 16),
    ];
    let [drawn, fused, compared] = [0; 3].map(AtomicUsize::new);
    check(any(breaks.map(Some).to_vec()), |spelling| {
        let searched = searched(build(&spelling));
        drawn.fetch_add(1, Ordering::Relaxed);
        if searched.2.sites.is_empty() {
            return Ok(());
        }
        let runs = fuses_to_the_same(&spelling, &searched)?;
        fused.fetch_add(1, Ordering::Relaxed);
        compared.fetch_add(runs, Ordering::Relaxed);
        Ok(())
    });
    let [drawn, fused, compared] = [drawn, fused, compared].map(AtomicUsize::into_inner);
    println!("{drawn} graphs drawn, {fused} fused, {compared} comparisons");
    assert!(fused * 10 > drawn, "hardly anything is fused");
    assert!(fused * 10 < drawn * 9, "hardly anything is left alone");
}

/// What cannot depend on a distance alone stays as it is.
#[test]
fn lookups_of_content_are_left_alone() {
    check(
        any(vec![Some(Break::Sum), Some(Break::Content)]),
        |spelling| {
            let (_, _, found) = searched(build(&spelling));
            prop_assert!(found.sites.is_empty(), "{} sites", found.sites.len());
            Ok(())
        },
    );
}

#[test]
fn true_shifts_fuse_to_the_same_bits() {
    check(shift::any(vec![None]), |shift| {
        let searched = searched(shift::build(&shift));
        let found = &searched.2;
        prop_assert_eq!(found.sites.len(), 1, "{:?}", found.refusals);
        let compared = fuses_to_the_same(&shift, &searched)?;
        prop_assert!(compared > 0, "the original does not run");
        Ok(())
    });
}

#[test]
fn what_is_fused_of_other_shifts_computes_the_same() {
    let broken = [Broken::Behind, Broken::Whole, Broken::Two];
    check(shift::any(broken.map(Some).to_vec()), |shift| {
        let searched = searched(shift::build(&shift));
        match searched.2.sites.is_empty() {
            true => Ok(()),
            false => fuses_to_the_same(&shift, &searched).map(drop),
        }
    });
}
