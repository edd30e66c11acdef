//! Every rotary embedding, and the attention behind it, is found at the widths of real models, whatever the spelling: no budget may run
//! out, and no weight may be needed.
#![allow(dead_code, missing_docs, unreachable_pub)]

#[path = "../examples/decoder/graph.rs"]
mod graph;
#[path = "../examples/decoder/model.rs"]
mod model;

use bytes::Bytes;
use graph::{Size, Spelling, Weights};
use model::{Angles, Decoder};
use phasor::onnx::ModelFile;
use phasor::pipeline::{self, Goal, Options, Search, Verdict};
use phasor::recognize::Pairing;
use phasor::rewrite::Target;
use prost::Message;

/// Finds, and checks what was found against what was built.
fn check(decoder: Decoder) {
    let bytes = Bytes::from(decoder.build().encode_to_vec());
    let file = ModelFile::from_bytes("decoder.onnx", bytes).unwrap();
    let options = Options {
        goal: Goal::Check,
        search: Search::default(),
        target: Target::default(),
        plain: Vec::new(),
        accept: Vec::new(),
        retarget: Vec::new(),
        precise_angles: false,
        verify: None,
    };
    let outcome = pipeline::fuse(&file, &options, &mut ()).unwrap();
    let findings = &outcome.findings;
    let rotary: Vec<_> = findings
        .sites
        .iter()
        .filter_map(|found| found.site.rotary())
        .collect();
    let attentions = findings.sites.len() - rotary.len();
    assert_eq!(
        (rotary.len(), attentions),
        (decoder.sites(), decoder.layers),
        "{decoder:?}: {:#?}",
        findings.refusals
    );
    assert_eq!(outcome.verdict, Verdict::WouldFuse);
    assert!(outcome.nodes.1 < outcome.nodes.0);
    let pairing = if decoder.interleaved {
        Pairing::Interleaved
    } else {
        Pairing::Half
    };
    for found in rotary {
        assert_eq!(found.pairing, pairing, "{decoder:?}: {found:?}");
        assert_eq!(
            found.rotary_dim, decoder.rotary_dim,
            "{decoder:?}: {found:?}"
        );
        assert_eq!(found.head_dim, decoder.head_dim, "{decoder:?}: {found:?}");
        assert_eq!(found.rotary_offset, 0, "{decoder:?}: {found:?}");
    }
}

/// Both spellings, symbolic and fixed sizes, and every source of angles.
fn check_all(decoder: Decoder) {
    for spelling in [Spelling::Dynamo, Spelling::TorchScript] {
        for angles in [Angles::Positions, Angles::Range, Angles::Table] {
            check(Decoder {
                spelling,
                angles,
                ..decoder
            });
        }
        check(Decoder {
            spelling,
            batch: Size::Fixed(1),
            sequence: Size::Fixed(512),
            ..decoder
        });
    }
}

#[test]
fn sixteen_heads_of_64() {
    check_all(Decoder {
        hidden: 1024,
        heads: 16,
        kv_heads: 16,
        head_dim: 64,
        rotary_dim: 64,
        inner: 4096,
        ..Decoder::default()
    });
}

#[test]
fn thirty_two_heads_of_128_share_eight_keys() {
    check_all(Decoder::default());
}

#[test]
fn a_hundred_and_twenty_eight_heads_of_64() {
    check_all(Decoder {
        hidden: 8192,
        heads: 128,
        kv_heads: 16,
        head_dim: 64,
        rotary_dim: 64,
        ..Decoder::default()
    });
}

#[test]
fn sixteen_heads_of_256_turned_in_part_and_interleaved() {
    check_all(Decoder {
        hidden: 4096,
        heads: 16,
        kv_heads: 16,
        head_dim: 256,
        rotary_dim: 64,
        interleaved: true,
        ..Decoder::default()
    });
}

#[test]
fn sixty_four_heads_of_128_interleaved() {
    check_all(Decoder {
        hidden: 8192,
        heads: 64,
        kv_heads: 8,
        interleaved: true,
        ..Decoder::default()
    });
}

#[test]
fn packed_projections_turned_in_part() {
    check_all(Decoder {
        hidden: 6144,
        heads: 64,
        kv_heads: 64,
        head_dim: 96,
        rotary_dim: 24,
        packed: true,
        ..Decoder::default()
    });
}

#[test]
fn heads_of_256_turned_whole() {
    check_all(Decoder {
        hidden: 3072,
        heads: 16,
        kv_heads: 1,
        head_dim: 256,
        rotary_dim: 256,
        vocabulary: 256_000,
        ..Decoder::default()
    });
}

#[test]
fn weights_in_the_model_are_no_obstacle() {
    check_all(Decoder {
        layers: 1,
        hidden: 1024,
        heads: 16,
        kv_heads: 4,
        head_dim: 64,
        rotary_dim: 64,
        inner: 2816,
        vocabulary: 1024,
        weights: Weights::Constant,
        ..Decoder::default()
    });
}
