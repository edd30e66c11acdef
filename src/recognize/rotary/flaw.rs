//! Names the first channel that keeps one tensor from being a rotation of another, and says what is wrong with it.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::recognize::Pairing;
use crate::symbolic::Interpreter;
use crate::symbolic::poly::{Arena, PolyId};

use super::range::{Row, ranges};
use super::readoff::{members, other};
use crate::recognize::kit::formula::Letters;

/// What to do about channels that are not where they should be.
pub(super) const PLACED: &str = "check the bounds of the slices that cut the halves, and the order or the indices that join them";

/// A defect.
pub(super) struct Flaw {
    /// The sentence.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<&'static str>,
    /// Whether the channels do form the pairs of a layout, and only the coefficients are wrong.
    pub paired: bool,
}

fn flaw(reason: String) -> Option<Flaw> {
    Some(Flaw {
        reason,
        hint: None,
        paired: false,
    })
}

/// The first flaw of these channels; `None` where they are a rotation, or where the flaw has no simple description.
pub(super) fn find(it: &mut Interpreter<'_>, rows: &[Row]) -> Option<Flaw> {
    let rotated: Vec<usize> = (0..rows.len()).filter(|&j| rows[j].len() == 2).collect();
    if let Some(&j) = rotated.iter().find(|&&j| rows[j][0].0 == rows[j][1].0) {
        let formula = Letters::default().row(&it.arena, &rows[j]);
        return flaw(format!(
            "channel {j} is `{formula}`: both terms are of one channel, where a rotation takes the two channels of a pair"
        ));
    }
    let spans = ranges(std::slice::from_ref(&rows.to_vec())).unwrap_or_default();
    let Some(&(start, width)) = spans.first() else {
        return outside(it, rows, &rotated);
    };
    let laid_out = spans.iter().find_map(|&(start, width)| {
        let layout = layout(rows, start, width)?;
        Some((start, width, layout))
    });
    match laid_out {
        Some((start, width, layout)) => uneven(it, rows, start, width, layout),
        None => partners(rows, start, width),
    }
}

/// Why no range holds the channels that are sums of two, and no channel that is moved or scaled outside.
fn outside(it: &Interpreter<'_>, rows: &[Row], rotated: &[usize]) -> Option<Flaw> {
    let (&first, &last) = (rotated.first()?, rotated.last()?);
    let changed = |j: &usize| rows[*j].len() != 2 && rows[*j][..] != [(*j, PolyId::ONE)];
    if let Some(j) = (0..rows.len()).find(changed) {
        let formula = Letters::default().row(&it.arena, &rows[j]);
        return flaw(format!(
            "channel {j} outside the rotated range {first}..{} is `{formula}` where it should be unchanged",
            last + 1
        ));
    }
    if last - first + 1 != rotated.len() {
        return flaw(format!(
            "the rotated channels are {}, which is not one contiguous range",
            runs(rotated)
        ));
    }
    flaw(format!(
        "the number of rotated channels is odd: {}",
        rotated.len()
    ))
}

/// The channels of `x` that a channel is made of, ascending.
fn made_of(row: &Row) -> SmallVec<[usize; 2]> {
    let mut channels: SmallVec<[usize; 2]> = row.iter().map(|(channel, _)| *channel).collect();
    channels.sort_unstable();
    channels
}

fn coefficient(row: &Row, channel: usize) -> Option<PolyId> {
    row.iter().find(|(c, _)| *c == channel).map(|(_, p)| *p)
}

/// The layouts of `x` and `y` whose pairs the channels form.
fn layout(rows: &[Row], offset: usize, width: usize) -> Option<(Pairing, Pairing)> {
    let layouts = [Pairing::Half, Pairing::Interleaved];
    layouts
        .into_iter()
        .flat_map(|input| [(input, input), (input, other(input))])
        .find(|&(input, output)| {
            (0..width / 2).all(|k| {
                let ((a, b), (ya, yb)) = (members(input, k, width), members(output, k, width));
                let pair = [offset + a, offset + b];
                made_of(&rows[offset + ya])[..] == pair && made_of(&rows[offset + yb])[..] == pair
            })
        })
}

/// The first pair whose channels are not turned by one angle.
fn uneven(
    it: &mut Interpreter<'_>,
    rows: &[Row],
    offset: usize,
    width: usize,
    (input, output): (Pairing, Pairing),
) -> Option<Flaw> {
    for k in 0..width / 2 {
        let ((a, b), (ya, yb)) = (members(input, k, width), members(output, k, width));
        let (a, b, ya, yb) = (offset + a, offset + b, offset + ya, offset + yb);
        let own = (coefficient(&rows[ya], a)?, coefficient(&rows[yb], b)?);
        let cross = (coefficient(&rows[ya], b)?, coefficient(&rows[yb], a)?);
        let opposite = it.arena.scale(cross.1, -1.0);
        if own.0 == own.1 && cross.0 == opposite {
            continue;
        }
        if own.0 == cross.1 && cross.0 == own.1 {
            let formula = Letters::default().row(&it.arena, &rows[ya]);
            return Some(Flaw {
                reason: format!("channels {ya} and {yb} are both `{formula}`"),
                hint: Some(PLACED),
                paired: true,
            });
        }
        let mut letters = Letters::default();
        let ordered = |row: &Row, own: usize| {
            let mut row = row.clone();
            row.sort_by_key(|(channel, _)| *channel != own);
            row
        };
        let formulas = [
            letters.row(&it.arena, &ordered(&rows[ya], a)),
            letters.row(&it.arena, &ordered(&rows[yb], b)),
        ];
        let notes = letters.notes(it);
        let pair = format!(
            "channel {ya} is `{}` and channel {yb} is `{}`{notes}",
            formulas[0], formulas[1]
        );
        let (what, hint) = if own.0 == own.1 && cross.0 == cross.1 {
            (
                "the two cross terms have one sign, so the pair is reflected and not rotated"
                    .to_owned(),
                None,
            )
        } else if let Some((laid_out, hint)) = misplaced(rows, offset, width, input) {
            (laid_out, Some(hint))
        } else {
            let unknown = [own.0, own.1, cross.0, cross.1]
                .into_iter()
                .any(|p| is_unknown(&it.arena, p));
            let what = match unknown {
                true => "the two channels of a pair are not proven to be turned by one angle",
                false => "the two channels of a pair are not turned by one angle",
            };
            (what.to_owned(), None)
        };
        return Some(Flaw {
            reason: format!("{pair}: {what}"),
            hint,
            paired: true,
        });
    }
    None
}

