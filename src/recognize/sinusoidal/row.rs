//! Reads all channels of a row: the layout, and the frequencies of one position.

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::onnx::DataType;
use crate::symbolic::poly::{Arena, PolyId};

use super::channel::{Channel, Product, Wave, products, without_phase};

/// How many frequencies a row has at least: a sine and a cosine alone are any two functions.
const LEAST: usize = 2;

/// What all channels of a row are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// The position.
    pub position: PolyId,
    /// The frequencies, in order.
    pub frequencies: Vec<PolyId>,
    pub interleaved: bool,
    pub cos_first: bool,
    /// The factor of all sines and cosines.
    pub factor: f64,
    /// Whether the graph divides by the reciprocals of some frequencies.
    pub divided: bool,
}

/// Why channels are no row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Flaw {
    /// They are something else.
    Unlike,
    /// They come near: the reason.
    Near(String),
}

fn near<T>(reason: String) -> Result<T, Flaw> {
    Err(Flaw::Near(reason))
}

/// The ways to read one angle.
struct Reading {
    /// As a product.
    products: SmallVec<[Product; 3]>,
    /// As a product and a phase.
    moved: SmallVec<[Product; 3]>,
}

impl Reading {
    fn of(arena: &mut Arena, angle: PolyId, dtype: DataType) -> Reading {
        let moved = without_phase(arena, angle, dtype);
        Reading {
            products: products(arena, angle, dtype),
            moved: moved.map_or_else(SmallVec::new, |angle| products(arena, angle, dtype)),
        }
    }

    /// Whether it is a product of this position.
    fn has(&self, position: PolyId) -> bool {
        let mut products = self.products.iter();
        products.any(|product| product.position == position)
    }

    /// All positions that it can be read with.
    fn positions(&self) -> impl Iterator<Item = PolyId> {
        let all = self.products.iter().chain(&self.moved);
        all.map(|product| product.position)
    }
}

/// One function of a row.
#[derive(Clone, Copy)]
struct Turned {
    wave: Wave,
    angle: PolyId,
    factor: f64,
}

/// Reads the channels of a row of this type.
///
/// # Errors
/// [`Flaw::Near`] only where a sine and a cosine of one position are among them.
pub(super) fn read(arena: &mut Arena, channels: &[Channel], dtype: DataType) -> Result<Row, Flaw> {
    let end = channels.iter().rposition(|&c| c != Channel::Zero);
    let used = &channels[..end.map_or(0, |end| end + 1)];
    let turned: Vec<Turned> = used
        .iter()
        .filter_map(|&channel| match channel {
            Channel::Turned {
                wave,
                angle,
                factor,
            } => Some(Turned {
                wave,
                angle,
                factor,
            }),
            Channel::Zero => None,
        })
        .collect();
    let all: Vec<Reading> = turned
        .iter()
        .map(|one| Reading::of(arena, one.angle, dtype))
        .collect();
    if !alike(&turned, &all) {
        return Err(Flaw::Unlike);
    }
    if turned.len() < used.len() {
        let at = used.iter().position(|&c| c == Channel::Zero).unwrap_or(0);
        return near(format!("channel {at} is zero, and others follow it"));
    }
    let (interleaved, count) = layout(&turned)?;
    let position = position(&turned, &all)?;
    let own = |k: usize| {
        let products = all[k].products.iter();
        products
            .copied()
            .find(|product| product.position == position)
    };
    let products: Vec<Product> = (0..turned.len()).filter_map(own).collect();
    let of = |k: usize| match interleaved {
        true => (2 * k, 2 * k + 1),
        false => (k, count + k),
    };
    let cosine = turned.iter().find(|one| one.wave == Wave::Cos);
    let factor = cosine.map_or(1.0, |one| one.factor);
    let mut frequencies = Vec::with_capacity(count);
    for k in 0..count {
        let (first, second) = of(k);
        let own = frequency(arena, turned[first], products[first], factor)?;
        let Some(&other) = turned.get(second) else {
            frequencies.push(own);
            continue;
        };
        let paired = frequency(arena, other, products[second], factor)?;
        // Cosines do not tell a frequency from its negative.
        if own != paired && own != arena.scale(paired, -1.0) {
            return near(format!(
                "channels {first} and {second}, a {} and a {}, have different frequencies",
                turned[first].wave.as_str(),
                other.wave.as_str()
            ));
        }
        frequencies.push(match other.wave {
            Wave::Sin => paired,
            Wave::Cos => own,
        });
    }
    Ok(Row {
        position,
        frequencies,
        interleaved,
        cos_first: turned[0].wave == Wave::Cos,
        factor,
        divided: products.iter().any(|product| product.divided),
    })
}

