//! Writes a decoder of any width and depth as exporters spell it, without its weights: what `phasor fuse --no-verify` is timed
//! on.
//!
//! ```text
//! cargo run --release --example decoder -- big.onnx --layers 80 --spelling torchscript
//! ```
#![allow(unreachable_pub, missing_docs, dead_code)]

mod graph;
mod model;

use clap::{Parser, ValueEnum};
use graph::{Spelling, Weights};
use model::{Angles, Decoder};
use prost::Message;
use std::path::PathBuf;

#[derive(Parser)]
struct Arguments {
    /// Where the model goes
    output: PathBuf,
    #[arg(long, default_value_t = 32)]
    layers: usize,
    #[arg(long, default_value_t = 4096)]
    hidden: usize,
    #[arg(long, default_value_t = 32)]
    heads: usize,
    #[arg(long, default_value_t = 128)]
    head_dim: usize,
    #[arg(long)]
    rotary_dim: Option<usize>,
    #[arg(long, default_value_t = 128_256)]
    vocabulary: usize,
    #[arg(long)]
    interleaved: bool,
    #[arg(long)]
    packed: bool,
    #[arg(long, value_enum, default_value_t = Manner::Dynamo)]
    spelling: Manner,
    #[arg(long, value_enum, default_value_t = Source::Positions)]
    angles: Source,
    /// Put weights into the model, all the same number
    #[arg(long)]
    constant: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Manner {
    Dynamo,
    Torchscript,
}

#[derive(Clone, Copy, ValueEnum)]
enum Source {
    Positions,
    Range,
    Table,
}

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let decoder = Decoder {
        spelling: match arguments.spelling {
            Manner::Dynamo => Spelling::Dynamo,
            Manner::Torchscript => Spelling::TorchScript,
        },
        weights: if arguments.constant {
            Weights::Constant
        } else {
            Weights::Absent
        },
        angles: match arguments.angles {
            Source::Positions => Angles::Positions,
            Source::Range => Angles::Range,
            Source::Table => Angles::Table,
        },
        layers: arguments.layers,
        hidden: arguments.hidden,
        heads: arguments.heads,
        kv_heads: arguments.heads.div_ceil(4),
        head_dim: arguments.head_dim,
        rotary_dim: arguments.rotary_dim.unwrap_or(arguments.head_dim),
        interleaved: arguments.interleaved,
        packed: arguments.packed,
        vocabulary: arguments.vocabulary,
        inner: arguments.hidden * 7 / 2,
        ..Decoder::default()
    };
    let model = decoder.build();
    let nodes = model.graph.as_ref().map_or(0, |g| g.node.len());
    std::fs::write(&arguments.output, model.encode_to_vec())?;
    println!("{nodes} nodes, {} rotary embeddings", decoder.sites());
    Ok(())
}