/// Whether a coefficient contains an element of which nothing is known: two of them may be equal.
fn is_unknown(arena: &Arena, p: PolyId) -> bool {
    arena
        .roots_of(p)
        .iter()
        .any(|&root| arena.root_of(root).is_activation())
}

/// Says that the angles are laid out for the pairs of the other layout, with a hint, if they are.
fn misplaced(
    rows: &[Row],
    offset: usize,
    width: usize,
    input: Pairing,
) -> Option<(String, &'static str)> {
    if width < 4 {
        return None;
    }
    let own = |j: usize| coefficient(&rows[offset + j], offset + j);
    let fits = (0..width / 2).all(|k| {
        let (a, b) = members(other(input), k, width);
        own(a).is_some() && own(a) == own(b)
    });
    fits.then(|| match input {
        Pairing::Half => (
            format!(
                "the angles are laid out for pairs (2j, 2j + 1), the channels for pairs (j, j + {})",
                width / 2
            ),
            "repeat the angles as a whole (`cat(a, a)`), or rotate neighbouring channels",
        ),
        Pairing::Interleaved => (
            format!(
                "the angles are laid out for pairs (j, j + {}), the channels for pairs (2j, 2j + 1)",
                width / 2
            ),
            "repeat every angle (`repeat_interleave(2)`), or rotate the halves",
        ),
    })
}

/// How the channels that the rows are made of are paired, if all are in one layout.
fn input_layout(rows: &[Row], offset: usize, width: usize) -> Option<&'static str> {
    let paired = |pairing: Pairing| {
        let pairs: Vec<[usize; 2]> = (0..width / 2)
            .map(|k| {
                let (a, b) = members(pairing, k, width);
                [offset + a, offset + b]
            })
            .collect();
        let mut rows = rows.iter().skip(offset).take(width);
        rows.all(|row| pairs.iter().any(|pair| made_of(row)[..] == pair[..]))
    };
    match (paired(Pairing::Interleaved), paired(Pairing::Half)) {
        (true, _) => Some("interleaved"),
        (_, true) => Some("halves"),
        _ => None,
    }
}

/// Says which channels do not form pairs of a layout.
fn partners(rows: &[Row], offset: usize, width: usize) -> Option<Flaw> {
    let mut by_pair: FxHashMap<SmallVec<[usize; 2]>, usize> = FxHashMap::default();
    let range = offset..offset + width;
    for j in range.clone() {
        *by_pair.entry(made_of(&rows[j])).or_default() += 1;
    }
    if let Some(j) = range.clone().find(|&j| by_pair[&made_of(&rows[j])] != 2) {
        let pair = made_of(&rows[j]);
        let partner = pair.iter().find(|&&c| c != j && range.contains(&c))?;
        let theirs = made_of(&rows[*partner]);
        return Some(Flaw {
            reason: format!(
                "channel {j} is made of channels {} and {}, but channel {partner} of {} and {}: the two are not a pair",
                pair[0], pair[1], theirs[0], theirs[1]
            ),
            hint: Some(PLACED),
            paired: false,
        });
    }
    let j = range.clone().next()?;
    let pair = made_of(&rows[j]);
    if let Some(layout) = input_layout(rows, offset, width) {
        let other = range
            .clone()
            .find(|&k| k != j && made_of(&rows[k]) == pair)?;
        return Some(Flaw {
            reason: format!(
                "the pairs of the tensor are {layout}, but channels {j} and {other} of the result are made of channels {} and {}: the \
                 result is laid out neither in halves nor interleaved",
                pair[0], pair[1]
            ),
            hint: Some("check the order in which the two members of the pairs are joined"),
            paired: false,
        });
    }
    flaw(format!(
        "channel {j} is made of channels {} and {}, which are no pair of the half layout (j, j + {}) nor of the interleaved \
         one (2j, 2j + 1)",
        pair[0],
        pair[1],
        width / 2
    ))
}

/// `0..4 and 6..8`.
fn runs(channels: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &c in channels {
        match runs.last_mut() {
            Some((_, end)) if *end == c => *end += 1,
            _ => runs.push((c, c + 1)),
        }
    }
    const SHOWN: usize = 4;
    let mut words: Vec<String> = runs
        .iter()
        .take(SHOWN)
        .map(|(from, to)| format!("{from}..{to}"))
        .collect();
    if runs.len() > SHOWN {
        words.push("further ones".to_owned());
    }
    let last = words.pop().unwrap_or_default();
    match words.is_empty() {
        true => last,
        false => format!("{} and {last}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests;