/// Whether a sine and a cosine of one position are among the functions, phases apart.
fn alike(turned: &[Turned], all: &[Reading]) -> bool {
    let of = |wave: Wave| -> FxHashSet<PolyId> {
        let own = turned.iter().zip(all).filter(|(one, _)| one.wave == wave);
        own.flat_map(|(_, reading)| reading.positions()).collect()
    };
    !of(Wave::Sin).is_disjoint(&of(Wave::Cos))
}

/// Whether sine and cosine of a frequency are neighbours, and the number of frequencies.
fn layout(turned: &[Turned]) -> Result<(bool, usize), Flaw> {
    let first = turned[0].wave;
    let run = turned.iter().take_while(|one| one.wave == first).count();
    let rest = &turned[run..];
    let is = |interleaved: bool, at: usize| {
        let other = match interleaved {
            true => at % 2 == 1,
            false => at >= run,
        };
        (turned[at].wave != first) == other
    };
    let interleaved = run == 1;
    let count = match interleaved {
        true => turned.len().div_ceil(2),
        false => run,
    };
    if let Some(at) = (0..turned.len()).find(|&at| !is(interleaved, at)) {
        return near(format!(
            "channel {at}, a {}, is in neither layout: sines and cosines are neither two halves of the row nor neighbours",
            turned[at].wave.as_str()
        ));
    }
    if count < LEAST {
        return Err(Flaw::Unlike);
    }
    if rest.len() > run && !interleaved {
        return near(format!(
            "there are {run} {}s and {} {}s",
            first.as_str(),
            rest.len(),
            rest[0].wave.as_str()
        ));
    }
    Ok((interleaved, count))
}

/// The position that every angle is a product of.
fn position(turned: &[Turned], all: &[Reading]) -> Result<PolyId, Flaw> {
    let mut candidates = all[0].products.iter().map(|product| product.position);
    if let Some(position) = candidates.find(|&p| all.iter().all(|own| own.has(p))) {
        return Ok(position);
    }
    // The position of most angles, and the first channel that has another.
    let mut angles: FxHashMap<PolyId, FxHashSet<PolyId>> = FxHashMap::default();
    for (one, reading) in turned.iter().zip(all) {
        for position in reading.positions() {
            angles.entry(position).or_default().insert(one.angle);
        }
    }
    let most = angles
        .iter()
        .map(|(&position, angles)| (angles.len(), position));
    let Some((2.., position)) = most.max() else {
        return near("each channel has an angle of its own".to_owned());
    };
    let at = all.iter().position(|own| !own.has(position)).unwrap_or(0);
    near(match all[at].positions().any(|own| own == position) {
        true => format!(
            "the angle of channel {at} is a product of the position and a frequency, and a phase"
        ),
        false => format!(
            "the angle of channel {at} is no product of a frequency and the position of the others: it is rounded differently, or \
             is of another position"
        ),
    })
}

/// The frequency of a function with this factor. A negated sine is the sine of the negated angle.
fn frequency(
    arena: &mut Arena,
    one: Turned,
    product: Product,
    factor: f64,
) -> Result<PolyId, Flaw> {
    match one.wave {
        _ if one.factor == factor => Ok(product.frequency),
        Wave::Sin if one.factor == -factor => Ok(arena.scale(product.frequency, -1.0)),
        _ => near("sines and cosines have different factors".to_owned()),
    }
}
