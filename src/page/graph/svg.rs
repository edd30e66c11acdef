//! A laid-out drawing as static SVG. Colours are the style sheet's, so that they follow the reader's scheme.

use std::fmt::Write;

use graphlay::{Point, Rect};
use maud::{Markup, html};

use super::layout::{self, Placed};
use super::picture::{Picture, Shape, ShapeKind};

/// Radius of the bends of an edge.
const BEND: f64 = 6.0;
/// Length and half the width of an arrow head.
const HEAD: (f64, f64) = (7.0, 3.5);

/// A drawing in a box of its own that scrolls where it is wide, and the same as a list.
pub(crate) struct Figure {
    pub markup: Markup,
    pub width: f64,
}

/// The drawing of a picture; `title` says what it shows.
pub(crate) fn figure(picture: &Picture, title: &str) -> Figure {
    let placed = layout::placed(picture);
    let width = placed.as_ref().map_or(0.0, |placed| placed.width);
    let markup = html! {
        @if let Some(placed) = &placed {
            div.graph tabindex="0" role="group" aria-label=(title) { (drawing(picture, placed, title)) }
        }
        @if picture.is_cut {
            p.note { "Only the nodes nearest to the result are drawn." }
        }
        details.as-text open[placed.is_none()] {
            summary { "The same as a list" }
            ul {
                @for shape in &picture.boxes { li { (shape.tip) } }
            }
        }
    };
    Figure { markup, width }
}

fn drawing(picture: &Picture, placed: &Placed, title: &str) -> Markup {
    let (width, height) = (placed.width.ceil(), placed.height.ceil());
    html! {
        svg viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) style={ "--width:" (width) "px" } role="img" aria-label=(title) {
            @for (wire, (points, _)) in picture.wires.iter().zip(&placed.wires) {
                g.wire {
                    title { (wire.tip) }
                    path.line d=(path(points)) {}
                    path.head d=(head(points)) {}
                }
            }
            @for (shape, place) in picture.boxes.iter().zip(&placed.boxes) { (drawn(shape, place)) }
            @for (wire, (_, label)) in picture.wires.iter().zip(&placed.wires) {
                @if let Some(at) = label { (written(&wire.label, &wire.tip, at)) }
            }
        }
    }
}

/// A box with its text.
fn drawn(shape: &Shape, place: &Rect) -> Markup {
    let middle = place.center();
    let two = !shape.detail.is_empty();
    let class = match shape.kind {
        ShapeKind::Node => "box node",
        ShapeKind::New => "box new",
        ShapeKind::Stop => "box stop",
        ShapeKind::Tensor => "box tensor",
        ShapeKind::Result => "box tensor result",
    };
    let round = match shape.kind {
        ShapeKind::Tensor | ShapeKind::Result => place.height() / 2.0,
        _ => 6.0,
    };
    html! {
        g class=(class) {
            title { (shape.tip) }
            rect x=(short(place.min.x)) y=(short(place.min.y)) width=(short(place.width())) height=(short(place.height())) rx=(round) {}
            text.title x=(short(middle.x)) y=(short(if two { middle.y - 4.0 } else { middle.y + 4.0 })) { (shape.title) }
            @if two { text.detail x=(short(middle.x)) y=(short(middle.y + 13.0)) { (shape.detail) } }
        }
    }
}

/// What is written on an edge, on a ground that hides the line below it.
fn written(label: &str, tip: &str, at: &Point) -> Markup {
    let (width, height) = (
        layout::columns(label) * layout::LABEL + 6.0,
        layout::LABEL_HEIGHT,
    );
    html! {
        g.label {
            title { (tip) }
            rect x=(short(at.x - width / 2.0)) y=(short(at.y - height / 2.0)) width=(short(width)) height=(height) rx="3" {}
            text x=(short(at.x)) y=(short(at.y + 3.5)) { (label) }
        }
    }
}

/// A line through points, round where it bends.
fn path(points: &[Point]) -> String {
    let mut path = String::new();
    for (at, point) in points.iter().enumerate() {
        let neighbours = at.checked_sub(1).map(|k| points[k]).zip(points.get(at + 1));
        // Into a string, which takes everything.
        let _ = match neighbours {
            Some((before, after)) => {
                let [start, end] = [towards(*point, before), towards(*point, *after)];
                let [a, b, c] = [start, *point, end].map(pair);
                write!(path, "L{a}Q{b} {c}")
            }
            None => write!(path, "{}{}", if at == 0 { 'M' } else { 'L' }, pair(*point)),
        };
    }
    path
}

/// The point where a bend at `from` meets its side that leads to `to`.
fn towards(from: Point, to: Point) -> Point {
    let (x, y) = (to.x - from.x, to.y - from.y);
    let length = x.hypot(y);
    let share = match length > 0.0 {
        true => BEND.min(length / 2.0) / length,
        false => 0.0,
    };
    Point::new(from.x + x * share, from.y + y * share)
}

/// A triangle at the end of a line.
fn head(points: &[Point]) -> String {
    let [.., before, end] = points else {
        return String::new();
    };
    let (x, y) = (end.x - before.x, end.y - before.y);
    let length = x.hypot(y).max(f64::MIN_POSITIVE);
    let (x, y) = (x / length, y / length);
    let back = Point::new(end.x - x * HEAD.0, end.y - y * HEAD.0);
    let side = |sign: f64| {
        let (across, along) = (-y * HEAD.1 * sign, x * HEAD.1 * sign);
        pair(Point::new(back.x + across, back.y + along))
    };
    format!("M{}L{}L{}Z", pair(*end), side(1.0), side(-1.0))
}

fn pair(point: Point) -> String {
    format!("{} {}", short(point.x), short(point.y))
}

/// A coordinate to a tenth of a pixel.
fn short(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_round_where_they_bend() {
        let points = [(0.0, 0.0), (0.0, 20.0), (4.0, 20.0)].map(|(x, y)| Point::new(x, y));
        assert_eq!(path(&points), "M0 0L0 14Q0 20 2 20L4 20");
        assert_eq!(head(&points), "M4 20L-3 23.5L-3 16.5Z");
        assert_eq!(head(&points[..1]), "");
    }
}
